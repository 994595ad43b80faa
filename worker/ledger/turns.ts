/** The session lane's rows: turns from queued to delivered. */
import { AgentId, EventId, RoomId, UserId } from "#core/protocol/ids.ts";
import type { Turn } from "#core/turn.ts";
import type { Ledger } from "#ports";
import { storable } from "./bulk.ts";
import { countOfLast, type Database, held, nameOf, sql } from "./database.ts";
import { insertFrozen } from "./outbox.ts";

const OPEN = sql`state IN ('queued', 'running')`;
const COLUMNS = sql`
  id, session, agent, room_id AS roomId, thread_root AS threadRoot, direct, event_id AS eventId, sender, prompt,
  sent_at_ms AS sentAtMs, state, attempt, not_before_ms AS notBeforeMs, reply_kind AS replyKind, reply`;

/** A turn as its row says it. */
interface Row {
  id: string;
  session: string;
  agent: string;
  roomId: string;
  threadRoot: string | null;
  direct: number;
  eventId: string;
  sender: string;
  prompt: string;
  sentAtMs: number;
  state: Turn["state"];
  attempt: number;
  notBeforeMs: number;
  replyKind: "reply" | "notice" | null;
  reply: string | null;
}

export function sessions({
  all,
  atomic,
}: Database): Pick<
  Ledger,
  "currentTurn" | "startAttempt" | "postpone" | "takeStop" | "answered" | "delivered" | "transcript"
> {
  return {
    async currentTurn(lease, nowMs) {
      const [row] = await all<Row>(sql`
        SELECT ${COLUMNS} FROM turns
        WHERE session = ${nameOf(lease)} AND state <> 'delivered' AND ${held(lease)} ORDER BY seq LIMIT 1`);
      // Asked of the oldest alone: what is behind it waits with it, in order.
      return row && row.notBeforeMs <= nowMs ? turnOf(row) : undefined;
    },

    async startAttempt(lease, turnId) {
      const rows = await all(sql`
        UPDATE turns SET state = 'running', attempt = attempt + 1
        WHERE id = ${turnId} AND ${OPEN} AND ${held(lease)} RETURNING id`);
      return rows.length === 1;
    },

    async postpone(lease, turnId, notBeforeMs) {
      const rows = await all(sql`
        UPDATE turns SET not_before_ms = ${notBeforeMs} WHERE id = ${turnId} AND ${held(lease)} RETURNING id`);
      return rows.length === 1;
    },

    async takeStop(lease) {
      const rows = await all(
        sql`DELETE FROM controls WHERE session = ${nameOf(lease)} AND ${held(lease)} RETURNING id`,
      );
      return rows.length > 0;
    },

    async answered(lease, turnId, reply, rows) {
      const open = sql`EXISTS (SELECT 1 FROM turns WHERE id = ${turnId} AND ${OPEN})`;
      const results = await atomic([
        // First, while the turn is still open: what it finds open decides for the rows as well.
        ...insertFrozen(rows, sql`${open} AND ${held(lease)}`),
        sql`
          UPDATE turns
          SET state = 'answered', reply_kind = ${reply.kind}, reply = ${storable(reply.markdown)}, not_before_ms = 0
          WHERE id = ${turnId} AND ${OPEN} AND ${held(lease)} RETURNING id`,
      ]);
      return countOfLast(results) === 1;
    },

    async delivered(lease, turnId) {
      const rows = await all(sql`
        UPDATE turns SET state = 'delivered'
        WHERE id = ${turnId} AND state = 'answered' AND ${held(lease)}
          AND NOT EXISTS (SELECT 1 FROM outbox WHERE turn_id = ${turnId} AND state = 'frozen')
        RETURNING id`);
      return rows.length === 1;
    },

    async transcript(session, limit) {
      const rows = await all<Row>(sql`
        SELECT ${COLUMNS} FROM turns
        WHERE session = ${session} AND reply IS NOT NULL ORDER BY seq DESC LIMIT ${limit}`);
      return rows.map(turnOf);
    },
  };
}

function turnOf(row: Row): Turn {
  return {
    id: row.id,
    session: row.session,
    agent: AgentId.parse(row.agent),
    roomId: RoomId.parse(row.roomId),
    direct: row.direct === 1,
    prompt: {
      eventId: EventId.parse(row.eventId),
      sender: UserId.parse(row.sender),
      text: row.prompt,
      sentAtMs: row.sentAtMs,
    },
    state: row.state,
    attempt: row.attempt,
    ...(row.threadRoot === null ? {} : { threadRoot: EventId.parse(row.threadRoot) }),
    ...(row.reply === null ? {} : { reply: { kind: row.replyKind ?? "reply", markdown: row.reply } }),
  };
}
