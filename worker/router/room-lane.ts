/**
 * The room lane: takes every stored event of a room, in order, through facts, gate and act. An event is decided once,
 * however many agents are in the room, and its verdict is stored on its row.
 */
import { BOUNDS } from "#core/bounds.ts";
import type { Ignored, Verdict } from "#core/gate/facts.ts";
import { gate } from "#core/gate/gate.ts";
import { threadChange } from "#core/gate/threads.ts";
import { keyOfOwn } from "#core/message/mark.ts";
import { caught, type Result } from "#core/result.ts";
import { isDue } from "#core/turn/clocks.ts";
import { sessionLane } from "#core/turn/lane.ts";
import type { WaitingEvent } from "#core/turn/turn.ts";
import type { Running, Work } from "#ports/lanes.ts";
import type { Confirmation, IgnoredEvent, RoomProgress, Settled } from "#ports/rooms.ts";
import { act } from "./act.ts";
import { afterFailure, type FailureNeeds } from "./failures.ts";
import { type Gathered, type GatherNeeds, gather, type RoomCache } from "./gather.ts";
import type { Occasion } from "./occasion.ts";
import { beginStint, type Stint, type StintNeeds } from "./rooms/stint.ts";
import type { ActNeeds } from "./wake.ts";

export interface Needs extends GatherNeeds, ActNeeds, FailureNeeds, StintNeeds {
  ledger: ActNeeds["ledger"];
}

export function roomLane(needs: Needs): Work<readonly WaitingEvent[]> {
  return async (running, first) => {
    let events = first;
    while (events.length > 0) {
      const progress = await runBatch(needs, running, events);
      if (progress === "lost") return undefined;
      if (progress.isReleased) return "released";
      events = progress.next;
      // The database of a file answers at once, so without this a long queue would be one stretch of work.
      if (events.length > 0) await needs.clock.sleep(0);
    }
    return undefined;
  };
}

type Progress = Omit<RoomProgress, "isWritten">;

/** There is nothing to do in the room for now, and its lane is still leased. */
const REST: Progress = { next: [], isReleased: false };

/**
 * Verdicts without other effects are stored many at a time, every other one alone, in its place. The last write reads
 * the next events, or releases the lane where there are none.
 */
async function runBatch(needs: Needs, running: Running, events: readonly WaitingEvent[]): Promise<Progress | "lost"> {
  const ignored: IgnoredOnly[] = [];
  const cache: RoomCache = { room: undefined };
  for (const [at, waiting] of events.entries()) {
    await giveWay(needs, at);
    if (running.lost.aborted) return "lost";
    const mayTry = isDue(waiting.notBeforeMs, needs.clock.now()) && needs.mayGoOn?.() !== false;
    const decided = mayTry ? await caught(decide(needs, waiting, cache)) : undefined;
    if (decided?.ok && isIgnored(decided.value)) {
      ignored.push(decided.value);
      continue;
    }
    const before = await ignoreAll(needs, running, ignored.splice(0));
    if (before !== "stored") return before;
    const after = await settleOne(needs, running, waiting, decided, at === events.length - 1);
    if (after === "stale") cache.room = undefined;
    else if (after !== "on") return after;
  }
  return ignoreLast(needs, running, ignored);
}

/** Lets other work go on before some of the events. */
async function giveWay({ clock }: Needs, at: number): Promise<void> {
  if (at > 0 && at % BOUNDS.eventsAStretch.max === 0) await clock.sleep(0);
}

/** `on`: the next event of the batch follows. `stale`: it does too, and the room's facts may have changed. */
async function settleOne(
  needs: Needs,
  running: Running,
  waiting: WaitingEvent,
  decided: Result<Decided, unknown> | undefined,
  isLast: boolean,
): Promise<Progress | "on" | "stale" | "lost"> {
  if (!decided) return REST;
  if (!decided.ok) return fail(needs, running, waiting, decided.error);
  const stint = beginStint(needs, running.lease, waiting);
  const settled = await caught(settle(needs, running, decided.value, isLast, stint));
  if (!settled.ok) {
    const failed = stint.hasProgressed ? { ...waiting, failures: 0 } : waiting;
    return fail(needs, running, failed, settled.error, decided.value.changes);
  }
  if (settled.value === "unfinished") return REST;
  if (settled.value === "lost" || isLast) return settled.value;
  if (!mayReadBack(decided.value)) return isStale(decided.value) ? "stale" : "on";
  return { next: await needs.ledger.nextEvents(running.lease, BOUNDS.eventsAtOnce.max), isReleased: false };
}

async function fail(
  needs: Needs,
  running: Running,
  waiting: WaitingEvent,
  error: unknown,
  changes?: Changes,
): Promise<Progress | "lost"> {
  const progress = await afterFailure(needs, running, { waiting, error, changes });
  return progress ? progressOf(progress) : REST;
}

/** Stores these verdicts, all at once. Where that fails they are stored one by one, so that one cannot spoil the others. */
async function ignoreAll(
  needs: Needs,
  running: Running,
  ignored: readonly IgnoredOnly[],
): Promise<Progress | "stored" | "lost"> {
  const [first, second] = ignored;
  if (!first) return "stored";
  const { lease } = running;
  const stored = await caught(needs.ledger.ignore(lease, ignored.map(ignoredEvent)));
  if (stored.ok) return stored.value ? "stored" : "lost";
  if (!second) return fail(needs, running, first.occasion.waiting, stored.error);
  for (const one of ignored) {
    const alone = await ignoreAll(needs, running, [one]);
    if (alone !== "stored") return alone;
  }
  return "stored";
}

