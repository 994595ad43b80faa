/** Rows that cannot be read are counted, logged, shown to the operator, and mended one at a time. */
import type { Client } from "@libsql/client";
import { afterEach, describe, expect, test, vi } from "vitest";
import { type Composed, composed } from "#testing/composed.ts";
import { aMessage } from "#testing/events.ts";
import { aSpec, aTurn, NOW, queued, ROOM } from "#testing/ledger-rows.ts";
import { temporaryLedger } from "#testing/temp-ledger.ts";
import { systemClock } from "./clock.ts";
import { UNREADABLE_ROWS } from "./core/strings/repair.ts";

const [ALICE, BOB, ECHO] = ["@alice:hs.test", "@bob:hs.test", "@agent_echo:hs.test"];
const SECRET = "sk-very-secret-1234";
const LONG = "x".repeat(201);

let world: Composed;
let client: Client;
afterEach(() => world.close());

async function begin(): Promise<void> {
  const opened = await temporaryLedger();
  client = opened.client;
  world = await composed({}, {}, systemClock, opened);
  await world.ledger.setAgents([aSpec("echo", { mention: false }), aSpec("guide"), aSpec("lost")]);
  await world.joined(ALICE, BOB, ECHO);
}
const put = (sql: string, ...args: (string | number | null)[]) => client.execute({ sql, args });
const setting = (name: string, value: string) =>
  put("INSERT OR REPLACE INTO settings (name, value) VALUES (?, ?)", name, value);

interface Row {
  id: string;
  table: string;
  key: string;
  wrong: string;
}
interface ApiAnswer {
  rows: Row[];
  next?: string;
  problems: string[];
  mended: boolean;
}
const ask = async (method: string, path: string, body?: object): Promise<ApiAnswer> =>
  (await world.operator(method, path, body)).json() as Promise<ApiAnswer>;

async function search(): Promise<Row[]> {
  const rows: Row[] = [];
  for (let from = ""; ; ) {
    const page = await ask("GET", `/admin/repair${from}`);
    rows.push(...page.rows);
    if (page.next === undefined) return rows;
    from = `?after=${encodeURIComponent(page.next)}`;
  }
}
const mend = (id: string) => ask("POST", "/admin/repair", { id });
const problems = async () => (await ask("GET", "/health")).problems;
const names = (rows: readonly Row[]) => rows.map(({ table, key }) => `${table} ${key}`);

/** One damaged row in every table that can have one. */
async function damage(): Promise<void> {
  await queued(world.ledger, aTurn({ id: "stuck", session: "mx.echo.9", askedAtMs: Date.now() }));
  await setting("defaults", `{"model":"${LONG}","prompt":"Be brief."}`);
  await setting("groups", '{"staff":["@a:b"],"bad":["nobody"]}');
  await setting(`room:${ROOM}`, `{"model":"${LONG}","mention":false}`);
  await setting("nonsense", "{}");
  await put(
    "UPDATE agents SET agent = json_set(agent, '$.dm', 'all', '$.backend.apiKey', ?) WHERE id = 'guide'",
    SECRET,
  );
  await put("UPDATE agents SET agent = ? WHERE id = 'lost'", `{"apiKey":"${SECRET}"`);
  await put("INSERT INTO marks (name, value) VALUES ('homeserver', '{')");
  await put("INSERT INTO rooms (room_id, origin, state) VALUES (?, 'none', '{}')", ROOM);
  await put("INSERT INTO rooms (room_id, origin, state) VALUES ('!other', '!other', '{')");
  await put("INSERT INTO aliases (alias, room_id, at_ms) VALUES ('#a:b', 'none', 0)");
  await put("INSERT INTO grants (user_id, agent, at_ms) VALUES ('nobody', 'echo', 0)");
  await put("INSERT INTO members (room_id, user_id, membership) VALUES ('nowhere', '@a:b', 'join')");
  await put("INSERT INTO events (event_id, room_id, event, received_at_ms) VALUES ('$lost', 'nowhere', '{}', ?)", NOW);
  await put("UPDATE turns SET session = '' WHERE id = 'stuck'");
  await put(
    "INSERT INTO outbox (key, lane, agent, user_id, device_id, path, body, state, attempt, not_before_ms) VALUES ('k', 'out:nowhere', 'echo', ?, '', '', '', 'queued', 0, 0)",
    ECHO,
  );
}

