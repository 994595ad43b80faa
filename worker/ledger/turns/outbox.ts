/** The out lane's rows: frozen requests and what became of them. */
import { AgentId, EventId, UserId } from "#core/protocol/ids.ts";
import { TurnId } from "#core/turn/turn.ts";
import type { OutboxRow } from "#ports/delivery.ts";
import type { Ledger } from "#ports/ledger.ts";
import { storable } from "../sql/bulk.ts";
import { countOfLast, type Database, held, type Sql, sql } from "../sql/database.ts";
import { insertDeadLetter } from "../upkeep/dead-letters.ts";

/** One statement a row: a body may have 60 kB, and a list of them more than a parameter may. */
export const insertFrozen = (rows: readonly OutboxRow[], guard: Sql): Sql[] =>
  rows.map(
    ({ key, lane, turnId, agent, userId, deviceId, path, body }) => sql`
      INSERT INTO outbox (key, lane, turn_id, agent, user_id, device_id, path, body, state, attempt, not_before_ms)
      SELECT ${key}, ${lane}, ${turnId ?? null}, ${agent}, ${userId}, ${deviceId}, ${path}, ${body}, 'frozen', 0, 0
      WHERE ${guard}
      ON CONFLICT DO NOTHING`,
  );

interface Row {
  seq: number;
  key: string;
  turnId: string | null;
  agent: string;
  userId: string;
  deviceId: string;
  path: string;
  body: string;
  attempt: number;
  notBeforeMs: number;
  askedAtMs: number | null;
}

export function outboxRows({
  all,
  atomic,
}: Database): Pick<Ledger, "freeze" | "outboxRow" | "nextOut" | "ended" | "retryOut"> {
  return {
    async freeze(lease, rows, showing) {
      const shown = showing
        ? [sql`UPDATE turns SET shown = ${storable(showing.text)} WHERE id = ${showing.turnId} AND ${held(lease)}`]
        : [];
      const results = await atomic([...insertFrozen(rows, held(lease)), ...shown, sql`SELECT 1 WHERE ${held(lease)}`]);
      return countOfLast(results) === 1;
    },

    async outboxRow(key) {
      const [row] = await all<{ state: "frozen" | "sent" | "dead"; eventId: string | null }>(sql`
        SELECT state, event_id AS eventId FROM outbox WHERE key = ${key}`);
      if (!row) return undefined;
      return row.eventId === null ? { state: row.state } : { state: row.state, eventId: EventId.parse(row.eventId) };
    },

    async nextOut(lease) {
      const { lane } = lease;
      const [row] = await all<Row>(sql`
        SELECT seq, key, turn_id AS turnId, agent, user_id AS userId, device_id AS deviceId, path, body, attempt,
          not_before_ms AS notBeforeMs, (SELECT asked_at_ms FROM turns WHERE turns.id = turn_id) AS askedAtMs
        FROM outbox WHERE lane = ${lane} AND state = 'frozen' AND ${held(lease)} ORDER BY seq LIMIT 1`);
      if (!row) return undefined;
      const { turnId, agent, userId, askedAtMs, ...rest } = row;
      // What the bot says is no agent's.
      const ids = { agent: agent === "" ? ("" as const) : AgentId.parse(agent), userId: UserId.parse(userId) };
      return {
        ...rest,
        ...ids,
        lane,
        ...(turnId === null ? {} : { turnId: TurnId.parse(turnId) }),
        ...(askedAtMs ? { askedAtMs } : {}),
      };
    },

    async ended(lease, seq, end) {
      const mine = sql`seq = ${seq} AND state = 'frozen' AND ${held(lease)}`;
      const eventId = end.state === "sent" ? end.eventId : null;
      // What was sent is never sent again, so nobody needs its body any more.
      const ending = sql`
        UPDATE outbox SET state = ${end.state}, event_id = ${eventId}, body = '' WHERE ${mine} RETURNING seq`;
      if (end.state === "sent") return (await all(ending)).length === 1;
      const results = await atomic([
        insertDeadLetter(end.deadLetter, sql`EXISTS (SELECT 1 FROM outbox WHERE ${mine})`),
        ending,
      ]);
      return countOfLast(results) === 1;
    },

    async retryOut(lease, seq, notBeforeMs) {
      const rows = await all(sql`
        UPDATE outbox SET not_before_ms = ${notBeforeMs}, attempt = attempt + 1
        WHERE seq = ${seq} AND state = 'frozen' AND ${held(lease)} RETURNING seq`);
      return rows.length === 1;
    },
  };
}
