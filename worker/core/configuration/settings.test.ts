/** What holds for an agent at a place: four layers, each key from the last that names it. */
import { describe, expect, test } from "vitest";
import { type Groups, keyRows, Layer, patternOf, RoomLayer, resolve, Settings } from "./settings.ts";

/** Defaults, agent, room, agent in the room. */
type Layers = [defaults?: Layer, agent?: Layer, room?: Layer | undefined, agentInRoom?: Layer | undefined];
const settingsOf = (layers: Layers, groups: Groups = {}) => resolve(layers, groups).settings;

describe("a key comes from", () => {
  test.for<[name: string, layers: Layers, sticky: number]>([
    ["nowhere", [], 24],
    ["the defaults", [{ sticky: 1 }], 1],
    ["the agent, over the defaults", [{ sticky: 1 }, { sticky: 2 }], 2],
    ["the room, over the agent", [{ sticky: 1 }, { sticky: 2 }, { sticky: 3 }], 3],
    ["the agent in the room, over the room", [{ sticky: 1 }, { sticky: 2 }, { sticky: 3 }, { sticky: 4 }], 4],
    ["the defaults, where nothing else names it", [{ sticky: 1 }, {}, {}, {}], 1],
    ["the agent, where the room names another", [{ sticky: 1 }, { sticky: 2 }, { power: 5 }], 2],
    ["the agent, where the room is not there", [{ sticky: 1 }, { sticky: 2 }, undefined, undefined], 2],
    ["the room, though it is 0", [{ sticky: 1 }, { sticky: 2 }, { sticky: 0 }], 0],
  ])("%s", ([, layers, sticky]) => expect(settingsOf(layers).sticky).toBe(sticky));

  test.for<[name: string, layers: Layers, bots: Settings["bots"]]>([
    ["a layer that says false", [{ bots: true }, { bots: false }], false],
    ["a layer that says a word", [{ bots: true }, { bots: "mentions" }], "mentions"],
    ["a layer that says nothing", [{ bots: true }, {}], true],
  ])("%s", ([, layers, bots]) => expect(settingsOf(layers).bots).toBe(bots));

  test("no layer's unknown keys", () => {
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
    ["is local people, where nothing is set", [], ["local"]],
    ["replaces the one below, and is not joined to it", [{ users: ["@a:b", "@c:d"] }, { users: ["@e:f"] }], ["@e:f"]],
    ["that is empty replaces it, too", [{ users: ["*"] }, { users: [] }], []],
    [
      "spells out a group",
      [{ users: ["group:team", "@eve:hs.test"] }],
      ["@alice:hs.test", "@bob:hs.test", "@eve:hs.test"],
    ],
    ["spells out no group in a group", [{ users: ["group:outer"] }], ["@carol:hs.test"]],
    ["ends where a group names itself", [{ users: ["group:round"] }], ["@dave:hs.test"]],
    ["has nobody of a group that is empty", [{ users: ["group:empty"] }], []],
    ["has nobody of a group that is not there", [{ users: ["group:nobody", "@eve:hs.test"] }], ["@eve:hs.test"]],
    [
      "has nobody of an object's own words",
      [{ users: ["group:constructor", "group:toString", "group:__proto__"] }],
      [],
    ],
  ])("%s", ([, layers, users]) => expect(settingsOf(layers, GROUPS).users).toEqual(users));

  test("of every kind spells out its groups", () => {
    const list = ["group:team"];
    const { users, admins, botUsers, inviteFrom, commands } = settingsOf(
      [{ users: list, admins: list, botUsers: list, inviteFrom: list, commands: { model: list } }],
      GROUPS,
    );
    const team = ["@alice:hs.test", "@bob:hs.test"];
    expect([users, admins, botUsers, inviteFrom, commands["model"]]).toEqual([team, team, team, team, team]);
  });

  test("of commands is replaced whole, like any other key", () => {
    expect(settingsOf([{ commands: { model: ["*"], mute: ["*"] } }, { commands: { model: [] } }]).commands).toEqual({
      model: [],
    });
  });
});

describe("how turns are run", () => {
  test("is merged key by key, over all layers", () => {
    const { turns } = resolve(
      [{ turns: { queue: 5, debounce: 1 } }, { turns: { queue: 6 } }, {}, { turns: { replyAge: 60 } }],
      {},
    );
    expect([turns.queue, turns.debounce, turns.replyAge, turns.eventAge]).toEqual([6, 1, 60, 900]);
  });
  test("is preset where nothing is said", () => {
    expect(resolve([], {}).turns).toMatchObject({ whileBusy: "queue", queue: 20, eventAge: 900, debounce: 0 });
  });
});

describe("what is preset is the careful choice", () => {
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
  ])("%s", ([key, value]) => expect(settingsOf([])[key]).toEqual(value));
});

describe("a layer", () => {
  test.for<[name: string, layer: object, is: boolean]>([
    ["of nothing", {}, true],
    ["of a key nobody knows", { user: ["*"] }, false],
    ["of a room's key", { muted: true }, false],
    ["of an entry that is none", { users: ["alice"] }, false],
    ["of a pattern that is none", { patterns: ["("] }, false],
    ["of a pattern RE2 does not know: looking behind", { patterns: ["(?<=a)b"] }, false],
    ["of a pattern RE2 does not know: referring back", { ignore: ["(a)\\1"] }, false],
    ["of an empty pattern, which would be found everywhere", { patterns: [""] }, false],
    ["of a pattern that is long", { patterns: ["a".repeat(201)] }, false],
    ["of a prefix that is empty, so that all would be commands", { prefix: "" }, false],
    ["of a prefix with a space", { prefix: "! " }, false],
    ["of a room that is none", { allowedRooms: ["team"] }, false],
    ["of an alias", { allowedRooms: ["#team:hs.test"] }, true],
    ["of a room of version 12", { allowedRooms: ["!31hneApxJ_1o"] }, true],
    ["of inviters and rooms", { inviteFrom: ["@alice:hs.test", "!room", "#a:b", "local"] }, true],
    ["of a power below nothing", { power: -1 }, false],
    ["of bots in a word nobody knows", { bots: "always" }, false],
    ["of a turn's key nobody knows", { turns: { retries: 3 } }, false],
  ])("%s: %s", ([, layer, is]) => expect(Layer.safeParse(layer).success).toBe(is));

  test("of a room says more, and for agents in it less", () => {
    expect(RoomLayer.safeParse({ direct: true, muted: false, agents: { "ticket_*": { sticky: 1 } } }).success).toBe(
      true,
    );
    expect(RoomLayer.safeParse({ agents: { echo: { muted: true } } }).success).toBe(false);
    expect(RoomLayer.safeParse({ agents: { "E cho": {} } }).success).toBe(false);
  });
});

describe("a pattern", () => {
  test("is the same in upper and lower case, and anywhere", () => {
    expect(patternOf("echo").matcher("an ECHO here").find()).toBe(true);
    expect(patternOf("^echo$").matcher("an ECHO here").find()).toBe(false);
  });
});

describe("the table of keys", () => {
  test("has a row with a sentence for every key", () => {
    const rows = keyRows();
    expect(rows.map(({ name }) => name)).toEqual(Object.keys(Settings.shape));
    expect(rows.filter(({ sentence }) => !sentence.endsWith("."))).toEqual([]);
  });
});
