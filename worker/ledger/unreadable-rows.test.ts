/** A row that cannot be read restricts itself and nothing else, and keys of a newer version are no fault. */
import { afterEach, describe, expect, test } from "vitest";
import { AgentSpec } from "#core/configuration/agent.ts";
import { Groups, Layer, RoomLayer } from "#core/configuration/settings.ts";
import { readStored } from "#core/configuration/stored.ts";
import { readEvidence } from "#core/gate/evidence.ts";
import { parseUtterance, storedUtterance } from "#core/message/utterance.ts";
import { AgentId, RoomId } from "#core/protocol/ids.ts";
import { RoomState } from "#core/protocol/room-state.ts";
import { APOLOGY } from "#core/strings/replies.ts";
import { aMessage } from "#testing/events.ts";
import {
  anUtterance,
  aSpec,
  aTurn,
  aTurnId,
  ghost,
  leaseOf,
  NOW,
  OUT_LANE,
  queued,
  ROOM,
  ROOM_LANE,
  SESSION_LANE,
  setRoomLayer,
} from "#testing/ledger-rows.ts";
import { type TemporaryLedger, temporaryLedger } from "#testing/temp-ledger.ts";

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});
async function opened(): Promise<TemporaryLedger> {
  const opened = await temporaryLedger();
  closing.push(opened.close);
  return opened;
}

describe("a stored row of the configuration that cannot be read", () => {
  const OTHER = RoomId.parse("!other");
  const INVALID = JSON.stringify({ model: "x".repeat(201) });
  async function world() {
    const { ledger, client } = await opened();
    await ledger.setAgents([aSpec("echo"), aSpec("guide")]);
    for (const room of [ROOM, OTHER]) await ledger.setMembers(room, [ghost("echo"), ghost("guide")]);
    const write = (name: string, value: string) =>
      client.execute({ sql: "INSERT OR REPLACE INTO settings (name, value) VALUES (?, ?)", args: [name, value] });
    return { ledger, client, write };
  }

  test("mutes its own room, and leaves other rooms and the configuration alone", async () => {
    const { ledger, write } = await world();
    await write("room:!room", INVALID);
    expect(await ledger.room(ROOM)).toMatchObject({ muted: true, present: [{}, {}] });
    expect(await ledger.room(OTHER)).toMatchObject({ muted: false, present: [{}, {}] });
    expect(await ledger.configuration()).toMatchObject({ rooms: { "!room": { muted: true } } });
    await ledger.setConfiguration({ ...(await ledger.configuration()), rooms: { "!room": { muted: false } } });
    expect(await ledger.room(ROOM)).toMatchObject({ muted: false });
  });

  test.for([INVALID, "{", '{"users":["tomorrow:all"]}'])("is written over by no change of it: %j", async (text) => {
    const { ledger, client, write } = await world();
    await write("room:!room", text);
    expect(await setRoomLayer(ledger, "!room", { muted: false })).toBe("unreadable");
    const { rows } = await client.execute("SELECT value FROM settings WHERE name = 'room:!room'");
    expect(rows).toMatchObject([{ value: text }]);
  });

  test.for(["defaults", "groups"])("mutes every room while it is the row of the %s", async (name) => {
    const { ledger, write } = await world();
    await write(name, name === "defaults" ? INVALID : '{"staff":["no user"]}');
    expect(await ledger.room(ROOM)).toMatchObject({ muted: true });
    expect(await ledger.configuration()).toMatchObject({ defaults: {}, groups: {} });
    await ledger.putAgent(aSpec("third"));
    await ledger.setConfiguration({ ...(await ledger.configuration()), rooms: {} });
    expect(await ledger.room(ROOM)).toMatchObject({ muted: false });
  });

  test.for(['{"id":"guide"}', "{", "null", "[]", ""])("retires its own agent and no other: %j", async (text) => {
    const { ledger, client } = await world();
    await client.execute({ sql: "UPDATE agents SET agent = ? WHERE id = 'guide'", args: [text] });
    expect((await ledger.room(ROOM)).present).toMatchObject([{ agent: { id: "echo" } }]);
    expect(await ledger.agent(AgentId.parse("guide"), ROOM)).toBeUndefined();
    expect(await ledger.agents()).toMatchObject([{ id: "echo" }]);
  });

  test.for(["{", '{"agents":{"echo":"loud"}}', '{"agents":[5]}', "null"])(
    "mutes a crowded room too, and its agents are found: %j",
    async (text) => {
      const { ledger, write } = await world();
      await write("room:!room", text);
      expect(await ledger.presentIn(ROOM, [ghost("echo").userId], "guide")).toHaveLength(2);
      expect(await ledger.room(ROOM)).toMatchObject({ muted: true });
    },
  );

  test("is never written: an invalid layer is refused", async () => {
    const { ledger } = await world();
    await expect(setRoomLayer(ledger, "!room", { model: "x".repeat(201) })).rejects.toThrow();
    expect(await ledger.roomLayer("!room")).toEqual({});
  });
});

