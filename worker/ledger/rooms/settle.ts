/** Writes verdicts on the events' rows: one with all its effects, or many that have no other effect. */
import { BOUNDS } from "#core/bounds.ts";
import { evidenceText } from "#core/gate/evidence.ts";
import type { MembershipKind } from "#core/gate/needs.ts";
import { isOurs, type Namespace } from "#core/protocol/ids.ts";
import type { Lease } from "#core/turn/lane.ts";
import { textOf, type WaitingEvent } from "#core/turn/turn.ts";
import type { Ledger } from "#ports/ledger.ts";
import type { IgnoredEvent, RoomProgress, Settled } from "#ports/rooms.ts";
import { jsonLists } from "../sql/bulk.ts";
import { countOfLast, isHeld, literals, releaseUnless, roomOf, type Sql, sql } from "../sql/database.ts";
import type { NotingDatabase } from "../sql/noted.ts";
import { storedPrompt } from "../sql/stored.ts";
import { endOpen, insertPlain } from "../turns/outbox.ts";
import { insertDeadLetter } from "../upkeep/dead-letters.ts";
import { EMPTIED_MARK } from "../upkeep/forgetting.ts";
import { placeOf, placeOfType, placesOfRoom, READ } from "./places.ts";
import { redaction } from "./redaction.ts";
import { readWaiting, selectWaiting } from "./waiting.ts";

export function settling(
  database: NotingDatabase,
): Pick<Ledger, "settle" | "ignore" | "settleAndNext" | "ignoreAndNext"> {
  const { atomic, namespace } = database;
  const settlement = (lease: Lease, waiting: WaitingEvent, settled: Settled): Sql[] => [
    ...effectsOf(namespace, lease, waiting, settled),
    verdictOf(lease, waiting, settled),
  ];
  return {
    settle: async (lease, waiting, settled) => countOfLast(await atomic(settlement(lease, waiting, settled))) === 1,

    async settleAndNext(lease, waiting, settled) {
      const results = await atomic([...settlement(lease, waiting, settled), ...nextOrRelease(lease)]);
      return { isWritten: results.at(-3)?.length === 1, ...(await progressOf(database, lease, results)) };
    },

    // Durable although nothing is promised: otherwise the next push would flush these many rows while the homeserver waits.
    ignore: async (lease, ignored) =>
      countOfLast(await atomic(verdictsOf(lease, ignored), "durable")) === ignored.length,

    async ignoreAndNext(lease, ignored) {
      const results = await atomic([...verdictsOf(lease, ignored), ...nextOrRelease(lease)], "durable");
      return { isWritten: results.at(-3)?.length === ignored.length, ...(await progressOf(database, lease, results)) };
    },
  };
}

const nextOrRelease = (lease: Lease): Sql[] => [
  selectWaiting(roomOf(lease), isHeld(lease), BOUNDS.eventsAtOnce.max),
  releaseUnless(lease, sql`SELECT 1 FROM events WHERE room_id = ${roomOf(lease)} AND verdict IS NULL`),
];

const progressOf = async (
  database: NotingDatabase,
  lease: Lease,
  results: readonly unknown[][],
): Promise<Omit<RoomProgress, "isWritten">> => ({
  next: await readWaiting(database, lease, results.at(-2)),
  isReleased: countOfLast(results) === 1,
});

/** Contents up to the mark were emptied; an event that was not decided then is emptied with its verdict. */
const EMPTIED_LATE = sql`
  event = CASE
    WHEN seq <= (SELECT CAST(value AS INTEGER) FROM marks WHERE name = ${EMPTIED_MARK}) THEN ''
    ELSE event
  END`;

const verdictOf = (lease: Lease, { seq }: WaitingEvent, { reason, about, evidence }: Settled): Sql => sql`
  UPDATE events
  SET verdict = ${reason}, about = ${about ?? null}, evidence = ${evidenceText(evidence)}, ${EMPTIED_LATE}
  WHERE seq = ${seq} AND verdict IS NULL AND ${isHeld(lease)} RETURNING seq`;

function verdictsOf(lease: Lease, ignored: readonly IgnoredEvent[]): Sql[] {
  const rows = JSON.stringify(
    ignored.map(({ seq, reason, about, evidence }) => [seq, reason, about ?? null, evidenceText(evidence)]),
  );
  return [
    sql`
      INSERT INTO verdicts (verdict, count)
      SELECT value ->> 1, count(*) FROM json_each(${rows})
      WHERE EXISTS (SELECT 1 FROM events WHERE seq = value ->> 0 AND verdict IS NULL) AND ${isHeld(lease)}
      GROUP BY value ->> 1
      ON CONFLICT (verdict) DO UPDATE SET count = verdicts.count + excluded.count`,
    sql`
      UPDATE events
      SET verdict = one.value ->> 1, about = one.value ->> 2, evidence = one.value ->> 3, ${EMPTIED_LATE}
      FROM json_each(${rows}) AS one
      WHERE events.seq = one.value ->> 0 AND events.verdict IS NULL AND ${isHeld(lease)}
      RETURNING events.seq`,
  ];
}

