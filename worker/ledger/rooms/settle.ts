/** Verdicts, onto the events' rows: one with everything it settles, or many that have no other effect. */
import { evidenceText } from "#core/gate/evidence.ts";
import { type EventId, isOurs, type Namespace, type RoomId } from "#core/protocol/ids.ts";
import type { RoomState } from "#core/protocol/room-state.ts";
import type { WaitingEvent } from "#core/turn/turn.ts";
import type { Lease } from "#ports/lanes.ts";
import type { Ledger } from "#ports/ledger.ts";
import type { Settled } from "#ports/rooms.ts";
import { jsonLists } from "../sql/bulk.ts";
import { countOfLast, type Database, held, type Sql, sql } from "../sql/database.ts";
import { insertFrozen } from "../turns/outbox.ts";

export function settling({ atomic, namespace }: Database): Pick<Ledger, "settle" | "ignore"> {
  return {
    async settle(lease, waiting, settled) {
      const { reason, about, evidence } = settled;
      const verdict = sql`
        UPDATE events SET verdict = ${reason}, about = ${about ?? null}, evidence = ${evidenceText(evidence)}
        WHERE seq = ${waiting.seq} AND verdict IS NULL AND ${held(lease)} RETURNING seq`;
      const effects = effectsOf(namespace, lease, waiting, settled);
      return countOfLast(await atomic([...effects, verdict])) === 1;
    },

    async ignore(lease, ignored) {
      const rows = JSON.stringify(
        ignored.map(({ seq, reason, about, evidence }) => [seq, reason, about ?? null, evidenceText(evidence)]),
      );
      const results = await atomic([
        sql`
          INSERT INTO verdicts (verdict, count)
          SELECT value ->> 1, count(*) FROM json_each(${rows})
          WHERE EXISTS (SELECT 1 FROM events WHERE seq = value ->> 0 AND verdict IS NULL) AND ${held(lease)}
          GROUP BY value ->> 1
          ON CONFLICT (verdict) DO UPDATE SET count = verdicts.count + excluded.count`,
        sql`
          UPDATE events
          SET verdict = one.value ->> 1, about = one.value ->> 2, evidence = one.value ->> 3
          FROM json_each(${rows}) AS one
          WHERE events.seq = one.value ->> 0 AND events.verdict IS NULL AND ${held(lease)}
          RETURNING events.seq`,
      ]);
      return countOfLast(results) === ignored.length;
    },
  };
}

/** Everything a verdict settles, each statement guarded by the lease and by the event having no verdict yet. */
function effectsOf(namespace: Namespace, lease: Lease, waiting: WaitingEvent, settled: Settled): Sql[] {
  const guard = sql`EXISTS (SELECT 1 FROM events WHERE seq = ${waiting.seq} AND verdict IS NULL) AND ${held(lease)}`;
  const { redacted, confirmed } = settled;
  return [
    sql`
      INSERT INTO verdicts (verdict, count) SELECT ${settled.reason}, 1 WHERE ${guard}
      ON CONFLICT (verdict) DO UPDATE SET count = verdicts.count + 1`,
    // Before the new turns: controls are for earlier turns only.
    ...jsonLists(settled.controls.map(({ session, kind }) => [session, kind])).map(
      (list) => sql`
        INSERT INTO controls (session, kind, upto_seq)
        SELECT value ->> 0, value ->> 1, coalesce((SELECT max(seq) FROM turns WHERE turns.session = value ->> 0), 0)
        FROM json_each(${list}) WHERE ${guard}`,
    ),
    ...newTurns(settled, guard),
    ...newMembers(namespace, waiting, settled, guard),
    ...newState(waiting, settled, guard),
    ...newPairs(waiting, settled, guard),
    ...newThread(waiting, settled, guard),
    ...insertFrozen(settled.notices, guard),
    ...(redacted ? redaction(redacted, waiting.event.room_id, guard) : []),
    ...(confirmed
      ? [
          sql`
            UPDATE outbox SET state = 'sent', event_id = ${confirmed.eventId}, body = ''
            WHERE key = ${confirmed.key} AND user_id = ${confirmed.userId} AND state = 'frozen' AND ${guard}`,
        ]
      : []),
  ];
}

