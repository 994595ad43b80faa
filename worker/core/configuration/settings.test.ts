/** An agent's settings at a place: four layers, each key from the strongest layer that has it. */
import { describe, expect, test } from "vitest";
import { COMMANDS } from "../message/command.ts";
import { type Groups, keyRows, Layer, patternOf, RoomLayer, resolve, Settings, THREAD_MODES } from "./settings.ts";
import { WHILE_BUSY_MODES } from "./turn-settings.ts";

/** Defaults, agent, room, agent in the room. */
type Layers = [defaults?: Layer, agent?: Layer, room?: Layer | undefined, agentInRoom?: Layer | undefined];
const settingsOf = (layers: Layers, groups: Groups = {}) => resolve(layers, groups).settings;

describe("a key's value comes from", () => {
  test.for<[name: string, layers: Layers, sticky: number]>([
    ["the default, when no layer has it", [], 24],
    ["the defaults", [{ sticky: 1 }], 1],
    ["the agent, over the defaults", [{ sticky: 1 }, { sticky: 2 }], 2],
    ["the room, over the agent", [{ sticky: 1 }, { sticky: 2 }, { sticky: 3 }], 3],
    ["the agent in the room, over the room", [{ sticky: 1 }, { sticky: 2 }, { sticky: 3 }, { sticky: 4 }], 4],
    ["the defaults, when no other layer has it", [{ sticky: 1 }, {}, {}, {}], 1],
    ["the agent, when the room has only other keys", [{ sticky: 1 }, { sticky: 2 }, { power: 5 }], 2],
    ["the agent, when the room has no layer", [{ sticky: 1 }, { sticky: 2 }, undefined, undefined], 2],
    ["the room, when it is 0 there", [{ sticky: 1 }, { sticky: 2 }, { sticky: 0 }], 0],
  ])("%s", ([, layers, sticky]) => expect(settingsOf(layers).sticky).toBe(sticky));

  test.for<[name: string, layers: Layers, bots: Settings["bots"]]>([
    ["a layer that sets false", [{ bots: true }, { bots: false }], false],
    ["a layer that sets a word", [{ bots: true }, { bots: "mentions" }], "mentions"],
    ["the layer below, when the layer leaves it out", [{ bots: true }, {}], true],
  ])("%s", ([, layers, bots]) => expect(settingsOf(layers).bots).toBe(bots));

  test("known keys only", () => {
    const layer = { ...Layer.parse({ sticky: 2 }), direct: true, muted: true, agents: {} };
    expect(Object.keys(settingsOf([layer])).toSorted()).toEqual(Object.keys(Settings.parse({})).toSorted());
  });
});

describe("a list", () => {
  const GROUPS: Groups = {
    team: ["@alice:hs.test", "@bob:hs.test"],
    outer: ["@carol:hs.test", "group:team"],
    round: ["group:round", "@dave:hs.test"],
    empty: [],
  };
  test.for<[name: string, layers: Layers, users: string[]]>([
    ["defaults to local users", [], ["local"]],
    [
      "replaces the list of the layer below and is not joined to it",
      [{ users: ["@a:b", "@c:d"] }, { users: ["@e:f"] }],
      ["@e:f"],
    ],
    ["replaces the list of the layer below when it is empty", [{ users: ["*"] }, { users: [] }], []],
    [
      "contains the members of its groups",
      [{ users: ["group:team", "@eve:hs.test"] }],
      ["@alice:hs.test", "@bob:hs.test", "@eve:hs.test"],
    ],
    ["ignores a group within a group", [{ users: ["group:outer"] }], ["@carol:hs.test"]],
    ["ignores a group that contains itself", [{ users: ["group:round"] }], ["@dave:hs.test"]],
    ["has no members of an empty group", [{ users: ["group:empty"] }], []],
    ["has no members of an unknown group", [{ users: ["group:unknown", "@eve:hs.test"] }], ["@eve:hs.test"]],
    [
      "has no members of a group named like a property of every object",
      [{ users: ["group:constructor", "group:toString", "group:__proto__"] }],
      [],
    ],
  ])("%s", ([, layers, users]) => expect(settingsOf(layers, GROUPS).users).toEqual(users));

  test("of every kind contains the members of its groups", () => {
    const list = ["group:team"];
    const { users, admins, botUsers, inviteFrom, commands } = settingsOf(
      [{ users: list, admins: list, botUsers: list, inviteFrom: list, commands: { model: list } }],
      GROUPS,
    );
    const team = ["@alice:hs.test", "@bob:hs.test"];
    expect([users, admins, botUsers, inviteFrom, commands["model"]]).toEqual([team, team, team, team, team]);
  });

  test("of commands is replaced as a whole, like any other key", () => {
    expect(settingsOf([{ commands: { model: ["*"], mute: ["*"] } }, { commands: { model: [] } }]).commands).toEqual({
      model: [],
    });
  });
});