/** The same for the last verdicts of a batch, and reads the next events or releases the lane. */
async function ignoreLast(needs: Needs, running: Running, ignored: readonly IgnoredOnly[]): Promise<Progress | "lost"> {
  const { ledger } = needs;
  const { lease, release } = running;
  const stored = await caught(release(() => ledger.ignoreAndNext(lease, ignored.map(ignoredEvent))));
  if (stored.ok) return progressOf(stored.value);
  const alone = await ignoreAll(needs, running, ignored);
  return alone === "stored" ? REST : alone;
}

interface Decided {
  occasion: Occasion;
  verdict: Verdict;
  changes: Changes | undefined;
}

async function decide(needs: Needs, waiting: WaitingEvent, cache: RoomCache): Promise<Decided> {
  const gathered = await gather(needs, waiting, cache);
  const { occasion } = gathered;
  const verdict = gate(occasion.message, occasion.facts);
  // Refused invitations are counted instead (rooms/refusals.ts): strangers can send them as fast as they like.
  if (verdict.kind === "ignore" && occasion.facts.invited === undefined) {
    needs.log("event_dropped", { eventId: waiting.event.event_id, reason: verdict.reason });
    if (verdict.reason === "may_not_speak") await tellOperator(needs, occasion, verdict);
  }
  return { occasion, verdict, changes: changesOf(gathered, verdict) };
}

/** One line a minute for a room: its users can write as much as they like. */
async function tellOperator(
  { ledger, log }: Needs,
  { facts: { room, nowMs } }: Occasion,
  { about, evidence }: Ignored,
): Promise<void> {
  const bucket = { key: `silent:${room.id}`, perMinute: 1 };
  if ((await ledger.takeTokens([bucket], nowMs)) === 0)
    log("agent_may_not_speak", { agent: about, room: room.id, ...evidence });
}

const progressOf = ({ isWritten, ...progress }: RoomProgress): Progress | "lost" => (isWritten ? progress : "lost");

/** A verdict without other effects. */
type IgnoredOnly = Decided & { verdict: Ignored; changes: undefined };

const isIgnored = (decided: Decided): decided is IgnoredOnly =>
  decided.verdict.kind === "ignore" && decided.changes === undefined;

function ignoredEvent({ occasion: { waiting }, verdict: { kind: _, ...why } }: IgnoredOnly): IgnoredEvent {
  return { seq: waiting.seq, ...why };
}

/** The changes an event makes beside its verdict's. */
type Changes = Pick<Settled, "members" | "confirmed" | "state" | "thread">;

/** Undefined when the event makes none, which is the common case. */
function changesOf({ occasion, needed, markedRow }: Gathered, verdict: Verdict): Changes | undefined {
  const { message, facts } = occasion;
  // A soft-failed event has failed the room's own rules, so it changes nothing.
  if (facts.softFailed) return undefined;
  const confirmed = markedRow === "open" ? confirmation(occasion) : undefined;
  const thread = threadChange(message, facts, verdict);
  const { membership, state } = needed;
  // A refused invitation leaves nothing behind: strangers choose the room and, in a family, the name.
  const isRefused = facts.invited !== undefined && verdict.kind !== "join";
  const members = membership && !isRefused ? [membership] : [];
  if (!confirmed && !thread && members.length === 0 && !state) return undefined;
  return {
    members,
    ...(confirmed ? { confirmed } : {}),
    ...(state ? { state } : {}),
    ...(thread ? { thread } : {}),
  };
}

/** The send that our own event proves when it comes back, even if the homeserver's answer was lost. */
function confirmation({ message: { event, mark }, facts }: Occasion): Confirmation | undefined {
  const key = facts.sender.isOurs && mark ? keyOfOwn(mark, event) : undefined;
  return key && { key, userId: event.sender, eventId: event.event_id };
}

/** True when the event may have changed the facts of its room. */
const isStale = ({ verdict, changes }: Decided): boolean =>
  changes?.state !== undefined || (changes?.members.length ?? 0) > 0 || verdict.kind !== "wake";

/** True for verdicts that may join a room: events may have been read back that belong before those in hand. */
const mayReadBack = ({ verdict: { kind } }: Decided): boolean =>
  kind === "join" || kind === "follow" || kind === "command";

async function settle(
  needs: Needs,
  { lease, release }: Running,
  { occasion, verdict, changes }: Decided,
  isLast: boolean,
  stint: Stint,
): Promise<Progress | "unfinished" | "lost"> {
  const { ledger, ring } = needs;
  const { waiting } = occasion;
  const outcome = await act(needs, occasion, verdict, stint);
  if (outcome === "unfinished") return outcome;
  const settled = { ...outcome, ...changes, members: outcome.members ?? changes?.members ?? [] };
  const written = isLast
    ? await release(() => ledger.settleAndNext(lease, waiting, settled))
    : { isWritten: await ledger.settle(lease, waiting, settled), next: [], isReleased: false };
  if (!written.isWritten) return "lost";
  const begun = outcome.turns.filter(({ ending }) => ending === undefined);
  const sessions = [...begun, ...outcome.controls].map(({ session }) => sessionLane(session));
  const lanes = new Set([...sessions, ...outcome.notices.map(({ lane }) => lane)]);
  // After the write: a lost ring is made up for by the sweep, a turn that was never stored is not.
  if (lanes.size > 0) await ring([...lanes]);
  return progressOf(written);
}