describe("a stored event that cannot be read", () => {
  test.for(["{", "null", "[]", '{"event_id":"$1"}'])("is a dead letter, and the room goes on: %j", async (text) => {
    const { ledger, client } = await opened();
    const [lost, next] = [aMessage("lost"), aMessage("next")];
    await ledger.accept({ events: [lost, next], deadLetters: [], nowMs: NOW });
    await client.execute({ sql: "UPDATE events SET event = ? WHERE event_id = ?", args: [text, lost.event_id] });
    const claimed = await ledger.claim(ROOM_LANE, "runner", NOW, 1_000);
    expect(claimed?.first).toMatchObject({ kind: "room", events: [{ event: { content: { body: "next" } } }] });
    expect(await ledger.verdictOf(lost.event_id)).toMatchObject({ verdict: "unreadable" });
    expect(await ledger.verdicts()).toEqual({ unreadable: 1 });
    const reason = expect.stringContaining(`The stored event ${lost.event_id} cannot be read: `);
    expect(await ledger.deadLetters(5)).toMatchObject([{ kind: "event", reason, raw: text, createdAtMs: NOW }]);
  });

  test("is decided by nobody whose lease was lost", async () => {
    const { ledger, client } = await opened();
    const lost = aMessage("lost");
    await ledger.accept({ events: [lost], deadLetters: [], nowMs: NOW });
    const lease = await leaseOf(ledger, ROOM_LANE, "late");
    await leaseOf(ledger, ROOM_LANE, "late");
    await client.execute("UPDATE events SET event = '{'");
    expect(await ledger.nextEvents(lease, 5)).toEqual([]);
    expect(await ledger.verdicts()).toEqual({});
  });
});

