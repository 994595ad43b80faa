/** Turns whose rows this version cannot read: how they end. */
import { BOUNDS } from "#core/bounds.ts";
import { deliveryKey } from "#core/message/mark.ts";
import { AgentId, EventId, type Namespace, RoomId, userIdOf } from "#core/protocol/ids.ts";
import { APOLOGY } from "#core/strings/replies.ts";
import { type Lease, outLane } from "#core/turn/lane.ts";
import type { OutboxRow } from "#ports/delivery.ts";
import { isHeld, leasedUntil, type Sql, sql } from "../sql/database.ts";
import { insertDeadLetter } from "../upkeep/dead-letters.ts";
import { insertPlain } from "./outbox.ts";
import type { TurnRow } from "./turn-row.ts";

/** A turn that a newer version has taken further than this one knows: it is due again half a minute later. */
export const leftAlone = (lease: Lease, { seq }: TurnRow): Sql => sql`
  UPDATE turns SET not_before_ms = ${leasedUntil(lease)}
  WHERE seq = ${seq} AND ${isHeld(lease)}`;

/** In SQL, whether the newer version had time to go on with the turn. */
export const isOver = (lease: Lease, { seq }: Named): Sql => sql`
  EXISTS (SELECT 1 FROM turns WHERE seq = ${seq} AND asked_at_ms < ${leasedUntil(lease)} - ${BOUNDS.newerTurnTime.max})`;

/** The part of a turn's row that its end needs. */
type Named = Pick<TurnRow, "seq" | "id" | "agent" | "roomId" | "threadRoot">;

/** Ends the turn as a dead letter, and says so in the room. */
export function burial(namespace: Namespace, row: Named, wrong: string, nowMs: number | Sql, may: Sql): Sql[] {
  const { seq, id, agent } = row;
  const guard = sql`EXISTS (SELECT 1 FROM turns WHERE seq = ${seq} AND state <> 'delivered') AND ${may}`;
  const deadLetter = { kind: "turn" as const, reason: `${agent}: a turn cannot be read: ${wrong}`, raw: id };
  return [
    insertDeadLetter(deadLetter, nowMs, guard),
    ...insertPlain(noticeOf(namespace, row), guard, nowMs),
    sql`UPDATE turns SET state = 'delivered', ending = 'unreadable' WHERE seq = ${seq} AND ${guard}`,
  ];
}

/** None where the row does not say who would speak, and where. */
function noticeOf(namespace: Namespace, { seq, id, agent: speaker, roomId: room, threadRoot }: Named): OutboxRow[] {
  const [agent, roomId] = [AgentId.safeParse(speaker).data, RoomId.safeParse(room).data];
  if (!agent || !roomId) return [];
  const cause = `unread-${id || seq}`;
  const userId = userIdOf(namespace, agent);
  const thread = EventId.safeParse(threadRoot).data;
  return [
    {
      key: deliveryKey(cause, 0, "original"),
      lane: outLane(userId, roomId),
      agent,
      userId,
      utterance: {
        say: "message",
        part: { type: "text", markdown: APOLOGY.unreadable },
        mark: { agent, turn: cause, part: 0, hop: 0, kind: "notice" },
        mentions: [],
        ...(thread ? { thread } : {}),
      },
    },
  ];
}