/** Everything a verdict settles, each statement guarded by the lease and by the event having no verdict yet. */
function effectsOf(namespace: Namespace, lease: Lease, waiting: WaitingEvent, settled: Settled): Sql[] {
  const guard = sql`EXISTS (SELECT 1 FROM events WHERE seq = ${waiting.seq} AND verdict IS NULL) AND ${isHeld(lease)}`;
  const { redacted, confirmed, deadLetter } = settled;
  return [
    sql`
      INSERT INTO verdicts (verdict, count) SELECT ${settled.reason}, 1 WHERE ${guard}
      ON CONFLICT (verdict) DO UPDATE SET count = verdicts.count + 1`,
    // Before the new turns: controls are for earlier turns only.
    ...newControls(settled, guard),
    ...newTurns(settled, guard),
    ...newMembers(namespace, waiting, settled, guard),
    ...newState(waiting, settled, guard),
    ...newPairs(waiting, settled, guard),
    ...newThread(waiting, settled, guard),
    ...insertPlain(settled.notices, guard, waiting.receivedAtMs),
    ...(deadLetter ? [insertDeadLetter(deadLetter, deadLetter.atMs, guard)] : []),
    ...(redacted ? redaction(redacted, waiting.event.room_id, guard) : []),
    ...(confirmed
      ? [endOpen("sent", confirmed.eventId, sql`key = ${confirmed.key} AND user_id = ${confirmed.userId} AND ${guard}`)]
      : []),
  ];
}

/**
 * A stop ends the turns that wait behind another one at once, also while that one is being sent. The oldest open turn
 * has a runner, which is told by a row; once it is answered there is nothing to tell.
 */
const newControls = ({ controls }: Settled, guard: Sql): Sql[] =>
  jsonLists(controls.map(({ session, kind }) => [session, kind])).flatMap((list) => [
    sql`
      UPDATE turns SET state = 'delivered', ending = 'stopped'
      WHERE state <> 'delivered' AND state = 'queued'
        AND session IN (SELECT value ->> 0 FROM json_each(${list}) WHERE value ->> 1 = 'stop')
        AND EXISTS (
          SELECT 1 FROM turns AS first
          WHERE first.session = turns.session AND first.state <> 'delivered' AND first.seq < turns.seq)
        AND ${guard}`,
    sql`
      INSERT INTO controls (session, kind, upto_seq)
      SELECT value ->> 0, value ->> 1, (SELECT max(seq) FROM turns WHERE turns.session = value ->> 0)
      FROM json_each(${list})
      WHERE (
          SELECT state FROM turns WHERE turns.session = value ->> 0 AND state <> 'delivered' ORDER BY seq LIMIT 1)
        IN ('queued', 'running') AND ${guard}`,
  ]);

function newTurns({ turns }: Settled, guard: Sql): Sql[] {
  const rows = turns.map(
    ({ id, session, agent, roomId, threadRoot, direct, hop, prompt, askedAtMs, notBeforeMs, ending, onBehalfOf }) => [
      id,
      session,
      agent,
      roomId,
      threadRoot ?? null,
      direct ? 1 : 0,
      prompt.eventId,
      prompt.sender,
      storedPrompt(textOf(prompt.parts)),
      prompt.sentAtMs,
      askedAtMs,
      notBeforeMs,
      ending === undefined ? "queued" : "delivered",
      ending ?? null,
      hop,
      onBehalfOf === undefined ? null : JSON.stringify(onBehalfOf),
    ],
  );
  return jsonLists(rows).map(
    (list) => sql`
      INSERT INTO turns (id, session, agent, room_id, thread_root, direct, event_id, sender, prompt, sent_at_ms,
        asked_at_ms, not_before_ms, state, ending, hop, on_behalf_of, attempt)
      SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7,
        value ->> 8, value ->> 9, value ->> 10, value ->> 11, value ->> 12, value ->> 13, value ->> 14, value ->> 15, 0
      FROM json_each(${list}) WHERE ${guard} ORDER BY key
      ON CONFLICT DO NOTHING`,
  );
}