describe("a stored turn that cannot be read", () => {
  async function damaged(column: string, value: string, askedAtMs = NOW) {
    const { ledger, client } = await opened();
    await ledger.setAgents([aSpec("echo")]);
    await queued(ledger, aTurn({ id: "lost", askedAtMs }), aTurn({ id: "next" }));
    await ledger.voidLeases();
    await client.execute({ sql: `UPDATE turns SET ${column} = ? WHERE id = 'lost'`, args: [value] });
    const claim = async () => (await ledger.claim(SESSION_LANE, "runner", NOW, 30_000))?.first;
    return { ledger, client, claim };
  }

  test.for([
    ["sender", "nobody"],
    ["event_id", "none"],
    ["thread_root", "none"],
  ] as const)(
    "ends as a dead letter with a sentence to the room, and the next one begins: %s",
    async ([column, value]) => {
      const { ledger, client, claim } = await damaged(column, value);
      expect(await claim()).toMatchObject({ kind: "session", current: { turn: { id: "next" } } });
      const reason = expect.stringContaining("a turn cannot be read");
      expect(await ledger.deadLetters(5)).toMatchObject([{ kind: "turn", reason, raw: "lost" }]);
      const row = await ledger.nextOut(await leaseOf(ledger, OUT_LANE));
      expect(JSON.stringify(row)).toContain(APOLOGY.unreadable);
      expect(row?.key).toBe("unread-lost.0.0");
      // Without its time it would be forgotten as soon as it is sent.
      const [stored] = (await client.execute("SELECT at_ms AS atMs FROM outbox")).rows;
      expect(stored?.["atMs"]).toBeGreaterThanOrEqual(NOW);
      // What was given up can be queued again, once it was mended.
      expect(await ledger.replay(aTurnId("lost"), aTurnId("again"), NOW)).toBeDefined();
    },
  );

  test.for([
    ["agent", "Not An Agent"],
    ["room_id", "nowhere"],
  ] as const)("ends without a sentence where nobody can say it, or nowhere: %s", async ([column, value]) => {
    const { ledger, claim } = await damaged(column, value);
    expect(await claim()).toMatchObject({ current: { turn: { id: "next" } } });
    expect(await ledger.deadLetters(5)).toHaveLength(1);
    expect(await ledger.nextOut(await leaseOf(ledger, OUT_LANE))).toBeUndefined();
  });

  test.for([
    ["state", "paused"],
    ["reply_kind", "poll"],
  ] as const)("is left to the newer version whose %s it has, for ten minutes", async ([column, value]) => {
    const young = await damaged(column, value);
    expect(await young.claim()).toEqual({ kind: "session", current: undefined });
    expect(await young.ledger.deadLetters(5)).toEqual([]);
    expect(await young.ledger.release({ lane: SESSION_LANE, fence: 0 })).toBeGreaterThan(NOW);
    const old = await damaged(column, value, NOW - 11 * 60_000);
    expect(await old.claim()).toMatchObject({ current: { turn: { id: "next" } } });
    expect(await old.ledger.deadLetters(5)).toHaveLength(1);
  });

  test("is not due at once by a stop while it is left to a newer version", async () => {
    const { ledger, client, claim } = await damaged("state", "paused");
    await client.execute(`INSERT INTO controls (session, kind) VALUES ('${aTurn().session}', 'stop')`);
    expect(await claim()).toEqual({ kind: "session", current: undefined });
    expect(await ledger.release({ lane: SESSION_LANE, fence: 0 })).toBeGreaterThan(NOW);
  });

  test("is left out of the history of its session, and merged into another of that turn's prompts", async () => {
    const { ledger, client, claim } = await damaged("sender", "nobody");
    await client.execute("UPDATE turns SET state = 'delivered', merged_into = 2 WHERE id = 'lost'");
    expect(await claim()).toMatchObject({ current: { turn: { id: "next", merged: [] } } });
    await client.execute("UPDATE turns SET ending = 'silent', merged_into = NULL WHERE id = 'lost'");
    const { session } = aTurn();
    expect(await ledger.transcript(session, 10)).toEqual([]);
  });
});

/** A value with an unknown key in every object of it. Records have no unknown keys: theirs are names. */
function withNewKeys(value: unknown, isRecord = (_path: string) => false, path = ""): unknown {
  if (Array.isArray(value)) return value.map((one) => withNewKeys(one, isRecord, `${path}.0`));
  if (typeof value !== "object" || value === null) return value;
  const inner = Object.entries(value).map(([key, one]) => [key, withNewKeys(one, isRecord, `${path}.${key}`)]);
  return Object.fromEntries(isRecord(path) ? inner : [...inner, ["newKey", { of: ["a", 5, null] }]]);
}