describe("the settings of turns", () => {
  test("are merged key by key over all layers", () => {
    const { turns } = resolve(
      [{ turns: { queue: 5, debounce: 1 } }, { turns: { queue: 6 } }, {}, { turns: { replyAge: 60 } }],
      {},
    );
    expect([turns.queue, turns.debounce, turns.replyAge, turns.eventAge]).toEqual([6, 1, 60, 900]);
  });
  test("have defaults", () => {
    expect(resolve([], {}).turns).toMatchObject({ whileBusy: "queue", queue: 20, eventAge: 900, debounce: 0 });
  });
});

describe("the default of", () => {
  test.for<[key: keyof Settings, value: unknown]>([
    ["users", ["local"]],
    ["admins", []],
    ["commands", {}],
    ["dm", "allowlist"],
    ["invites", "users"],
    ["inviteFrom", []],
    ["mention", true],
    ["atRoom", false],
    ["bots", false],
    ["hops", 4],
    ["context", 0],
    ["contextFrom", "users"],
    ["prefix", "!"],
  ])("%s is %j", ([key, value]) => expect(settingsOf([])[key]).toEqual(value));
});

describe("a layer", () => {
  test.for<[name: string, layer: object, is: boolean]>([
    ["may be empty", {}, true],
    ["has no unknown key", { user: ["*"] }, false],
    ["has no key of a room's layer", { muted: true }, false],
    ["has no invalid access entry", { users: ["alice"] }, false],
    ["has no invalid pattern", { patterns: ["("] }, false],
    ["has no pattern with a lookbehind, which RE2 does not support", { patterns: ["(?<=a)b"] }, false],
    ["has no pattern with a backreference, which RE2 does not support", { ignore: ["(a)\\1"] }, false],
    ["has no empty pattern, which would match every message", { patterns: [""] }, false],
    ["has no pattern that is too long", { patterns: ["a".repeat(201)] }, false],
    ["has no empty prefix, with which every message would be a command", { prefix: "" }, false],
    ["has no prefix with a space", { prefix: "! " }, false],
    ["has no invalid room", { allowedRooms: ["team"] }, false],
    ["may name an alias", { allowedRooms: ["#team:hs.test"] }, true],
    ["may name a room of version 12", { allowedRooms: ["!31hneApxJ_1o"] }, true],
    ["may list inviters and rooms", { inviteFrom: ["@alice:hs.test", "!room", "#a:b", "local"] }, true],
    ["has no negative power level", { power: -1 }, false],
    ["has no unknown word for bots", { bots: "always" }, false],
    ["has no unknown key for turns", { turns: { retries: 3 } }, false],
  ])("%s (valid: %s)", ([, layer, is]) => expect(Layer.safeParse(layer).success).toBe(is));

  test("of a room has further keys, which the layers of its agents do not have", () => {
    expect(RoomLayer.safeParse({ direct: true, muted: false, agents: { "ticket_*": { sticky: 1 } } }).success).toBe(
      true,
    );
    expect(RoomLayer.safeParse({ agents: { echo: { muted: true } } }).success).toBe(false);
    expect(RoomLayer.safeParse({ agents: { "E cho": {} } }).success).toBe(false);
  });
});

describe("a pattern", () => {
  test("ignores case and matches anywhere in the text", () => {
    expect(patternOf("echo").matcher("an ECHO here").find()).toBe(true);
    expect(patternOf("^echo$").matcher("an ECHO here").find()).toBe(false);
  });
});

describe("the modes of a setting", () => {
  test.for([
    ["thread", THREAD_MODES],
    ["queue", WHILE_BUSY_MODES],
  ] as const)("are the ones in the usage of !%s", ([command, modes]) =>
    expect(COMMANDS[command].usage).toBe(`[${modes.join(" | ")}]`),
  );
});

describe("the table of keys", () => {
  test("has a row with a sentence for every key", () => {
    const rows = keyRows();
    expect(rows.map(({ name }) => name)).toEqual(Object.keys(Settings.shape));
    expect(rows.filter(({ sentence }) => !sentence.endsWith("."))).toEqual([]);
  });
});