function newTurns({ turns }: Settled, guard: Sql): Sql[] {
  const rows = turns.map(
    ({ id, session, agent, roomId, threadRoot, direct, hop, prompt, askedAtMs, notBeforeMs, ending }) => [
      ...[id, session, agent, roomId, threadRoot ?? null, direct ? 1 : 0],
      ...[prompt.eventId, prompt.sender, prompt.text, prompt.sentAtMs, askedAtMs, notBeforeMs],
      ...[ending === undefined ? "queued" : "delivered", ending ?? null, hop],
    ],
  );
  return jsonLists(rows).map(
    (list) => sql`
      INSERT INTO turns (id, session, agent, room_id, thread_root, direct, event_id, sender, prompt, sent_at_ms,
        asked_at_ms, not_before_ms, state, ending, hop, attempt)
      SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7,
        value ->> 8, value ->> 9, value ->> 10, value ->> 11, value ->> 12, value ->> 13, value ->> 14, 0
      FROM json_each(${list}) WHERE ${guard} ORDER BY key
      ON CONFLICT DO NOTHING`,
  );
}

/**
 * A redacted message is no longer asked, and no longer quoted as history or context. Only in the event's own room: the
 * homeserver checked the right to redact for this room and no other.
 */
const redaction = (eventId: EventId, roomId: RoomId, guard: Sql): Sql[] => [
  sql`
    UPDATE turns SET state = 'delivered', ending = 'redacted'
    WHERE event_id = ${eventId} AND room_id = ${roomId} AND state = 'queued' AND ${guard}`,
  sql`
    UPDATE turns SET prompt = ${REDACTED}
    WHERE event_id = ${eventId} AND room_id = ${roomId} AND state = 'delivered' AND ${guard}`,
  sql`
    UPDATE events SET event = ''
    WHERE event_id = ${eventId} AND room_id = ${roomId} AND verdict IS NOT NULL AND ${guard}`,
];
const REDACTED = "(redacted)";

/** Marks of direct chats are kept beside the membership of our users, until they leave. */
function newMembers(namespace: Namespace, { event }: WaitingEvent, { members }: Settled, guard: Sql): Sql[] {
  const roomId = event.room_id;
  const ours = members.filter(({ userId }) => isOurs(namespace, userId));
  const invited = ours.filter(({ membership, direct }) => direct && (membership === "invite" || membership === "join"));
  const gone = ours.filter(({ membership }) => membership === "leave" || membership === "ban");
  const lists = (some: typeof members) => jsonLists(some.map(({ userId, membership }) => [userId, membership]));
  return [
    ...lists(members).map(
      (list) => sql`
        INSERT INTO members (room_id, user_id, membership)
        SELECT ${roomId}, value ->> 0, value ->> 1
        FROM json_each(${list}) WHERE ${guard} ORDER BY key
        ON CONFLICT (room_id, user_id) DO UPDATE SET membership = excluded.membership`,
    ),
    ...lists(gone).map(
      (list) => sql`
        DELETE FROM directs
        WHERE room_id = ${roomId} AND user_id IN (SELECT value ->> 0 FROM json_each(${list})) AND ${guard}`,
    ),
    ...lists(invited).map(
      (list) => sql`
        INSERT INTO directs (room_id, user_id)
        SELECT ${roomId}, value ->> 0 FROM json_each(${list}) WHERE ${guard}
        ON CONFLICT DO NOTHING`,
    ),
  ];
}

/** Replaces each given key of the stored state as a whole. */
function newState({ event }: WaitingEvent, { state = {} }: Settled, guard: Sql): Sql[] {
  const changed = Object.entries(state).filter(([, value]) => value !== undefined);
  if (changed.length === 0) return [];
  const merged = changed.reduce(
    (sets, [key, value]) => sql`${sets}, ${`$.${key}`}, json(${JSON.stringify(value)})`,
    sql`rooms.state`,
  );
  return [
    sql`
      INSERT INTO rooms (room_id, origin, state, replacement)
      SELECT ${event.room_id}, ${event.room_id}, ${JSON.stringify(state)}, ${state.replacement ?? null} WHERE ${guard}
      ON CONFLICT (room_id) DO UPDATE
        SET state = json_set(${merged}), replacement = coalesce(excluded.replacement, rooms.replacement)`,
  ];
}

/** Replaces the stored state. */
export const wholeState = (roomId: string, state: RoomState): Sql => sql`
  INSERT INTO rooms (room_id, origin, state, replacement)
  VALUES (${roomId}, ${roomId}, ${JSON.stringify(state)}, ${state.replacement ?? null})
  ON CONFLICT (room_id) DO UPDATE SET state = excluded.state, replacement = excluded.replacement`;

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