describe("rows that cannot be read", () => {
  test("are listed and mended, each once, and nothing is left of them", async () => {
    await begin();
    await damage();
    const rows = await search();
    expect(names(rows)).toEqual([
      "settings defaults",
      "settings groups",
      `settings room:${ROOM}`,
      "settings nonsense",
      "agents guide",
      "agents lost",
      "marks homeserver",
      `rooms ${ROOM}`,
      "rooms !other",
      "aliases #a:b",
      "grants nobody echo",
      "members nowhere @a:b",
      "events $lost",
      "turns stuck",
      "outbox k",
    ]);
    const mended = [];
    for (const { id } of rows) mended.push(await mend(id));
    expect(mended.map((one) => one.mended)).toEqual(rows.map(() => true));
    expect(JSON.stringify([rows, mended, world.lines])).not.toContain(SECRET);
    expect(await search()).toEqual([]);
    for (const { id } of rows) expect(await mend(id)).toEqual({ mended: false });
    const { agents, ...rest } = await world.ledger.configuration();
    expect(rest).toEqual({
      defaults: { prompt: "Be brief." },
      groups: { staff: ["@a:b"] },
      rooms: { [ROOM]: { mention: false } },
    });
    expect(agents).toMatchObject([{ id: "echo" }, { id: "guide", dm: "disabled", backend: { apiKey: SECRET } }]);
    expect((await world.ledger.deadLetters(9)).map(({ kind }) => kind).sort()).toEqual(["event", "outbox", "turn"]);
    expect(await world.ledger.verdicts()).toMatchObject({ unreadable: 1 });
    await world.push(aMessage("hello"));
    await vi.waitFor(() => expect(world.bodies()).toContain("echo hello"));
  });

  test("are a problem of /health and a figure, and are logged once an hour", async () => {
    await begin();
    await world.app.tend();
    expect(await problems()).toEqual([]);
    await setting(`room:${ROOM}`, "{");
    await world.ledger.room(ROOM);
    expect(await problems()).toContain(UNREADABLE_ROWS);
    for (let minute = 0; minute < 3; minute++) await world.app.tend();
    expect(await problems()).toContain(UNREADABLE_ROWS);
    const metrics = await (await world.operator("GET", "/metrics")).text();
    expect(metrics).toContain("troupe_unreadable_rows 1\n");
    const logged = world.lines.filter((line) => line.startsWith("row_unreadable") && line.includes(`room:${ROOM}`));
    expect(logged).toHaveLength(1);
    for (const { id } of await search()) await mend(id);
    for (let minute = 0; minute < 3; minute++) await world.app.tend();
    expect(await problems()).toEqual([]);
  });

  test("are found in parts, however many rows there are", async () => {
    await begin();
    const list = JSON.stringify(Array.from({ length: 20_000 }, (_, at) => `!room${at}`));
    await put(
      "INSERT INTO members (room_id, user_id, membership) SELECT value, '@a:b', 'join' FROM json_each(?)",
      list,
    );
    await put("UPDATE members SET room_id = 'last' WHERE rowid = (SELECT max(rowid) FROM members)");
    const first = await ask("GET", "/admin/repair");
    expect(first).toMatchObject({ rows: [], next: expect.stringMatching(/^members:\d+$/) });
    expect(names(await search())).toEqual(["members last @a:b"]);
  });

  test("of a room are mended when the homeserver answers", async () => {
    await begin();
    await put("INSERT INTO rooms (room_id, origin, state) VALUES (?, ?, '{')", ROOM, ROOM);
    world.server.state.set(`${ROOM}|m.room.name`, { sender: ALICE, content: { name: "Kitchen" } });
    const { fetch } = world.server;
    world.server.fetch = async () => new Response("<html>", { status: 502 });
    const [row] = await search();
    expect(await mend(row?.id ?? "")).toMatchObject({
      mended: false,
      after: expect.stringContaining("does not answer"),
    });
    expect(await search()).toHaveLength(1);
    world.server.fetch = fetch;
    expect(await mend(row?.id ?? "")).toMatchObject({ mended: true });
    expect((await world.ledger.room(ROOM)).state.name).toBe("Kitchen");
  });

  test("are shown to nobody else, and an id that is none mends nothing", async () => {
    await begin();
    const { app } = world;
    expect((await app.http.request("/admin/repair")).status).toBe(401);
    expect((await app.http.request("/admin/repair", { method: "POST" })).status).toBe(401);
    for (const id of ["settings:99", "nothing:1", "settings", "settings:1; DROP TABLE settings"]) {
      expect(await mend(id)).toEqual({ mended: false });
    }
    expect((await world.operator("POST", "/admin/repair", { id: 5 })).status).toBe(400);
    expect((await world.operator("GET", "/admin/repair?after=nothing:5")).status).toBe(200);
  });
});
