/** Turns for the agents an event woke: when they are due, whom they interrupt, and what is said where there is no room. */
import type { Agent } from "#core/agent.ts";
import { asks, type Facts, promptText, type Verdict } from "#core/gate.ts";
import type { AgentId } from "#core/protocol/ids.ts";
import { QUEUE_FULL } from "#core/strings.ts";
import type { NewTurn, WaitingEvent } from "#core/turn.ts";
import type { Clock, Decision, Delivery, Ledger } from "#ports";
import { newTurn } from "./new-turn.ts";

export interface WakeNeeds {
  ledger: Ledger;
  clock: Clock;
  delivery: Delivery;
}

type Woken = Pick<Decision, "turns" | "controls" | "notices">;

export async function wake(
  needs: WakeNeeds,
  waiting: WaitingEvent,
  { agents, reason }: Extract<Verdict, { kind: "wake" }>,
  facts: Facts,
): Promise<Omit<Decision, "members">> {
  const woken = await Promise.all(agents.map((agent) => wakeOne(needs, waiting, agent, facts)));
  const turns = woken.flatMap((one) => one.turns);
  return {
    reason: turns.length > 0 ? `wake_${reason}` : "queue_full",
    turns,
    controls: woken.flatMap((one) => one.controls),
    notices: woken.flatMap((one) => one.notices),
  };
}

/** A turn that is over already. Nobody is asked about it, but its agent remembers it. */
export const asContext = ({ clock }: WakeNeeds, waiting: WaitingEvent, agent: AgentId, facts: Facts): NewTurn => ({
  ...turnFor(waiting, agent, facts, clock.now()),
  ending: "context",
});

const turnFor = ({ event }: WaitingEvent, agent: AgentId, { ageMs, joinedCount }: Facts, nowMs: number): NewTurn =>
  newTurn({
    ...{ agent, event, text: promptText(event), direct: joinedCount === 2, thread: asks(event).threadRoot },
    ...{ askedAtMs: nowMs - ageMs, notBeforeMs: 0 },
  });

async function wakeOne(
  { ledger, clock, delivery }: WakeNeeds,
  waiting: WaitingEvent,
  id: AgentId,
  facts: Facts,
): Promise<Woken> {
  const agent = await ledger.agent(id);
  const none: Woken = { turns: [], controls: [], notices: [] };
  if (!agent) return none;
  const nowMs = clock.now();
  const { debounce } = agent.turns;
  const turn = {
    ...turnFor(waiting, id, facts, nowMs),
    notBeforeMs: debounce > 0 ? nowMs + debounce * 1_000 : 0,
  };
  const { count, oldest } = await ledger.waitingIn(turn.session);
  if (count >= agent.turns.queue) {
    const { roomId, threadRoot } = turn;
    // Named after the turn that is waited for: so long as it is the same one, this is said once.
    const where = { agent: id, roomId, cause: `full-${oldest ?? turn.id}`, ...(threadRoot ? { threadRoot } : {}) };
    return { ...none, notices: [delivery.notice(where, QUEUE_FULL.replace("{count}", String(count)))] };
  }
  const takesOver = count > 0 && interrupts(agent);
  return { ...none, turns: [turn], controls: takesOver ? [{ session: turn.session, kind: "interrupt" }] : [] };
}

/** No backend can be steered yet, so what would steer it waits in the queue. */
const interrupts = ({ turns }: Agent): boolean => turns.whileBusy === "interrupt";
