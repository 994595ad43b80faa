/** Looks at open work: events, turns and messages that cannot be read, or that are in no lane. */
import { problemOf } from "#core/configuration/stored.ts";
import { parseUtterance } from "#core/message/utterance.ts";
import { RoomEvent } from "#core/protocol/event.ts";
import { EventId, RoomId } from "#core/protocol/ids.ts";
import { complaintOf } from "#core/protocol/json.ts";
import { BURIED, NOW } from "#core/strings/repair.ts";
import { isLane } from "#core/turn/lane.ts";
import { TurnNames } from "#core/turn/turn.ts";
import { burial as eventBurial } from "../rooms/waiting.ts";
import { sql } from "../sql/database.ts";
import { IS_UNSENT } from "../sql/unsent.ts";
import { namesOf, burial as outboxBurial } from "../turns/outbox.ts";
import { burial as turnBurial } from "../turns/unreadable-turns.ts";
import { columnsNamed, type Inspection, type Row, raw } from "./inspection.ts";

const PAGE = 50;

const text = (row: Row, name: string): string => row[name] ?? "";

const events: Inspection = {
  table: "events",
  columns: columnsNamed("event_id", "room_id", "event"),
  keys: 1,
  page: PAGE,
  where: sql`verdict IS NULL`,
  wrong(row) {
    if (!EventId.safeParse(row["event_id"]).success) return "event_id: it is none";
    if (!RoomId.safeParse(row["room_id"]).success) return "room_id: it is none";
    return problemOf(RoomEvent, text(row, "event"));
  },
  now: () => NOW.event,
  mend(row, seq, { nowMs }) {
    const found = { seq, eventId: text(row, "event_id"), event: text(row, "event"), receivedAtMs: nowMs };
    const undecided = sql`EXISTS (SELECT 1 FROM events WHERE seq = ${seq} AND verdict IS NULL)`;
    return { after: BURIED, statements: eventBurial(found, events.wrong(row) ?? "", undecided) };
  },
};

const turns: Inspection = {
  table: "turns",
  columns: {
    id: raw("id"),
    session: raw("session"),
    agent: raw("agent"),
    roomId: raw("room_id"),
    threadRoot: raw("thread_root"),
    eventId: raw("event_id"),
    sender: raw("sender"),
  },
  keys: 1,
  page: PAGE,
  where: sql`state <> 'delivered'`,
  wrong: (row) => (OpenNames.safeParse(row).success ? undefined : complaintOf(OpenNames, row)),
  now: () => NOW.turn,
  mend(row, seq, { namespace, nowMs }) {
    const [id, agent, roomId] = [text(row, "id"), text(row, "agent"), text(row, "roomId")];
    const named = { seq, id, agent, roomId, threadRoot: row["threadRoot"] ?? null };
    const statements = turnBurial(namespace, named, turns.wrong(row) ?? "", nowMs, sql`true`);
    return { after: BURIED, statements };
  },
};
/** Words of a newer version are no damage: that version goes on with them. */
const OpenNames = TurnNames.omit({ state: true, replyKind: true });

const outbox: Inspection = {
  table: "outbox",
  columns: {
    key: raw("key"),
    lane: raw("lane"),
    turnId: raw("turn_id"),
    agent: raw("agent"),
    userId: raw("user_id"),
    path: raw("path"),
    body: raw("body"),
    plain: raw("plain"),
  },
  keys: 1,
  page: PAGE,
  where: IS_UNSENT,
  wrong(row) {
    const named = namesOf(messageOf(row));
    if (!named.ok) return named.error;
    if (!isLane(text(row, "lane"))) return "lane: it is none";
    return row["path"] === "" && !isUtterance(text(row, "plain")) ? "plain: it is no utterance" : undefined;
  },
  now: () => NOW.message,
  mend: (row, seq, { nowMs }) => ({
    after: BURIED,
    statements: outboxBurial(messageOf(row), seq, outbox.wrong(row) ?? "", nowMs, sql`true`),
  }),
};

const messageOf = (row: Row) => ({
  key: text(row, "key"),
  turnId: row["turnId"] ?? null,
  agent: text(row, "agent"),
  userId: text(row, "userId"),
  path: text(row, "path"),
  body: text(row, "body"),
  plain: row["plain"] ?? null,
});

function isUtterance(plain: string): boolean {
  try {
    parseUtterance(plain);
    return true;
  } catch {
    return false;
  }
}

export const WORK: readonly Inspection[] = [events, turns, outbox];
