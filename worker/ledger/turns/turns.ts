/** The session lane's rows: turns from queued to delivered. */
import { AgentId, EventId, RoomId, UserId } from "#core/protocol/ids.ts";
import { lanePrefix } from "#core/turn/lane.ts";
import { SessionKey, type Turn, type TurnEnding, TurnId } from "#core/turn/turn.ts";
import type { Lease } from "#ports/lanes.ts";
import type { Ledger } from "#ports/ledger.ts";
import type { ControlKind, Lack } from "#ports/turns.ts";
import { storable } from "../sql/bulk.ts";
import { countOfLast, type Database, held, type Sql, sessionOf, sql } from "../sql/database.ts";
import { insertDeadLetter } from "../upkeep/dead-letters.ts";
import { insertFrozen } from "./outbox.ts";

const OPEN = sql`state IN ('queued', 'running')`;
const COLUMNS = sql`
  id, seq, session, agent, room_id AS roomId, thread_root AS threadRoot, direct, event_id AS eventId, sender, prompt,
  sent_at_ms AS sentAtMs, asked_at_ms AS askedAtMs, state, attempt, failures, not_before_ms AS notBeforeMs, shown,
  reply_kind AS replyKind, reply, ending, hop`;

/** A turn as its row says it. */
interface Row {
  id: string;
  seq: number;
  session: string;
  agent: string;
  roomId: string;
  threadRoot: string | null;
  direct: number;
  eventId: string;
  sender: string;
  prompt: string;
  sentAtMs: number;
  askedAtMs: number;
  state: Turn["state"];
  attempt: number;
  failures: number;
  notBeforeMs: number;
  shown: string | null;
  replyKind: "reply" | "notice" | null;
  reply: string | null;
  ending: TurnEnding | null;
  hop: number;
}

type Sessions = Pick<
  Ledger,
  | "currentTurn"
  | "startAttempt"
  | "postpone"
  | "showing"
  | "takeControls"
  | "merge"
  | "heldBackUntil"
  | "answered"
  | "endTurn"
  | "delivered"
  | "transcript"
  | "replay"
>;

export function sessions(database: Database): Sessions {
  const { all } = database;
  const wrote = async (statement: Sql) => (await all(statement)).length === 1;
  return {
    ...beginnings(database),
    ...endings(database),

    postpone: (lease, turnId, notBeforeMs, failed) =>
      wrote(sql`
        UPDATE turns SET not_before_ms = ${notBeforeMs}, failures = failures + ${failed ? 1 : 0}
        WHERE id = ${turnId} AND ${held(lease)} RETURNING id`),

    showing: (lease, turnId, shown) =>
      wrote(
        sql`UPDATE turns SET shown = ${storable(shown)} WHERE id = ${turnId} AND ${OPEN} AND ${held(lease)} RETURNING id`,
      ),

    delivered: (lease, turnId) =>
      wrote(sql`
        UPDATE turns SET state = 'delivered'
        WHERE id = ${turnId} AND state = 'answered' AND ${held(lease)}
          AND NOT EXISTS (SELECT 1 FROM outbox WHERE turn_id = ${turnId} AND state = 'frozen')
        RETURNING id`),

    async replay(turnId, newId, nowMs) {
      const [row] = await all<{ session: string }>(sql`
        UPDATE turns
        SET id = ${newId}, state = 'queued', attempt = 0, failures = 0, not_before_ms = 0, asked_at_ms = ${nowMs},
          shown = NULL, reply_kind = NULL, reply = NULL, ending = NULL
        WHERE id = ${turnId} AND state = 'delivered' AND ending IS NOT NULL AND ending NOT IN ('merged', 'redacted', 'context')
        RETURNING session`);
      return row && SessionKey.parse(row.session);
    },
    async transcript(session, limit) {
      const rows = await all<Row>(sql`
        SELECT ${COLUMNS} FROM turns
        WHERE session = ${session} AND (reply IS NOT NULL OR ending IN ('context', 'late', 'silent')) ORDER BY seq DESC LIMIT ${limit}`);
      return rows.map(turnOf);
    },
  };
}

