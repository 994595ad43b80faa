/**
 * Whatever is stored, in whichever column: the room, the operator API and the next start go on. Every column of text is
 * listed here with what becomes of a value in it that cannot be read.
 */
import { getTableColumns, getTableName } from "drizzle-orm";
import { afterEach, describe, expect, test, vi } from "vitest";
import { AgentId, RoomId, UserId } from "#core/protocol/ids.ts";
import { composed } from "#testing/composed.ts";
import { anEvent } from "#testing/events.ts";
import { aSpec, ghost, member } from "#testing/ledger-rows.ts";
import { tablesOfSchema } from "#testing/tables.ts";
import { oldLedger } from "#testing/temp-ledger.ts";
import { systemClock } from "./clock.ts";

/** `json`: has a schema. `id`, `word`: one of a form or a list. `text`: any text. `own`: compared, and never read. */
type Kind = "json" | "id" | "word" | "text" | "own";

/** What a column holds, and whether it must be unique. */
const COLUMNS: Record<string, Kind | `${Kind} unique`> = {
  "admissions.event_id": "own unique",
  "admissions.family": "own",
  "admissions.inviter": "own",
  "admissions.user_id": "own",
  "agents.agent": "json",
  "agents.id": "id unique",
  "agents.name_key": "own",
  "aliases.alias": "id unique",
  "aliases.room_id": "id",
  "buckets.key": "own unique",
  "controls.kind": "word",
  "controls.session": "id",
  "dead_letters.event_id": "own",
  "dead_letters.kind": "word",
  "dead_letters.raw": "text",
  "dead_letters.reason": "text",
  "directs.room_id": "id unique",
  "directs.user_id": "id unique",
  "epochs.base": "id unique",
  "epochs.session": "id",
  "events.about": "id",
  "events.event": "json",
  "events.event_id": "id unique",
  "events.evidence": "json",
  "events.progress": "json",
  "events.room_id": "id",
  "events.verdict": "word",
  "ghosts.device_id": "text",
  "ghosts.profile": "own",
  "ghosts.user_id": "id unique",
  "grants.agent": "id unique",
  "grants.user_id": "id unique",
  "invite_codes.agent": "id unique",
  "invite_codes.code": "own unique",
  "invite_codes.user_id": "id",
  "lanes.id": "id unique",
  "lanes.owner": "own",
  "learnt.agent": "own unique",
  "learnt.entries": "json",
  "marks.name": "own unique",
  "marks.value": "json",
  "members.membership": "word",
  "members.room_id": "id unique",
  "members.user_id": "id unique",
  "outbox.agent": "id",
  "outbox.body": "json",
  "outbox.device_id": "text",
  "outbox.event_id": "id",
  "outbox.key": "own unique",
  "outbox.lane": "id",
  "outbox.path": "id",
  "outbox.plain": "json",
  "outbox.refusal": "own",
  "outbox.state": "word",
  "outbox.turn_id": "id",
  "outbox.user_id": "id",
  "pairings.agent": "id unique",
  "pairings.code": "own unique",
  "pairings.user_id": "id unique",
  "pairs.agent": "id unique",
  "pairs.room_id": "id unique",
  "pairs.sender": "id unique",
  "rooms.origin": "id",
  "rooms.places": "json",
  "rooms.predecessor": "id",
  "rooms.replacement": "id",
  "rooms.room_id": "id unique",
  "rooms.state": "json",
  "settings.name": "id unique",
  "settings.value": "json",
  "threads.agent": "id",
  "threads.holder": "id",
  "threads.room_id": "id unique",
  "threads.root": "id unique",
  "transactions.id": "own unique",
  "turns.agent": "id unique",
  "turns.ending": "word",
  "turns.event_id": "id unique",
  "turns.id": "id unique",
  "turns.on_behalf_of": "json",
  "turns.prompt": "text",
  "turns.reply": "text",
  "turns.reply_kind": "word",
  "turns.room_id": "id",
  "turns.sender": "id",
  "turns.session": "id",
  "turns.shown": "text",
  "turns.state": "word",
  "turns.thread_root": "id",
  "turns.waits_for": "word",
  "verdicts.verdict": "word unique",
};

const textColumns = async (): Promise<string[]> =>
  (await tablesOfSchema()).flatMap((table) =>
    Object.values(getTableColumns(table))
      .filter((column) => column.getSQLType() === "text")
      .map((column) => `${getTableName(table)}.${column.name}`),
  );

test("every column of text is listed with what it holds", async () => {
  expect(Object.keys(COLUMNS)).toEqual((await textColumns()).sort());
});

