/** What is stored fits into a row of D1 (2 MB), whatever it was made of: it is refused with a reason, or cut. */
import { afterEach, describe, expect, test } from "vitest";
import { BOUNDS } from "#core/bounds.ts";
import { complaintsAbout } from "#core/configuration/configuration.ts";
import { AgentKey } from "#core/protocol/ids.ts";
import { RoomState, stateIn } from "#core/protocol/room-state.ts";
import { textPrompt } from "#core/turn/turn.ts";
import {
  anAnswer,
  aPrompt,
  aSpec,
  aTurn,
  aTurnId,
  currentTurn,
  member,
  NOW,
  queued,
  ROOM,
  setRoomLayer,
} from "#testing/ledger-rows.ts";
import { type TemporaryLedger, temporaryLedger } from "#testing/temp-ledger.ts";

const ROW_BYTES_MAX = 1_500_000;
const FULL_LIST = Array.from({ length: 1_000 }, (_, at) => `@${"a".repeat(240)}${at}:b.test`);
/** Every list as long as the schema allows. */
const LARGE = {
  users: FULL_LIST,
  admins: FULL_LIST,
  inviteFrom: FULL_LIST,
  botUsers: FULL_LIST,
  commands: { stop: FULL_LIST },
};
const SOME = { defaults: {}, groups: {}, agents: [], rooms: {} };

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});
async function opened(): Promise<TemporaryLedger> {
  const temporary = await temporaryLedger();
  closing.push(temporary.close);
  return temporary;
}

/** The bytes of the largest row of a table, and of the largest text in it. */
async function largest({ client }: TemporaryLedger, table: string): Promise<{ row: number; text: number }> {
  const { rows, columns } = await client.execute(`SELECT * FROM ${table}`);
  const sizes = rows.map((row) => columns.map((name) => Buffer.byteLength(String(row[name] ?? ""))));
  const sum = (list: readonly number[]) => list.reduce((all, one) => all + one, 0);
  return { row: Math.max(...sizes.map(sum)), text: Math.max(...sizes.flat()) };
}

describe("what an operator writes", () => {
  test("is refused with a sentence where it is larger than can be stored: agents, layers, groups", () => {
    const tooLarge = (what: string) => expect.stringMatching(new RegExp(`^${what} is too large: it has \\d+ bytes`));
    const wanted = {
      defaults: LARGE,
      groups: Object.fromEntries(Array.from({ length: 5 }, (_, at) => [`g${at}`, FULL_LIST])),
      agents: [aSpec("echo", LARGE), aSpec("small")],
      rooms: { "!a": LARGE, "!b": {} },
    };
    expect(complaintsAbout(wanted)).toEqual([
      tooLarge("defaults"),
      tooLarge("agents.echo"),
      tooLarge("rooms.!a"),
      tooLarge("groups"),
    ]);
  });

  test("is stored up to the bound: an agent with the largest picture", async () => {
    const world = await opened();
    const avatar = { mediaType: "image/png", base64: "A".repeat(BOUNDS.avatar.max) };
    const agent = aSpec("echo", { avatar, prompt: "p".repeat(20_000) });
    expect(complaintsAbout({ ...SOME, agents: [agent] })).toEqual([]);
    await world.ledger.setAgents([agent]);
    const { row, text } = await largest(world, "agents");
    expect(text).toBeLessThanOrEqual(BOUNDS.storedText.max);
    expect(row).toBeLessThanOrEqual(ROW_BYTES_MAX);
  });

  test("is written by nobody beyond the bound, and what was there stays", async () => {
    const { ledger } = await opened();
    await ledger.setAgents([aSpec("echo")]);
    await expect(ledger.putAgent(aSpec("echo", LARGE))).rejects.toThrow("the agent echo has");
    await expect(setRoomLayer(ledger, ROOM, LARGE)).rejects.toThrow("can be stored");
    await expect(ledger.setConfiguration({ ...SOME, defaults: LARGE })).rejects.toThrow("defaults has");
    expect(await ledger.agents()).toEqual([aSpec("echo")]);
    expect(await ledger.removeAgent(AgentKey.parse("echo"))).toBe(true);
  });
});

describe("the state of a room", () => {
  const levels = (count: number, length: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, at) => [`@${"a".repeat(length)}${at}:b.test`, at % 100]));
  const stateOf = (users: object, events: object = {}) =>
    RoomState.parse({
      name: "n".repeat(1_000),
      topic: "t".repeat(1_000),
      ...stateIn({
        type: "m.room.power_levels",
        sender: member("@a:b").userId,
        state_key: "",
        content: { users, events },
      }),
    });

  test("has all of 2,000 users with power", async () => {
    const world = await opened();
    await world.ledger.setState(ROOM, stateOf(levels(2_000, 10)));
    expect(Object.keys((await world.ledger.room(ROOM)).state.levels?.users ?? {})).toHaveLength(2_000);
  });

  test("is cut where it is larger than any event", async () => {
    const world = await opened();
    const large = levels(20_000, 240);
    await world.ledger.setState(ROOM, stateOf(large, large));
    const { row, text } = await largest(world, "rooms");
    expect(text).toBeLessThanOrEqual(BOUNDS.storedText.max);
    expect(row).toBeLessThanOrEqual(ROW_BYTES_MAX);
    expect((await world.ledger.room(ROOM)).state.levels?.users[Object.keys(large)[0] ?? ""]).toBe(0);
  });
});

describe("a turn", () => {
  test.for(["x", "€", "🎉"])("with the longest prompt, reply and draft of %s fits into a row", async (letter) => {
    const world = await opened();
    const { ledger } = world;
    const long = letter.repeat(2_000_000);
    const turn = aTurn({ id: "turn", prompt: aPrompt("", { parts: textPrompt(long) }) });
    const lease = await queued(ledger, turn);
    await ledger.storeShown(lease, aTurnId("turn"), long);
    await ledger.storeAnswer(lease, aTurnId("turn"), anAnswer(long));
    const { row, text } = await largest(world, "turns");
    expect(text).toBeLessThanOrEqual(BOUNDS.storedText.max);
    expect(row).toBeLessThanOrEqual(ROW_BYTES_MAX);
    const stored = await currentTurn(ledger, lease);
    expect(long.startsWith(stored?.shown ?? "none")).toBe(true);
    expect(stored?.shown?.isWellFormed()).toBe(true);
  });
});

test("a dead letter keeps the beginning of a reason that is a page", async () => {
  const world = await opened();
  await world.ledger.addDeadLetter({ kind: "outbox", reason: "r".repeat(5_000_000), raw: "x".repeat(5_000_000) }, NOW);
  expect((await largest(world, "dead_letters")).row).toBeLessThan(100_000);
});
