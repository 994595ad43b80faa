/** Power levels as rooms of every version have them. */
import { describe, expect, test } from "vitest";
import { UserId } from "./ids.ts";
import { maySendState, NO_STATE, powerOf, RoomState, readStateEvent, type StateType, stateIn } from "./room-state.ts";

const ALICE = UserId.parse("@alice:hs.test");
const BOB = UserId.parse("@bob:hs.test");

/** A room's state out of its events, as a homeserver would send them. */
function room(create: object, levels?: object): RoomState {
  const event = (type: string, content: object) =>
    stateIn({ type, sender: ALICE, state_key: "", content: { ...content } }) ?? {};
  return { ...NO_STATE, ...event("m.room.create", create), ...(levels ? event("m.room.power_levels", levels) : {}) };
}
const V11 = { room_version: "11" };
const V12 = { room_version: "12" };

describe("a user's power", () => {
  test.for<[name: string, create: object, levels: object | undefined, userId: UserId, power: number]>([
    ["a creator before there are levels", V11, undefined, ALICE, 100],
    ["another before there are levels", V11, undefined, BOB, 0],
    ["by name", V11, { users: { [BOB]: 50 } }, BOB, 50],
    ["by default", V11, { users: {}, users_default: 10 }, BOB, 10],
    ["without a default", V11, { users: {} }, BOB, 0],
    [
      "explicitly 0, where the default is more (matrix-workers: || for ??)",
      V11,
      { users: { [BOB]: 0 }, users_default: 50 },
      BOB,
      0,
    ],
    ["explicitly less than nothing", V11, { users: { [BOB]: -10 }, users_default: 0 }, BOB, -10],
    ["a creator who is not named, before version 12", V11, { users: {} }, ALICE, 0],
    ["a creator who was demoted, before version 12", V11, { users: { [ALICE]: 10 } }, ALICE, 10],
    ["a creator from version 12 on", V12, { users: {} }, ALICE, Number.MAX_SAFE_INTEGER],
    ["a creator from version 12 on, before there are levels", V12, undefined, ALICE, Number.MAX_SAFE_INTEGER],
    [
      "a creator from version 12 on, whatever the levels say",
      V12,
      { users: { [ALICE]: 0 } },
      ALICE,
      Number.MAX_SAFE_INTEGER,
    ],
    [
      "another creator from version 12 on",
      { ...V12, additional_creators: [BOB] },
      { users: {} },
      BOB,
      Number.MAX_SAFE_INTEGER,
    ],
    [
      "another creator among rubbish",
      { ...V12, additional_creators: [5, "bob", BOB] },
      {},
      BOB,
      Number.MAX_SAFE_INTEGER,
    ],
    [
      "another creator before version 12, which knows none",
      { ...V11, additional_creators: [BOB] },
      { users: {} },
      BOB,
      0,
    ],
    ["another user from version 12 on", V12, { users: {} }, BOB, 0],
    ["a creator of a room without a version, which is the first", {}, { users: {} }, ALICE, 0],
    [
      "a creator of an unknown version",
      { room_version: "org.example.14" },
      { users: {} },
      ALICE,
      Number.MAX_SAFE_INTEGER,
    ],
    ["levels in strings, as old rooms have them", V11, { users: { [BOB]: "50" } }, BOB, 50],
    ["levels that are no numbers", V11, { users: { [BOB]: "many" }, users_default: 50 }, BOB, 0],
    ["levels of halves", V11, { users: { [BOB]: 50.5 } }, BOB, 0],
    ["users that are a list", V11, { users: [BOB], users_default: 5 }, BOB, 5],
    ["a default that is no number", V11, { users_default: {} }, BOB, 0],
    ["a user called like a property of objects", V11, { users: {} }, UserId.parse("@constructor:hs.test"), 0],
  ])("%s", ([, create, levels, userId, power]) => expect(powerOf(room(create, levels), userId)).toBe(power));

  test("is 0 in an unknown room", () => expect(powerOf(NO_STATE, ALICE)).toBe(0));
});