/** Marks of direct chats are kept beside the membership of our users, until they leave. */
function newMembers(namespace: Namespace, { seq, event }: WaitingEvent, { members }: Settled, guard: Sql): Sql[] {
  const roomId = event.room_id;
  const isNow = (...kinds: MembershipKind[]) => sql`EXISTS (
    SELECT 1 FROM members
    WHERE members.room_id = ${roomId} AND members.user_id = value ->> 0 AND membership IN ${literals(kinds)})`;
  const ours = members.filter(({ userId }) => isOurs(namespace, userId));
  const invited = ours.filter(({ membership, direct }) => direct && (membership === "invite" || membership === "join"));
  const gone = ours.filter(({ membership }) => membership === "leave" || membership === "ban");
  const lists = (some: typeof members) => jsonLists(some.map(({ userId, membership }) => [userId, membership]));
  return [
    ...lists(members).map(
      (list) => sql`
        INSERT INTO members (room_id, user_id, membership, place)
        SELECT ${roomId}, value ->> 0, value ->> 1, ${placeOf(seq)}
        FROM json_each(${list}) WHERE ${guard} ORDER BY key
        ON CONFLICT (room_id, user_id) DO UPDATE SET membership = excluded.membership, place = excluded.place
          WHERE members.place <= excluded.place`,
    ),
    ...lists(gone).map(
      (list) => sql`
        DELETE FROM directs
        WHERE room_id = ${roomId} AND user_id IN (
            SELECT value ->> 0 FROM json_each(${list}) WHERE ${isNow("leave", "ban")}) AND ${guard}`,
    ),
    ...lists(invited).map(
      (list) => sql`
        INSERT INTO directs (room_id, user_id)
        SELECT ${roomId}, value ->> 0 FROM json_each(${list}) WHERE ${isNow("invite", "join")} AND ${guard}
        ON CONFLICT DO NOTHING`,
    ),
  ];
}

/** Replaces each given key of the stored state as a whole, unless it is from a later place. */
function newState({ seq, event }: WaitingEvent, { state = {} }: Settled, guard: Sql): Sql[] {
  const changed = Object.entries(state).filter(([, value]) => value !== undefined);
  if (changed.length === 0) return [];
  const merged = changed.reduce(
    (sets, [key, value]) => sql`${sets}, ${`$.${key}`}, json(${JSON.stringify(value)})`,
    sql`rooms.state`,
  );
  // A state that cannot be read stays so: a change of it would look like all of it.
  return [
    sql`
      INSERT INTO rooms (room_id, origin, state, replacement, places)
      SELECT ${event.room_id}, ${event.room_id}, ${JSON.stringify(state)}, ${state.replacement ?? null},
        json_object(${event.type}, ${placeOf(seq)})
      WHERE ${guard}
      ON CONFLICT (room_id) DO UPDATE
        SET state = CASE WHEN json_valid(rooms.state) THEN json_set(${merged}) ELSE rooms.state END,
          replacement = coalesce(excluded.replacement, rooms.replacement),
          places = json_patch(${placesOfRoom}, excluded.places)
        WHERE max(${placeOfType(sql`${event.type}`)}, ${placeOfType(sql`${READ}`)}) <= ${placeOf(seq)}`,
  ];
}

function newPairs({ event }: WaitingEvent, { pairs = [] }: Settled, guard: Sql): Sql[] {
  const rows = pairs.map(({ agent, count }) => [agent, count.sinceMs, count.count, count.restUntilMs]);
  return jsonLists(rows).map(
    (list) => sql`
      INSERT INTO pairs (room_id, sender, agent, since_ms, count, rest_until_ms)
      SELECT ${event.room_id}, ${event.sender}, value ->> 0, value ->> 1, value ->> 2, value ->> 3
      FROM json_each(${list}) WHERE ${guard}
      ON CONFLICT (room_id, sender, agent) DO UPDATE
        SET since_ms = excluded.since_ms, count = excluded.count, rest_until_ms = excluded.rest_until_ms`,
  );
}

/** A shared thread stays shared. */
function newThread({ event, receivedAtMs }: WaitingEvent, { thread }: Settled, guard: Sql): Sql[] {
  if (!thread) return [];
  const { root } = thread;
  const [agent, holder, shared] = "hold" in thread ? [thread.hold.agent, thread.hold.holder, 0] : [null, null, 1];
  return [
    sql`
      INSERT INTO threads (room_id, root, agent, holder, shared, at_ms)
      SELECT ${event.room_id}, ${root}, ${agent}, ${holder}, ${shared}, ${receivedAtMs} WHERE ${guard}
      ON CONFLICT (room_id, root) DO UPDATE
        SET agent = coalesce(excluded.agent, threads.agent), holder = coalesce(excluded.holder, threads.holder),
          shared = max(threads.shared, excluded.shared), at_ms = max(threads.at_ms, excluded.at_ms)`,
  ];
}
