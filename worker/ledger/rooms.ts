/** The room lane's rows: undecided events, verdicts, who is where. */
import { RoomEvent } from "#core/protocol/event.ts";
import { AgentId, agentOfGhost, ghostUserId, type RoomId, UserId } from "#core/protocol/ids.ts";
import type { Decision, Lease, Ledger } from "#ports";
import { jsonLists } from "./bulk.ts";
import { countOfLast, type Database, held, nameOf, type Sql, sql } from "./database.ts";
import { insertFrozen } from "./outbox.ts";

/** More joined members than this make no difference to the gate. */
const JOINED_COUNTED_MAX = 3;
const AGENTS_LOOKED_AT_MAX = 2;

export function rooms(
  database: Database,
): Pick<
  Ledger,
  | "nextEvents"
  | "roomFacts"
  | "decide"
  | "ignore"
  | "setMembers"
  | "openSessions"
  | "openSessionsAt"
  | "waitingIn"
  | "verdicts"
> {
  const { all, atomic } = database;
  return {
    ...decisions(database),
    ...waiting(database),

    async nextEvents(lease, limit) {
      const rows = await all<{ seq: number; event: string; receivedAtMs: number }>(sql`
        SELECT seq, event, received_at_ms AS receivedAtMs FROM events
        WHERE room_id = ${nameOf(lease)} AND verdict IS NULL AND ${held(lease)}
        ORDER BY coalesce(after_seq + 0.5, seq), seq LIMIT ${limit}`);
      return rows.map((row) => ({ ...row, event: RoomEvent.parse(JSON.parse(row.event)) }));
    },

    async roomFacts(roomId, askedAgents, repliedTo) {
      const [joined, present, replied] = await Promise.all([
        all(sql`SELECT 1 FROM members WHERE room_id = ${roomId} AND membership = 'join' LIMIT ${JOINED_COUNTED_MAX}`),
        joinedGhosts(database, roomId, askedAgents),
        repliedTo === undefined
          ? []
          : all<{ agent: string }>(sql`
              SELECT agent FROM outbox
              WHERE event_id = ${repliedTo} AND EXISTS (SELECT 1 FROM agents WHERE id = outbox.agent AND retired = 0)
              LIMIT 1`),
      ]);
      const repliedAgent = AgentId.safeParse(replied[0]?.agent).data;
      return { joinedCount: joined.length, joinedAgents: present, ...(repliedAgent ? { repliedAgent } : {}) };
    },

    async setMembers(roomId, list) {
      const inserts = jsonLists(list.map(({ userId, membership }) => [userId, membership])).map(
        (rows) => sql`
          INSERT INTO members (room_id, user_id, membership)
          SELECT ${roomId}, value ->> 0, value ->> 1 FROM json_each(${rows}) WHERE true
          ON CONFLICT DO NOTHING`,
      );
      await atomic([sql`DELETE FROM members WHERE room_id = ${roomId}`, ...inserts]);
    },

    async verdicts() {
      const rows = await all<{ verdict: string; count: number }>(sql`SELECT verdict, count FROM verdicts`);
      return Object.fromEntries(rows.map((row) => [row.verdict, row.count]));
    },
  };
}

/** Turns that are not answered yet. */
function waiting({ all }: Database): Pick<Ledger, "openSessions" | "openSessionsAt" | "waitingIn"> {
  return {
    async openSessions(roomId, threadRoot) {
      const rows = await all<{ session: string }>(sql`
        SELECT DISTINCT session FROM turns
        WHERE state <> 'delivered' AND state IN ('queued', 'running')
          AND room_id = ${roomId} AND thread_root IS ${threadRoot ?? null}`);
      return rows.map((row) => row.session);
    },

    async openSessionsAt(eventId) {
      const rows = await all<{ session: string }>(sql`
        SELECT session FROM turns WHERE event_id = ${eventId} AND state IN ('queued', 'running')
        UNION
        SELECT turns.session FROM outbox JOIN turns ON turns.id = outbox.turn_id
        WHERE outbox.event_id = ${eventId} AND turns.state IN ('queued', 'running')`);
      return rows.map((row) => row.session);
    },

    async waitingIn(session) {
      const rows = await all<{ id: string }>(sql`
        SELECT id FROM turns WHERE session = ${session} AND state <> 'delivered' ORDER BY seq`);
      const [oldest] = rows;
      return { count: rows.length, ...(oldest ? { oldest: oldest.id } : {}) };
    },
  };
}

/** Verdicts, onto the events' rows: one with what it brings, or many that bring nothing. */
function decisions({ atomic }: Database): Pick<Ledger, "decide" | "ignore"> {
  return {
    async decide(lease, { seq }, decision) {
      const decided = sql`
        UPDATE events SET verdict = ${decision.reason}
        WHERE seq = ${seq} AND verdict IS NULL AND ${held(lease)} RETURNING seq`;
      return countOfLast(await atomic([...consequences(lease, seq, decision), decided])) === 1;
    },

    async ignore(lease, ignored) {
      const rows = JSON.stringify(ignored.map(({ seq, reason }) => [seq, reason]));
      const results = await atomic([
        sql`
          INSERT INTO verdicts (verdict, count)
          SELECT value ->> 1, count(*) FROM json_each(${rows})
          WHERE EXISTS (SELECT 1 FROM events WHERE seq = value ->> 0 AND verdict IS NULL) AND ${held(lease)}
          GROUP BY value ->> 1
          ON CONFLICT (verdict) DO UPDATE SET count = verdicts.count + excluded.count`,
        sql`
          UPDATE events
          SET verdict = (SELECT value ->> 1 FROM json_each(${rows}) WHERE value ->> 0 = events.seq)
          WHERE seq IN (SELECT value ->> 0 FROM json_each(${rows})) AND verdict IS NULL AND ${held(lease)}
          RETURNING seq`,
      ]);
      return countOfLast(results) === ignored.length;
    },
  };
}

