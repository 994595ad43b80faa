/** A turn as its row holds it, and as the session lane reads it. */
import { AgentId, EventId, RoomId, UserId } from "#core/protocol/ids.ts";
import { type Prompt, SessionKey, type Turn, type TurnEnding, TurnId, textPrompt, textReply } from "#core/turn/turn.ts";
import { type Sql, sql } from "../sql/database.ts";

/** The turn has no answer yet. */
export const IS_OPEN = sql`state IN ('queued', 'running')`;

/** Empties a turn's reply where the condition holds. It becomes a notice, which is nobody's words in the history. */
export const emptiedReply = (isTaken: Sql): Sql => sql`
  reply = CASE WHEN ${isTaken} AND reply IS NOT NULL THEN '' ELSE reply END,
  reply_kind = CASE WHEN ${isTaken} AND reply IS NOT NULL THEN 'notice' ELSE reply_kind END,
  shown = CASE WHEN ${isTaken} THEN NULL ELSE shown END`;

/** A turn's columns, with the prompts that were merged into it. `table`: how the query calls the table of turns. */
export const columnsOf = (table: Sql): Sql => sql`
  id, seq, session, agent, room_id AS roomId, thread_root AS threadRoot, direct, event_id AS eventId, sender, prompt,
  sent_at_ms AS sentAtMs, asked_at_ms AS askedAtMs, state, attempt, failures, not_before_ms AS notBeforeMs, shown,
  reply_kind AS replyKind, reply, ending, hop, redacted,
  (SELECT json_group_array(json_object('eventId', eventId, 'sender', sender, 'prompt', prompt, 'sentAtMs', sentAtMs))
    FROM (SELECT event_id AS eventId, sender, prompt, sent_at_ms AS sentAtMs FROM turns AS part
      WHERE part.merged_into = ${table}.seq ORDER BY part.seq)) AS merged`;

interface PromptRow {
  eventId: string;
  sender: string;
  prompt: string;
  sentAtMs: number;
}

export interface TurnRow extends PromptRow {
  id: string;
  seq: number;
  session: string;
  agent: string;
  roomId: string;
  threadRoot: string | null;
  direct: number;
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
  redacted: number;
  /** A JSON list of `PromptRow`, oldest first. */
  merged: string;
}

export function turnOf(row: TurnRow): Turn {
  return {
    id: TurnId.parse(row.id),
    seq: row.seq,
    session: SessionKey.parse(row.session),
    agent: AgentId.parse(row.agent),
    roomId: RoomId.parse(row.roomId),
    direct: row.direct === 1,
    hop: row.hop,
    prompt: promptOf(row),
    merged: (JSON.parse(row.merged) as PromptRow[]).map(promptOf),
    askedAtMs: row.askedAtMs,
    notBeforeMs: row.notBeforeMs,
    state: row.state,
    attempt: row.attempt,
    failures: row.failures,
    ...(row.threadRoot === null ? {} : { threadRoot: EventId.parse(row.threadRoot) }),
    ...(row.shown === null ? {} : { shown: row.shown }),
    ...(row.reply === null ? {} : { reply: textReply(row.replyKind ?? "reply", row.reply) }),
    ...(row.ending === null ? {} : { ending: row.ending }),
    ...(row.redacted === 1 ? { redacted: true } : {}),
  };
}

const promptOf = ({ eventId, sender, prompt, sentAtMs }: PromptRow): Prompt => ({
  eventId: EventId.parse(eventId),
  sender: UserId.parse(sender),
  parts: textPrompt(prompt),
  sentAtMs,
});