/** Up to the moment in which a backend is asked. */
function beginnings({
  all,
  atomic,
}: Database): Pick<Sessions, "currentTurn" | "startAttempt" | "takeControls" | "merge" | "heldBackUntil"> {
  return {
    async currentTurn(lease) {
      const [row] = await all<Row & { told: number }>(sql`
        SELECT ${COLUMNS}, EXISTS (SELECT 1 FROM controls WHERE controls.session = turns.session) AS told FROM turns
        WHERE session = ${sessionOf(lease)} AND state <> 'delivered' AND ${held(lease)} ORDER BY seq LIMIT 1`);
      return row && { turn: turnOf(row), told: row.told === 1 };
    },

    async startAttempt(lease, { id, agent }, caps) {
      const running = sql`
        SELECT count(*) FROM turns AS other JOIN lanes ON lanes.id = ${lanePrefix("session")} || other.session
        WHERE other.state = 'running' AND other.id <> ${id} AND lanes.lease_until_ms > ${caps.nowMs}`;
      const rows = await all(sql`
        UPDATE turns SET state = 'running', attempt = attempt + 1
        WHERE id = ${id} AND ${OPEN} AND ${held(lease)}
          AND (SELECT count(*) FROM outbox WHERE lane = ${caps.out.lane} AND outbox.state = 'frozen') < ${caps.out.depth}
          AND (${running}) < ${caps.all} AND (${running} AND other.agent = ${agent}) < ${caps.agent}
        RETURNING id`);
      if (rows.length === 1) return "started";
      const open = await all(sql`SELECT 1 FROM turns WHERE id = ${id} AND ${OPEN} AND ${held(lease)}`);
      return open.length === 1 ? "full" : "lost";
    },

    async takeControls(lease, { session, seq }) {
      const stopped = sql`SELECT max(upto_seq) FROM controls WHERE session = ${session} AND kind = 'stop' AND upto_seq >= ${seq}`;
      const results = await atomic([
        sql`
          UPDATE turns SET state = 'delivered', ending = 'stopped'
          WHERE session = ${session} AND state = 'queued' AND seq > ${seq} AND seq <= (${stopped}) AND ${held(lease)}`,
        sql`
          DELETE FROM controls WHERE session = ${session} AND ${held(lease)} RETURNING kind, upto_seq AS uptoSeq`,
      ]);
      const told = (results.at(-1) ?? []) as { kind: ControlKind; uptoSeq: number }[];
      return told.filter(({ uptoSeq }) => uptoSeq >= seq).map(({ kind }) => kind);
    },

    async merge(lease, { id, session, seq, prompt }, whose) {
      const others = sql`
        other.session = ${session} AND other.state = 'queued' AND other.seq > ${seq}
          AND (${whose === "all" ? 1 : 0} = 1 OR other.sender = ${prompt.sender}) AND ${held(lease)}`;
      const joined = sql`
        SELECT group_concat(said, '') FROM (
          SELECT char(10, 10) || CASE WHEN other.sender = ${prompt.sender} THEN '' ELSE other.sender || ': ' END
            || other.prompt AS said
          FROM turns AS other WHERE ${others} ORDER BY other.seq)`;
      const results = await atomic([
        sql`
          UPDATE turns SET prompt = prompt || coalesce((${joined}), '')
          WHERE id = ${id} AND ${OPEN} AND ${held(lease)}`,
        sql`UPDATE turns AS other SET state = 'delivered', ending = 'merged' WHERE ${others} RETURNING id`,
      ]);
      return countOfLast(results);
    },

    async heldBackUntil(lease, { session, seq, prompt }) {
      const [row] = await all<{ until: number | null }>(sql`
        SELECT max(not_before_ms) AS until FROM turns
        WHERE session = ${session} AND state = 'queued' AND seq > ${seq} AND sender = ${prompt.sender} AND ${held(lease)}`);
      return row?.until ?? 0;
    },
  };
}

function endings({ atomic }: Database): Pick<Sessions, "answered" | "endTurn"> {
  return {
    async answered(lease, turnId, reply, rows, lack) {
      const open = sql`EXISTS (SELECT 1 FROM turns WHERE id = ${turnId} AND ${OPEN}) AND ${held(lease)}`;
      const results = await atomic([
        // First, while the turn is still open: what it finds open decides for the rows as well.
        ...insertFrozen(rows, open),
        ...letters(lack, open),
        sql`
          UPDATE turns
          SET state = 'answered', reply_kind = ${reply.kind}, reply = ${storable(reply.markdown)},
            ending = ${lack?.ending ?? null}, not_before_ms = 0, answered_at_ms = ${Date.now()}
          WHERE id = ${turnId} AND ${OPEN} AND ${held(lease)} RETURNING id`,
      ]);
      return countOfLast(results) === 1;
    },

    async endTurn(lease, turnId, lack) {
      const results = await atomic([
        ...letters(lack, endable(lease, turnId)),
        sql`
          UPDATE turns SET state = 'delivered', ending = ${lack.ending}
          WHERE id = ${turnId} AND state <> 'delivered' AND ${held(lease)} RETURNING id`,
      ]);
      return countOfLast(results) === 1;
    },
  };
}

const endable = (lease: Lease, turnId: string): Sql =>
  sql`EXISTS (SELECT 1 FROM turns WHERE id = ${turnId} AND state <> 'delivered') AND ${held(lease)}`;

const letters = (lack: Lack | undefined, guard: Sql): Sql[] =>
  lack?.deadLetter ? [insertDeadLetter(lack.deadLetter, guard)] : [];

function turnOf(row: Row): Turn {
  return {
    id: TurnId.parse(row.id),
    seq: row.seq,
    session: SessionKey.parse(row.session),
    agent: AgentId.parse(row.agent),
    roomId: RoomId.parse(row.roomId),
    direct: row.direct === 1,
    hop: row.hop,
    prompt: {
      eventId: EventId.parse(row.eventId),
      sender: UserId.parse(row.sender),
      text: row.prompt,
      sentAtMs: row.sentAtMs,
    },
    askedAtMs: row.askedAtMs,
    notBeforeMs: row.notBeforeMs,
    state: row.state,
    attempt: row.attempt,
    failures: row.failures,
    ...(row.threadRoot === null ? {} : { threadRoot: EventId.parse(row.threadRoot) }),
    ...(row.shown === null ? {} : { shown: row.shown }),
    ...(row.reply === null ? {} : { reply: { kind: row.replyKind ?? "reply", markdown: row.reply } }),
    ...(row.ending === null ? {} : { ending: row.ending }),
  };
}
