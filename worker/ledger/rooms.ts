/** The room lane's rows: undecided events, verdicts, who is where. */
import { and, eq, inArray, isNull, sql } from "drizzle-orm";
import { RoomEvent } from "#core/protocol/event.ts";
import { AgentId, agentOfGhost, ghostUserId, type RoomId, UserId } from "#core/protocol/ids.ts";
import type { Decision, Lease, Ledger } from "#ports";
import { jsonLists } from "./bulk.ts";
import { count, type Database, held, nameOf, type Statement } from "./database.ts";
import { agents, controls, events, members, outbox, turns, verdicts } from "./schema.ts";

/** More joined members than this make no difference to the gate. */
const JOINED_COUNTED_MAX = 3;
const AGENTS_LOOKED_AT_MAX = 2;

export function rooms(
  database: Database,
): Pick<Ledger, "nextEvents" | "roomFacts" | "decide" | "ignore" | "setMembers" | "openSessions" | "verdicts"> {
  const { db, atomic } = database;
  return {
    ...decisions(database),

    async nextEvents(lease, limit) {
      const rows = await db
        .select({ seq: events.seq, event: events.event, receivedAtMs: events.receivedAtMs })
        .from(events)
        .where(and(eq(events.roomId, nameOf(lease)), isNull(events.verdict), held(lease)))
        .orderBy(sql`coalesce(${events.afterSeq} + 0.5, ${events.seq}), ${events.seq}`)
        .limit(limit);
      return rows.map((row) => ({ ...row, event: RoomEvent.parse(JSON.parse(row.event)) }));
    },

    async roomFacts(roomId, askedAgents, repliedTo) {
      const [joined, present, replied] = await Promise.all([
        db
          .select({ userId: members.userId })
          .from(members)
          .where(and(eq(members.roomId, roomId), sql`${members.membership} = 'join'`))
          .limit(JOINED_COUNTED_MAX),
        joinedGhosts(database, roomId, askedAgents),
        repliedTo === undefined
          ? []
          : db
              .select({ agent: outbox.agent })
              .from(outbox)
              .innerJoin(agents, and(eq(agents.id, outbox.agent), eq(agents.retired, 0)))
              .where(eq(outbox.eventId, repliedTo))
              .limit(1),
      ]);
      const repliedAgent = AgentId.safeParse(replied[0]?.agent).data;
      return { joinedCount: joined.length, joinedAgents: present, ...(repliedAgent ? { repliedAgent } : {}) };
    },

    async setMembers(roomId, list) {
      const inserts = jsonLists(list.map(({ userId, membership }) => [userId, membership])).map((rows) =>
        db
          .insert(members)
          .select(sql`SELECT ${roomId}, value ->> 0, value ->> 1 FROM json_each(${rows}) WHERE true`)
          .onConflictDoNothing(),
      );
      await atomic([db.delete(members).where(eq(members.roomId, roomId)), ...inserts]);
    },

    async openSessions(roomId, threadRoot) {
      const rows = await db
        .selectDistinct({ session: turns.session })
        .from(turns)
        .where(
          and(
            sql`${turns.state} <> 'delivered'`,
            inArray(turns.state, ["queued", "running"]),
            eq(turns.roomId, roomId),
            threadRoot === undefined ? isNull(turns.threadRoot) : eq(turns.threadRoot, threadRoot),
          ),
        );
      return rows.map((row) => row.session);
    },

    async verdicts() {
      const rows = await db.select().from(verdicts);
      return Object.fromEntries(rows.map((row) => [row.verdict, row.count]));
    },
  };
}

/** Verdicts, onto the events' rows: one with what it brings, or many that bring nothing. */
function decisions(database: Database): Pick<Ledger, "decide" | "ignore"> {
  const { db, atomic } = database;
  return {
    async decide(lease, { seq }, decision) {
      const decided = db
        .update(events)
        .set({ verdict: decision.reason })
        .where(and(eq(events.seq, seq), isNull(events.verdict), held(lease)))
        .returning({ seq: events.seq });
      const results = await atomic([...consequences(database, lease, seq, decision), decided]);
      return count(results.at(-1)) === 1;
    },

    async ignore(lease, ignored) {
      const rows = JSON.stringify(ignored.map(({ seq, reason }) => [seq, reason]));
      const undecided = sql`${events.seq} IN (SELECT value ->> 0 FROM json_each(${rows})) AND ${events.verdict} IS NULL`;
      const results = await atomic([
        db
          .insert(verdicts)
          .select(
            sql`SELECT value ->> 1, count(*) FROM json_each(${rows})
                WHERE EXISTS (SELECT 1 FROM events WHERE seq = value ->> 0 AND verdict IS NULL) AND ${held(lease)}
                GROUP BY value ->> 1`,
          )
          .onConflictDoUpdate({ target: verdicts.verdict, set: { count: sql`${verdicts.count} + excluded.count` } }),
        db
          .update(events)
          .set({ verdict: sql`(SELECT value ->> 1 FROM json_each(${rows}) WHERE value ->> 0 = ${events.seq})` })
          .where(and(undecided, held(lease)))
          .returning({ seq: events.seq }),
      ]);
      return count(results.at(-1)) === ignored.length;
    },
  };
}