const LONG = "x".repeat(2_000_000);
const GARBAGE: Record<string, string> = {
  "no JSON": "{",
  null: "null",
  "another type": "[5]",
  "another object": '{"hello":"proxy"}',
  "two megabytes": JSON.stringify({ id: LONG, name: LONG, prompt: LONG, content: LONG }),
  "half a surrogate pair": '{"id":"\\ud83d","name":"\\ud83d","model":"\\ud83d"}',
  "a NUL": '{"id":"\\u0000","name":"\\u0000","model":5}',
};
/** While all layers or all agents cannot be read nobody answers, and without its device a ghost cannot. */
const SILENT = ["settings.value", "settings.name", "agents.agent", "agents.id", "ghosts.device_id"];
/** A word of a newer version is left to that version for a while. */
const LEFT_ALONE = ["turns.state", "turns.reply_kind"];
const LEFT_MS = 20 * 60_000;

const FRESH = RoomId.parse("!fresh");
const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** A database in the middle of its work, in which every value of a column is replaced. */
async function damaged(column: string, value: string) {
  const { ledger, client, close } = await oldLedger(
    "e937870",
    Date.now() - (LEFT_ALONE.includes(column) ? LEFT_MS : 60_000),
  );
  await ledger.setMark("homeserver", JSON.stringify({ reachable: true, atMs: Date.now() }));
  await ledger.setMark("emptied", "1");
  await ledger.allow(AgentId.parse("echo"), UserId.parse("@alice:hs.test"), Date.now());
  const [table = "", name = ""] = column.split(".");
  const isUnique = COLUMNS[column]?.endsWith("unique") === true;
  const sql = `UPDATE ${table} SET ${name} = ?1${isUnique ? " || rowid" : ""} WHERE ${name} IS NOT NULL AND ${name} <> ''`;
  await client.execute({ sql, args: [value] });
  const world = await composed({}, {}, systemClock, { ledger, close });
  closing.push(world.close);
  for (const user of ["@agent_echo:hs.test", "@agent_guide:hs.test", "@troupe:hs.test"]) {
    world.server.users.add(user);
    for (const device of ["TROUPE", "PHONE"]) world.server.devices.add(`${user}|${device}`);
  }
  for (const room of ["!main", "!direct", FRESH]) world.server.members.set(room, ["@alice:hs.test"]);
  await ledger.setMembers(FRESH, [member("@alice:hs.test"), member("@bob:hs.test"), ghost("echo")]);
  return { ...world, client };
}

const asks = (room: string, body: string) =>
  anEvent({
    event_id: `$new-${room}`,
    room_id: room,
    sender: "@alice:hs.test",
    content: { msgtype: "m.text", body, "m.mentions": { user_ids: ["@agent_echo:hs.test"] } },
  });

async function goesOn(column: string, value: string): Promise<void> {
  const world = await damaged(column, value);
  const { app, server, ledger, operator } = world;
  await app.sweep();
  await world.push(asks("!main", "hello main"), asks(FRESH, "hello fresh"));
  const undecided = async () => (await ledger.figures(Date.now())).undecidedEvents;
  // Events of no room wait for `troupe repair`.
  const stranded = column === "events.room_id" ? 2 : 0;
  await vi.waitFor(async () => expect(await undecided()).toBe(stranded), { timeout: 4_000, interval: 20 });
  await vi.waitFor(world.settled, { timeout: 4_000, interval: 20 });
  const answered = server.sent.filter(({ path }) => path.includes("!fresh")).map(({ content }) => content["body"]);
  if (!SILENT.includes(column)) expect(answered.join()).toContain("hello fresh");
  await app.tend();
  for (const path of ["configuration", "agents", "dead-letters", "pairings", "rooms/!main/decisions"]) {
    expect([path, (await operator("GET", `/admin/${path}`)).status]).toEqual([path, 200]);
  }
  for (const path of ["/health", "/metrics"]) expect((await operator("GET", path)).status).toBe(200);
  const agents = [aSpec("echo", { mention: false }), aSpec("guide")];
  await app.applyConfiguration({ defaults: {}, groups: {}, agents, rooms: {} });
  expect(world.lines.filter((line) => /^(lane_failed|request_failed|tend_failed)/.test(line))).toEqual([]);
}

describe("a database goes on", { timeout: 30_000 }, () => {
  const json = Object.entries(COLUMNS).filter(([, kind]) => kind.startsWith("json"));
  const cases = json.flatMap(([column]) => Object.keys(GARBAGE).map((garbage): [string, string] => [column, garbage]));
  test.for(cases)("with %s holding %s", ([column, garbage]) => goesOn(column, GARBAGE[garbage] ?? ""));

  const others = Object.keys(COLUMNS).filter((column) => !json.some(([name]) => name === column));
  test.for(others)("with %s holding what no version of it wrote", (column) =>
    goesOn(column, column === "turns.prompt" ? "markdown" : "?! 5"),
  );
});