/** Everything a verdict brings, each guarded by the lease and by the event being undecided still. */
function consequences(lease: Lease, seq: number, decision: Decision): Sql[] {
  const guard = sql`EXISTS (SELECT 1 FROM events WHERE seq = ${seq} AND verdict IS NULL) AND ${held(lease)}`;
  const { redacted, confirmed } = decision;
  return [
    sql`
      INSERT INTO verdicts (verdict, count) SELECT ${decision.reason}, 1 WHERE ${guard}
      ON CONFLICT (verdict) DO UPDATE SET count = verdicts.count + 1`,
    // Before the new turns, which they are not meant for.
    ...jsonLists(decision.controls.map(({ session, kind }) => [session, kind])).map(
      (list) => sql`
        INSERT INTO controls (session, kind, upto_seq)
        SELECT value ->> 0, value ->> 1, coalesce((SELECT max(seq) FROM turns WHERE turns.session = value ->> 0), 0)
        FROM json_each(${list}) WHERE ${guard}`,
    ),
    ...newTurns(decision, guard),
    ...jsonLists(decision.members.map(({ userId, membership }) => [userId, membership])).map(
      (list) => sql`
        INSERT INTO members (room_id, user_id, membership)
        SELECT (SELECT room_id FROM events WHERE seq = ${seq}), value ->> 0, value ->> 1
        FROM json_each(${list}) WHERE ${guard} ORDER BY key
        ON CONFLICT (room_id, user_id) DO UPDATE SET membership = excluded.membership`,
    ),
    ...insertFrozen(decision.notices, guard),
    ...(redacted
      ? [
          sql`
            UPDATE turns SET state = 'delivered', ending = 'redacted'
            WHERE event_id = ${redacted} AND state = 'queued' AND ${guard}`,
        ]
      : []),
    ...(confirmed
      ? [
          sql`
            UPDATE outbox SET state = 'sent', event_id = ${confirmed.eventId}, body = ''
            WHERE key = ${confirmed.key} AND user_id = ${confirmed.userId} AND state = 'frozen' AND ${guard}`,
        ]
      : []),
  ];
}

function newTurns({ turns }: Decision, guard: Sql): Sql[] {
  const rows = turns.map(
    ({ id, session, agent, roomId, threadRoot, direct, prompt, askedAtMs, notBeforeMs, ending }) => [
      ...[id, session, agent, roomId, threadRoot ?? null, direct ? 1 : 0],
      ...[prompt.eventId, prompt.sender, prompt.text, prompt.sentAtMs, askedAtMs, notBeforeMs],
      ...[ending === undefined ? "queued" : "delivered", ending ?? null],
    ],
  );
  return jsonLists(rows).map(
    (list) => sql`
      INSERT INTO turns (id, session, agent, room_id, thread_root, direct, event_id, sender, prompt, sent_at_ms,
        asked_at_ms, not_before_ms, state, ending, attempt)
      SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7,
        value ->> 8, value ->> 9, value ->> 10, value ->> 11, value ->> 12, value ->> 13, 0
      FROM json_each(${list}) WHERE ${guard} ORDER BY key
      ON CONFLICT DO NOTHING`,
  );
}

/** Asked for by name, or else whoever of our namespace is joined, two at the most; never a retired agent. */
async function joinedGhosts(
  { all, namespace }: Database,
  roomId: RoomId,
  asked: readonly AgentId[] | undefined,
): Promise<AgentId[]> {
  if (asked?.length === 0) return [];
  const prefix = `@${namespace.ghostPrefix}`;
  const suffix = `:${namespace.serverName}`;
  const named = asked
    ? sql`user_id IN (SELECT value FROM json_each(${JSON.stringify(asked.map((agent) => ghostUserId(namespace, agent)))}))`
    : sql`user_id >= ${prefix} AND user_id < ${`${prefix}\u{10ffff}`}`;
  // The id is cut out of the user id and looked up: the other way round every agent there is would be looked at.
  const id = sql`substr(user_id, ${prefix.length + 1}, length(user_id) - ${prefix.length + suffix.length})`;
  const rows = await all<{ userId: string }>(sql`
    SELECT user_id AS userId FROM members
    WHERE room_id = ${roomId} AND membership = 'join' AND ${named}
      AND substr(user_id, ${-suffix.length}) = ${suffix}
      AND EXISTS (SELECT 1 FROM agents WHERE agents.id = ${id} AND agents.retired = 0)
    ORDER BY user_id LIMIT ${asked ? -1 : AGENTS_LOOKED_AT_MAX}`);
  return rows.flatMap(({ userId }) => agentOfGhost(namespace, UserId.parse(userId)) ?? []);
}