describe("keys of a newer version, at every level, change nothing about", () => {
  const LAYER = { users: ["local"], commands: { stop: ["*"] }, turns: { queue: 3 }, patterns: ["a"] };
  const SPEC = {
    id: "echo",
    name: "Echo",
    avatar: { mediaType: "image/png", base64: "aGk=" },
    backend: { use: "echo" },
    ...LAYER,
  };
  const STATE = RoomState.parse({
    name: "Kitchen",
    levels: { users: { "@a:b": 50 }, users_default: 0, state_default: 50, events: { "m.x": 10 } },
    creators: ["@a:b"],
  });
  const both = <T>(read: (text: string) => T, value: unknown, isRecord?: (path: string) => boolean) =>
    [value, withNewKeys(value, isRecord)].map((one) => read(JSON.stringify(one)));

  test("a layer, a room's layer, groups", () => {
    const isRecord = (path: string) => path.endsWith(".commands") || path.endsWith(".agents");
    const room = { ...LAYER, muted: false, agents: { echo: LAYER } };
    for (const [plain, newer] of [
      both((text) => readStored(Layer, text), LAYER, isRecord),
      both((text) => readStored(RoomLayer, text), room, isRecord),
      both(
        (text) => readStored(Groups, text),
        { staff: ["@a:b"] },
        (path) => path === "",
      ),
    ]) {
      expect(plain).toBeDefined();
      expect(newer).toEqual(plain);
    }
  });

  test("an agent, whose backend has keys of its own", () => {
    const [plain, newer] = both(
      (text) => readStored(AgentSpec, text),
      SPEC,
      (path) => /\.(commands|backend)$/.test(path),
    );
    expect(plain).toBeDefined();
    expect(newer).toEqual(plain);
  });

  test("the state of a room", () => {
    const isRecord = (path: string) => /\.levels\.(users|events)$/.test(path);
    const [plain, newer] = both((text) => readStored(RoomState, text), STATE, isRecord);
    expect(plain).toEqual(STATE);
    expect(newer).toEqual(plain);
  });

  test("an utterance and the evidence of a verdict", () => {
    const stored: unknown = JSON.parse(storedUtterance(anUtterance()));
    const [plain, newer] = both(parseUtterance, stored);
    expect(plain).toEqual(anUtterance());
    expect(newer).toEqual(plain);
    const [few, more] = both((text) => readEvidence("room_not_allowed", text), { entries: ["!a"], more: 0 });
    expect(few).toEqual({ entries: ["!a"], more: 0 });
    expect(more).toEqual(few);
  });

  test("a room's layer that a command of this version changes: they are kept", async () => {
    const { ledger, client } = await opened();
    const isRecord = (path: string) => path.endsWith(".commands") || path.endsWith(".agents");
    const layer = { ...LAYER, agents: { echo: LAYER, guide: LAYER } };
    const stored = withNewKeys(layer, isRecord);
    await client.execute({
      sql: "INSERT INTO settings (name, value) VALUES ('room:!room', ?)",
      args: [JSON.stringify(stored)],
    });
    const change = (one: RoomLayer): RoomLayer => ({
      ...one,
      muted: true,
      agents: { ...one.agents, echo: { ...one.agents?.["echo"], model: "large", turns: { queue: 4 } } },
    });
    expect(await ledger.changeRoomLayer("!room", change)).toBe("changed");
    const { rows } = await client.execute("SELECT value FROM settings WHERE name = 'room:!room'");
    expect(JSON.parse(String(rows[0]?.["value"]))).toEqual(withNewKeys(change(layer), isRecord));
    expect(await ledger.roomLayer("!room")).toEqual(change(layer));
  });

  test("an agent and a room that are read from the database", async () => {
    const { ledger, client } = await opened();
    await ledger.setAgents([aSpec("echo", LAYER)]);
    await ledger.setMembers(ROOM, [ghost("echo")]);
    await ledger.setState(ROOM, STATE);
    const before = await ledger.room(ROOM);
    const newSpec = withNewKeys(aSpec("echo", LAYER), (path) => /\.(commands|backend)$/.test(path));
    await client.execute({ sql: "UPDATE agents SET agent = ?", args: [JSON.stringify(newSpec)] });
    const newState = withNewKeys(STATE, (path) => /\.levels\.(users|events)$/.test(path));
    await client.execute({ sql: "UPDATE rooms SET state = ?", args: [JSON.stringify(newState)] });
    expect(await ledger.room(ROOM)).toEqual(before);
  });
});
