/**
 * The room lane: every stored event of a room, in order: facts → gate → act. One event is decided once, however many
 * agents are in the room, and the verdict rests on its row.
 */
import type { Verdict } from "#core/gate/facts.ts";
import { gate } from "#core/gate/gate.ts";
import { keyOfOwn } from "#core/message/mark.ts";
import { EVENTS_MAX, type LaneId } from "#core/turn/lane.ts";
import type { WaitingEvent } from "#core/turn/turn.ts";
import type { Running, Work } from "#ports/lanes.ts";
import type { Decision } from "#ports/rooms.ts";
import { act, threadOf } from "./act.ts";
import type { CommandNeeds } from "./commands/order.ts";
import { type Gathered, gather, type Look, oneLook } from "./gather.ts";

export interface Needs extends CommandNeeds {
  /** Tells the session lanes; never waited for longer than a ring takes. */
  ring: (lanes: readonly LaneId[]) => Promise<void>;
}

export function roomLane(needs: Needs): Work<readonly WaitingEvent[]> {
  return async (running, first) => {
    for (let events = first; events.length > 0; ) {
      if ((await several(needs, running, events)) === "lost") return undefined;
      // Whether there is more by now the pump asks, after the lane was let go.
      if (events.length < EVENTS_MAX) return undefined;
      events = await needs.ledger.nextEvents(running.lease, EVENTS_MAX);
    }
    return undefined;
  };
}

/** What brings nothing is written down many at a time; everything else alone, in its place. */
async function several(needs: Needs, running: Running, events: readonly WaitingEvent[]): Promise<"on" | "lost"> {
  const ignored: ReturnType<typeof droppedFor>[] = [];
  const flush = async () => ignored.length === 0 || needs.ledger.ignore(running.lease, ignored.splice(0));
  const look = oneLook(needs.ledger);
  for (const waiting of events) {
    if (running.lost.aborted) return "lost";
    const gathered = await gather(needs, waiting, look);
    const verdict = gate(waiting.event, gathered.facts);
    const news = await newsOf(needs, waiting, gathered, verdict);
    if (verdict.kind === "ignore")
      needs.log("event_dropped", { eventId: waiting.event.event_id, reason: verdict.reason });
    if (verdict.kind === "ignore" && news === undefined) {
      ignored.push(droppedFor(waiting, verdict));
      continue;
    }
    if (!(await flush()) || !(await conclude(needs, running, waiting, verdict, gathered, news))) return "lost";
    if (forgets(look, verdict, news) === "again") return "on";
  }
  return (await flush()) ? "on" : "lost";
}

const droppedFor = ({ seq }: WaitingEvent, { reason, about }: Extract<Verdict, { kind: "ignore" }>) => ({
  ...{ seq, reason },
  ...(about ? { about } : {}),
});

/** What an event tells beside its verdict. */
type News = Pick<Decision, "members" | "confirmed" | "state" | "thread">;

/** Undefined when it tells nothing, as most do. */
async function newsOf(
  { ledger }: Needs,
  { event }: WaitingEvent,
  { asked, facts, room }: Gathered,
  verdict: Verdict,
): Promise<News | undefined> {
  // What the homeserver itself would not show changes nothing: it failed the room's own rules.
  if (facts.softFailed) return undefined;
  const key = facts.sender.isOurs ? keyOfOwn(event) : undefined;
  // Our own event came back: that proves a send whose answer was lost. Most answers were not.
  const isProof = key !== undefined && (await ledger.outboxRow(key))?.state === "open";
  const news: News = {
    members: asked.membership ? [asked.membership] : [],
    ...(isProof ? { confirmed: { key, userId: event.sender, eventId: event.event_id } } : {}),
    ...(asked.state ? { state: asked.state } : {}),
    ...threadOf(event, facts, room.origin, verdict),
  };
  return Object.keys(news).length > 1 || news.members.length > 0 ? news : undefined;
}

/** What was looked at may not hold any more; after a join events were read back that come before those in hand. */
function forgets(look: Look, verdict: Verdict, news: News | undefined): "on" | "again" {
  if (news?.state || (news?.members.length ?? 0) > 0 || verdict.kind !== "wake") look.forget();
  return verdict.kind === "join" || verdict.kind === "follow" || verdict.kind === "command" ? "again" : "on";
}

async function conclude(
  needs: Needs,
  { lease }: Running,
  waiting: WaitingEvent,
  verdict: Verdict,
  { facts, room }: Gathered,
  news: News | undefined,
): Promise<boolean> {
  const acted = await act(needs, { waiting, facts, origin: room.origin }, room, verdict);
  // A join has just read who is in the room; that its ghost was invited is old news by then, but not how.
  const members = (news?.members ?? []).map((one) =>
    acted.reason === "join" ? { ...one, membership: "join" as const } : one,
  );
  if (!(await needs.ledger.decide(lease, waiting, { ...acted, ...news, members }))) return false;
  const begun = acted.turns.filter(({ ending }) => ending === undefined);
  const sessions = [...begun.map((turn) => turn.session), ...acted.controls.map(({ session }) => session)];
  const lanes = new Set([
    ...sessions.map((session): LaneId => `session:${session}`),
    ...acted.notices.map(({ lane }) => lane),
  ]);
  // After the write: a lost ring is made good by the sweep, a turn that was never stored by nobody.
  if (lanes.size > 0) await needs.ring([...lanes]);
  return true;
}