/** Everything a verdict brings, each guarded by the lease and by the event being undecided still. */
function consequences({ db }: Database, lease: Lease, seq: number, decision: Decision): Statement[] {
  const guard = sql`EXISTS (SELECT 1 FROM events WHERE seq = ${seq} AND verdict IS NULL) AND ${held(lease)}`;
  const newTurns = decision.turns.map(({ id, session, agent, roomId, threadRoot, direct, prompt }) => [
    ...[id, session, agent, roomId, threadRoot ?? null, direct ? 1 : 0],
    ...[prompt.eventId, prompt.sender, prompt.text, prompt.sentAtMs],
  ]);
  const news = decision.members.map(({ userId, membership }) => [userId, membership]);
  return [
    db
      .insert(verdicts)
      .select(sql`SELECT ${decision.reason}, 1 WHERE ${guard}`)
      .onConflictDoUpdate({ target: verdicts.verdict, set: { count: sql`${verdicts.count} + 1` } }),
    ...jsonLists(newTurns).map((list) =>
      db
        .insert(turns)
        .select(
          sql`SELECT NULL, value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6,
                value ->> 7, value ->> 8, value ->> 9, 'queued', 0, 0, NULL, NULL
              FROM json_each(${list}) WHERE ${guard} ORDER BY key`,
        )
        .onConflictDoNothing(),
    ),
    ...jsonLists(news).map((list) =>
      db
        .insert(members)
        .select(
          sql`SELECT (SELECT room_id FROM events WHERE seq = ${seq}), value ->> 0, value ->> 1
              FROM json_each(${list}) WHERE ${guard} ORDER BY key`,
        )
        .onConflictDoUpdate({
          target: [members.roomId, members.userId],
          set: { membership: sql`excluded.membership` },
        }),
    ),
    ...jsonLists(decision.stop.map((session) => [session])).map((list) =>
      db.insert(controls).select(sql`SELECT NULL, value ->> 0, 'stop' FROM json_each(${list}) WHERE ${guard}`),
    ),
  ];
}

/** Asked for by name, or else whoever of our namespace is joined, two at the most; never a retired agent. */
async function joinedGhosts(
  { db, namespace }: Database,
  roomId: RoomId,
  asked: readonly AgentId[] | undefined,
): Promise<AgentId[]> {
  const prefix = `@${namespace.ghostPrefix}`;
  const suffix = `:${namespace.serverName}`;
  const names = asked && JSON.stringify(asked.map((agent) => ghostUserId(namespace, agent)));
  // The id is cut out of the user id and looked up: the other way round every agent there is would be looked at.
  const id = sql`substr(${members.userId}, ${prefix.length + 1}, length(${members.userId}) - ${prefix.length + suffix.length})`;
  const rows = await db
    .select({ userId: members.userId })
    .from(members)
    .where(
      and(
        eq(members.roomId, roomId),
        sql`${members.membership} = 'join'`,
        names === undefined
          ? sql`${members.userId} >= ${prefix} AND ${members.userId} < ${`${prefix}\u{10ffff}`}`
          : inArray(members.userId, sql`(SELECT value FROM json_each(${names}))`),
        sql`substr(${members.userId}, ${-suffix.length}) = ${suffix}`,
        sql`EXISTS (SELECT 1 FROM ${agents} WHERE ${agents.id} = ${id} AND ${agents.retired} = 0)`,
      ),
    )
    .orderBy(members.userId)
    .limit(names === undefined ? AGENTS_LOOKED_AT_MAX : -1);
  return rows.flatMap(({ userId }) => agentOfGhost(namespace, UserId.parse(userId)) ?? []);
}
