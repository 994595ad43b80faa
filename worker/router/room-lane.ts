/**
 * The room lane: every stored event of a room, in order: facts, gate, act. An event is decided once, however many agents
 * are in the room, and its verdict is stored on its row.
 */
import type { Ignored, Verdict } from "#core/gate/facts.ts";
import { gate } from "#core/gate/gate.ts";
import { threadChange } from "#core/gate/threads.ts";
import { keyOfOwn } from "#core/message/mark.ts";
import { type LaneId, sessionLane } from "#core/turn/lane.ts";
import type { WaitingEvent } from "#core/turn/turn.ts";
import type { Running, Work } from "#ports/lanes.ts";
import type { Confirmation, IgnoredEvent, Settled } from "#ports/rooms.ts";
import { act } from "./act.ts";
import { type Gathered, gather, type RoomCache, roomCache } from "./gather.ts";
import type { Occasion } from "./occasion.ts";
import type { ActNeeds } from "./wake.ts";

/** Events taken in one read of the ledger. */
const EVENTS_MAX = 50;

export interface Needs extends ActNeeds {
  /** Rings lanes; resolves when the rings are on their way. */
  ring: (lanes: readonly LaneId[]) => Promise<void>;
}

export function roomLane(needs: Needs): Work {
  return async (running) => {
    for (;;) {
      const events = await needs.ledger.nextEvents(running.lease, EVENTS_MAX);
      if (events.length === 0 || (await runBatch(needs, running, events)) === "lost") return;
      // The pump asks whether there is more, after the lane was let go.
      if (events.length < EVENTS_MAX) return;
    }
  };
}

/** Verdicts without other effects are stored many at a time; each of the others alone, in its place. */
async function runBatch(needs: Needs, running: Running, events: readonly WaitingEvent[]): Promise<"on" | "lost"> {
  const ignored: IgnoredEvent[] = [];
  const flush = async () => ignored.length === 0 || needs.ledger.ignore(running.lease, ignored.splice(0));
  const rooms = roomCache(needs.ledger);
  for (const waiting of events) {
    if (running.lost.aborted) return "lost";
    const gathered = await gather(needs, waiting, rooms);
    const { message, facts } = gathered.occasion;
    const verdict = gate(message, facts);
    const changes = await changesOf(needs, gathered, verdict);
    if (verdict.kind === "ignore")
      needs.log("event_dropped", { eventId: waiting.event.event_id, reason: verdict.reason });
    if (verdict.kind === "ignore" && changes === undefined) {
      ignored.push(ignoredEvent(waiting, verdict));
      continue;
    }
    if (!(await flush()) || !(await settle(needs, running, gathered.occasion, verdict, changes))) return "lost";
    clearStale(rooms, verdict, changes);
    if (mayReadBack(verdict)) return "on";
  }
  return (await flush()) ? "on" : "lost";
}

const ignoredEvent = ({ seq }: WaitingEvent, { kind: _, ...why }: Ignored): IgnoredEvent => ({ seq, ...why });

/** The changes an event makes beside its verdict's. */
type Changes = Pick<Settled, "members" | "confirmed" | "state" | "thread">;

/** Undefined when it makes none, as most do not. */
async function changesOf(needs: Needs, { occasion, needed }: Gathered, verdict: Verdict): Promise<Changes | undefined> {
  const { message, facts } = occasion;
  // A soft-failed event has failed the room's own rules, so it changes nothing.
  if (facts.softFailed) return undefined;
  const confirmed = await confirmation(needs, occasion);
  const thread = threadChange(message, facts, verdict);
  const { membership, state } = needed;
  if (!confirmed && !thread && !membership && !state) return undefined;
  return {
    members: membership ? [membership] : [],
    ...(confirmed ? { confirmed } : {}),
    ...(state ? { state } : {}),
    ...(thread ? { thread } : {}),
  };
}

/** Our own event came back: that proves a send whose answer was lost. Most answers were not. */
async function confirmation({ ledger }: Needs, { message, facts }: Occasion): Promise<Confirmation | undefined> {
  const { event, mark } = message;
  const key = facts.sender.isOurs && mark ? keyOfOwn(mark, event) : undefined;
  if (key === undefined || (await ledger.outboxRow(key))?.state !== "frozen") return undefined;
  return { key, userId: event.sender, eventId: event.event_id };
}

/** Clears the cached facts where the event may have changed them. */
function clearStale(rooms: RoomCache, verdict: Verdict, changes: Changes | undefined): void {
  if (changes?.state || (changes?.members.length ?? 0) > 0 || verdict.kind !== "wake") rooms.clear();
}

/** After a join events may have been read back that belong before the ones in hand: fetch again. */
const mayReadBack = ({ kind }: Verdict): boolean => kind === "join" || kind === "follow" || kind === "command";

async function settle(
  needs: Needs,
  { lease }: Running,
  occasion: Occasion,
  verdict: Verdict,
  changes: Changes | undefined,
): Promise<boolean> {
  const outcome = await act(needs, occasion, verdict);
  // The join has just read who is in the room: the invitation is outdated, save for whether it was to a direct chat.
  const members = (changes?.members ?? []).map((one) =>
    outcome.reason === "join" ? { ...one, membership: "join" as const } : one,
  );
  if (!(await needs.ledger.settle(lease, occasion.waiting, { ...outcome, ...changes, members }))) return false;
  const begun = outcome.turns.filter(({ ending }) => ending === undefined);
  const sessions = [...begun, ...outcome.controls].map(({ session }) => sessionLane(session));
  const lanes = new Set([...sessions, ...outcome.notices.map(({ lane }) => lane)]);
  // After the write: the sweep makes up for a lost ring, but nothing for a turn that was never stored.
  if (lanes.size > 0) await needs.ring([...lanes]);
  return true;
}