describe("the right to send state", () => {
  test.for<[name: string, levels: object | undefined, userId: UserId, may: boolean]>([
    ["the level of the type", { users: { [BOB]: 50 }, events: { "m.x": 50 } }, BOB, true],
    ["less than the level of the type", { users: { [BOB]: 49 }, events: { "m.x": 50 } }, BOB, false],
    [
      "more than the type's, less than the default",
      { users: { [BOB]: 10 }, events: { "m.x": 10 }, state_default: 50 },
      BOB,
      true,
    ],
    ["the default", { users: { [BOB]: 30 }, state_default: 30 }, BOB, true],
    ["without a default it is 50", { users: { [BOB]: 49 } }, BOB, false],
    ["without levels it is 0", undefined, BOB, true],
  ])("%s", ([, levels, userId, may]) => expect(maySendState(room(V11, levels), userId, "m.x")).toBe(may));
});

describe("the change a state event makes", () => {
  test.for<[name: string, type: string, content: object, changed: object | undefined]>([
    ["a name", "m.room.name", { name: "Team" }, { name: "Team" }],
    ["a name that is no text", "m.room.name", { name: 5 }, { name: "" }],
    ["a topic that is long", "m.room.topic", { topic: "x".repeat(5_000) }, { topic: "x".repeat(1_000) }],
    ["encryption", "m.room.encryption", {}, { encrypted: true }],
    ["a replacement", "m.room.tombstone", { replacement_room: "!new" }, { replacement: "!new" }],
    ["no replacement", "m.room.tombstone", {}, {}],
    ["an event that is not kept", "m.room.avatar", {}, undefined],
  ])("%s", ([, type, content, changed]) => {
    expect(stateIn({ type, sender: ALICE, state_key: "", content: { ...content } })).toEqual(changed);
  });

  test("is none with a state key", () => {
    expect(stateIn({ type: "m.room.name", sender: ALICE, state_key: "x", content: { name: "a" } })).toBeUndefined();
  });
  test("can be the predecessor", () => {
    expect(room({ ...V12, predecessor: { room_id: "!old:hs.test" } }).predecessor).toBe("!old:hs.test");
    expect(room({ ...V12, predecessor: { room_id: 5 } }).predecessor).toBeUndefined();
  });
  test.for<[name: string, type: StateType, answer: unknown, changed: object | undefined]>([
    ["a whole event", "m.room.name", { sender: ALICE, content: { name: "a" } }, { name: "a" }],
    ["a content alone", "m.room.name", { name: "a" }, { name: "a" }],
    [
      "the content of a creation alone",
      "m.room.create",
      { creator: ALICE, room_version: "9" },
      { creators: [ALICE], creatorsRule: false },
    ],
    [
      "the content of a creation that names no creator",
      "m.room.create",
      { room_version: "12" },
      { creators: ["@:."], creatorsRule: true },
    ],
    [
      "an event of a user whose id is none of ours to read",
      "m.room.topic",
      { sender: `@${"é".repeat(200)}:evil.test`, content: { topic: "a" } },
      { topic: "a" },
    ],
    ["an event without its sender", "m.room.name", { content: { name: "a" } }, undefined],
    ["an object of somebody else", "m.room.power_levels", { hello: "proxy" }, undefined],
    ["nothing", "m.room.name", null, undefined],
    ["a list", "m.room.name", [], undefined],
  ])("is read from the answer to its type: %s", ([, type, answer, changed]) => {
    expect(readStateEvent(type, answer)).toEqual(changed);
  });
  test("survives storage as JSON", () => {
    const state = room(V12, { users: { [BOB]: 50 } });
    expect(RoomState.parse(JSON.parse(JSON.stringify(state)))).toEqual(state);
  });
});
