/** A turn as its row holds it, and as the session lane reads it. */
import { EventId, UserId } from "#core/protocol/ids.ts";
import { complaintOf } from "#core/protocol/json.ts";
import { err, ok, type Result } from "#core/result.ts";
import { type Prompt, type Turn, type TurnEnding, TurnNames, textPrompt, textReply } from "#core/turn/turn.ts";
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
  reply_kind AS replyKind, reply, ending, hop, redacted, waits_for AS waitsFor,
  (SELECT json_group_array(json_object('eventId', eventId, 'sender', sender, 'prompt', prompt, 'sentAtMs', sentAtMs))
    FROM (SELECT event_id AS eventId, sender, prompt, sent_at_ms AS sentAtMs FROM turns AS part
      WHERE part.merged_into = ${table}.seq ORDER BY part.seq)) AS merged`;

/** The people for whom turns were asked, with the turns that were merged into them, each once as `who`. `seqs` selects the turns. */
export const peopleBehind = (seqs: Sql): Sql => sql`
  SELECT DISTINCT coalesce(person.value, part.sender) AS who
  FROM (
    SELECT sender, on_behalf_of FROM turns WHERE seq IN (${seqs})
    UNION ALL SELECT sender, on_behalf_of FROM turns WHERE merged_into IN (${seqs})) AS part
  LEFT JOIN json_each(CASE
    WHEN part.on_behalf_of IS NULL OR json_valid(part.on_behalf_of) THEN part.on_behalf_of ELSE '["nobody knows"]'
  END) AS person`;

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
  state: string;
  attempt: number;
  failures: number;
  notBeforeMs: number;
  shown: string | null;
  replyKind: string | null;
  reply: string | null;
  ending: TurnEnding | null;
  hop: number;
  redacted: number;
  waitsFor: string | null;
  /** A JSON list of `PromptRow`, oldest first. */
  merged: string;
}

/** Why a row cannot be read. `isNewer`: it holds a word of a newer version, which may run beside this one. */
export interface UnreadableTurn {
  wrong: string;
  isNewer: boolean;
}

/** Messages that were merged into the turn and cannot be read are left out. */
export function turnOf(row: TurnRow): Result<Turn, UnreadableTurn> {
  const read = TurnNames.safeParse(row);
  if (!read.success) {
    const isNewer = read.error.issues.every(({ path: [name] }) => name === "state" || name === "replyKind");
    return err({ wrong: complaintOf(TurnNames, row), isNewer });
  }
  const { eventId, sender, threadRoot, replyKind, ...names } = read.data;
  return ok({
    ...names,
    seq: row.seq,
    direct: row.direct === 1,
    hop: row.hop,
    prompt: promptOf({ ...row, eventId, sender }),
    merged: (JSON.parse(row.merged) as PromptRow[]).flatMap(mergedOf),
    askedAtMs: row.askedAtMs,
    notBeforeMs: row.notBeforeMs,
    attempt: row.attempt,
    failures: row.failures,
    ...(threadRoot === null ? {} : { threadRoot }),
    ...(row.shown === null ? {} : { shown: row.shown }),
    ...(row.reply === null ? {} : { reply: textReply(replyKind ?? "reply", row.reply) }),
    ...(row.ending === null ? {} : { ending: row.ending }),
    ...(row.redacted === 1 ? { redacted: true } : {}),
    ...(row.waitsFor === null ? {} : { waitsFor: row.waitsFor }),
  });
}

function mergedOf(row: PromptRow): Prompt[] {
  const [eventId, sender] = [EventId.safeParse(row.eventId).data, UserId.safeParse(row.sender).data];
  return eventId && sender ? [promptOf({ ...row, eventId, sender })] : [];
}

const promptOf = ({ eventId, sender, prompt, sentAtMs }: PromptRow & Pick<Prompt, "eventId" | "sender">): Prompt => ({
  eventId,
  sender,
  parts: textPrompt(prompt),
  sentAtMs,
});
