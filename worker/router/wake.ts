/** Turns for the agents an event woke: when they are due, whom they interrupt, and what is said where there is no room. */

import { counted } from "#core/access/pair-guard.ts";
import type { Agent } from "#core/configuration/agent.ts";
import type { Facts, Wake, Woken } from "#core/gate/facts.ts";
import type { RoomId } from "#core/protocol/ids.ts";
import { QUEUE_FULL } from "#core/strings/replies.ts";
import type { NewTurn, WaitingEvent } from "#core/turn/turn.ts";
import type { Delivery } from "#ports/delivery.ts";
import type { Clock } from "#ports/host.ts";
import type { Ledger } from "#ports/ledger.ts";
import type { Decision } from "#ports/rooms.ts";
import { newTurn } from "./new-turn.ts";

export interface WakeNeeds {
  ledger: Ledger;
  clock: Clock;
  delivery: Delivery;
}

/** An event that wakes somebody, and where it was said. */
export interface Asked {
  waiting: WaitingEvent;
  facts: Facts;
  origin: RoomId;
}

export type Brought = Pick<Decision, "reason" | "turns" | "controls" | "notices" | "about" | "pairs">;

export async function wake(needs: WakeNeeds, asked: Asked, { woken, hop }: Wake): Promise<Brought> {
  const all = await Promise.all(woken.map((one) => wakeOne(needs, asked, one, hop)));
  const turns = all.flatMap((one) => one.turns);
  const [first] = woken;
  return {
    reason: turns.length > 0 ? `wake_${first?.because ?? "mention"}` : "queue_full",
    turns,
    controls: all.flatMap((one) => one.controls),
    notices: all.flatMap((one) => one.notices),
    pairs: woken
      .filter(({ isCounted }) => isCounted)
      .map(({ agent }) => ({ agent, count: counted(asked.facts.pairs?.get(agent), asked.facts.nowMs) })),
    ...(first ? { about: first.agent } : {}),
  };
}

/** Turns that are over already. Nobody is asked about them, but their agents remember them. */
export async function asContext(
  needs: WakeNeeds,
  asked: Asked,
  woken: readonly Woken[],
  hop: number,
): Promise<Brought> {
  const turns = await Promise.all(
    woken.map(async (one): Promise<NewTurn[]> => {
      const agent = agentOf(asked, one);
      return agent ? [{ ...(await turnFor(needs, asked, agent, one, hop)), ending: "context" }] : [];
    }),
  );
  const [first] = woken;
  return {
    ...{ reason: "too_old", turns: turns.flat(), controls: [], notices: [] },
    ...(first ? { about: first.agent } : {}),
  };
}

/** As it was when the gate looked at it. */
const agentOf = ({ facts }: Asked, { agent: id }: Woken): Agent | undefined =>
  facts.present.find(({ agent }) => agent.id === id)?.agent;

function turnFor(
  { ledger }: WakeNeeds,
  { waiting: { event }, facts, origin }: Asked,
  agent: Agent,
  { text, direct, opened }: Woken,
  hop: number,
): Promise<NewTurn> {
  const { nowMs, ageMs } = facts;
  const { debounce } = agent.turns;
  return newTurn(ledger, {
    ...{ agent, event, text, direct, opened, origin, hop },
    askedAtMs: nowMs - ageMs,
    notBeforeMs: debounce > 0 ? nowMs + debounce * 1_000 : 0,
  });
}

async function wakeOne(
  needs: WakeNeeds,
  asked: Asked,
  woken: Woken,
  hop: number,
): Promise<Pick<Decision, "turns" | "controls" | "notices">> {
  const none = { turns: [], controls: [], notices: [] };
  const agent = agentOf(asked, woken);
  if (!agent) return none;
  const turn = await turnFor(needs, asked, agent, woken, hop);
  const { count, oldest } = await needs.ledger.waitingIn(turn.session);
  if (count >= agent.turns.queue) {
    const { roomId, threadRoot } = turn;
    // Named after the turn that is waited for: so long as it is the same one, this is said once.
    const where = {
      agent: agent.id,
      roomId,
      cause: `full-${oldest ?? turn.id}`,
      ...(threadRoot ? { threadRoot } : {}),
    };
    return { ...none, notices: [needs.delivery.notice(where, QUEUE_FULL.replace("{count}", String(count)))] };
  }
  const takesOver = count > 0 && agent.turns.whileBusy === "interrupt";
  return { ...none, turns: [turn], controls: takesOver ? [{ session: turn.session, kind: "interrupt" }] : [] };
}
