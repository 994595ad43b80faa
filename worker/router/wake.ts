/** Turns for the agents an event wakes: when they are due, which ones they interrupt, and the notice for a full queue. */

import { countOneMore } from "#core/access/pair-guard.ts";
import { BOUNDS } from "#core/bounds.ts";
import { cutEntry, type Grounds, grounds } from "#core/gate/evidence.ts";
import type { Verdict, Wake, Woken } from "#core/gate/facts.ts";
import { queueFull, TOO_MANY_TURNS } from "#core/strings/replies.ts";
import type { NewTurn } from "#core/turn/turn.ts";
import type { Delivery } from "#ports/delivery.ts";
import type { Ledger } from "#ports/ledger.ts";
import type { Settled } from "#ports/rooms.ts";
import type { OpenTurns } from "#ports/turns.ts";
import { causeOf } from "./digest.ts";
import { newTurn } from "./new-turn.ts";
import type { Occasion } from "./occasion.ts";
import type { JoinNeeds } from "./rooms/join.ts";

export interface WakeNeeds {
  ledger: Ledger;
  delivery: Delivery;
}

/** Everything that carrying out a verdict may need. */
export type ActNeeds = JoinNeeds & WakeNeeds;

/** The effects of a verdict that was carried out, to be stored with it. */
export interface Outcome extends Omit<Settled, "members" | "confirmed" | "state" | "thread"> {
  /** The memberships to store in place of the event's own. */
  members?: Settled["members"];
}

export const NO_EFFECTS = { turns: [], controls: [], notices: [] };

/** Makes a turn for each woken agent whose queue has room. */
export async function wake(needs: WakeNeeds, occasion: Occasion, { woken, hop }: Wake): Promise<Outcome> {
  const all = await Promise.all(woken.map((one) => wakeOne(needs, occasion, one, hop)));
  const { pairs, nowMs } = occasion.facts;
  const [first] = woken;
  return {
    ...groundsOf(first, all),
    turns: all.flatMap(({ turns }) => turns),
    controls: all.flatMap(({ controls }) => controls),
    notices: all.flatMap(({ notices }) => notices),
    pairs: woken
      .filter(({ isCounted }) => isCounted)
      .map(({ concerned: { agent } }) => ({ agent: agent.id, count: countOneMore(pairs?.get(agent.id), nowMs) })),
    ...(first ? { about: first.concerned.agent.id } : {}),
  };
}

function groundsOf(first: Woken | undefined, all: readonly Woke[]): Grounds {
  const full = all.find((one) => one.full !== undefined)?.full;
  if (full && all.every(({ turns }) => turns.length === 0)) return full;
  const because = first?.because ?? "mention";
  return because === "mention" && first?.pattern !== undefined
    ? grounds("wake_mention", { pattern: cutEntry(first.pattern) })
    : { reason: `wake_${because}` };
}

/** Makes turns that have already ended: no backend is asked, but the agents see them as context. */
export async function rememberAsContext(
  { ledger }: WakeNeeds,
  occasion: Occasion,
  { woken, hop }: Extract<Verdict, { kind: "too_old" }>,
): Promise<Outcome> {
  const turns = await Promise.all(
    woken.map(async (one): Promise<NewTurn> => {
      const { turn } = await newTurn(ledger, occasion, one, hop);
      return { ...turn, ending: "context" };
    }),
  );
  const { ageMs } = occasion.facts;
  const [agent] = woken.map(({ concerned }) => concerned.agent);
  const evidence = agent && { ageMs, limitMs: agent.turns.eventAge * 1_000 };
  return { ...NO_EFFECTS, ...grounds("too_old", evidence), turns, ...(agent ? { about: agent.id } : {}) };
}

interface Woke extends Pick<Settled, "turns" | "controls" | "notices"> {
  /** Set when the queue had no room for the turn. */
  full?: Grounds;
}

/** A room is told again after this time that it has too many turns. */
const TOLD_MS = 10 * 60_000;

function crowd(open: OpenTurns): Grounds | undefined {
  const limits = [
    ["sender", BOUNDS.openTurnsOfSender.max],
    ["room", BOUNDS.openTurnsOfRoom.max],
    ["all", BOUNDS.openTurns.max],
  ] as const;
  const [of, limit] = limits.find(([whose, max]) => open[whose] >= max) ?? [];
  return of && limit ? grounds("too_many_turns", { of, open: open[of], limit }) : undefined;
}

async function wakeOne({ ledger, delivery }: WakeNeeds, occasion: Occasion, woken: Woken, hop: number): Promise<Woke> {
  const { agent } = woken.concerned;
  const {
    turn,
    waiting: { count, oldest },
    open,
  } = await newTurn(ledger, occasion, woken, hop);
  const { queue, whileBusy } = agent.turns;
  const { roomId, threadRoot } = turn;
  const crowded = crowd(open);
  if (crowded) {
    const cause = causeOf("crowd", [agent.id, roomId, String(Math.floor(occasion.facts.nowMs / TOLD_MS))]);
    const notice = delivery.notice({ agent: agent.id, roomId, cause }, TOO_MANY_TURNS);
    return { ...NO_EFFECTS, notices: [notice], full: crowded };
  }
  if (count >= queue) {
    // Named after the oldest waiting turn: while it waits, the notice is sent once.
    const cause = `full-${oldest ?? turn.id}`;
    const place = { agent: agent.id, roomId, cause, ...(threadRoot ? { threadRoot } : {}) };
    return {
      ...NO_EFFECTS,
      notices: [delivery.notice(place, queueFull(count))],
      full: grounds("queue_full", { waiting: count, limit: queue }),
    };
  }
  const interrupts = count > 0 && whileBusy === "interrupt";
  return { ...NO_EFFECTS, turns: [turn], controls: interrupts ? [{ session: turn.session, kind: "interrupt" }] : [] };
}
