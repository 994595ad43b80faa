/** The configuration as a whole: differences, errors that no schema finds, aliases, families, agents that listen. */
import { describe, expect, test } from "vitest";
import { AgentId } from "../protocol/ids.ts";
import { AgentSpec } from "./agent.ts";
import {
  aliasesIn,
  type Change,
  Configuration,
  changes,
  complaintsAbout,
  isAttentive,
  isFamily,
  memberOf,
  NO_CONFIGURATION,
} from "./configuration.ts";
import type { Layer } from "./settings.ts";

const ECHO = { id: "echo", name: "Echo", backend: { use: "echo" } };
const GUIDE = { id: "guide", name: "Guide", backend: { use: "echo" } };
const configuration = (over: object): Configuration => Configuration.parse({ agents: [ECHO], ...over });

describe("the changes between two configurations", () => {
  const before = configuration({ defaults: { sticky: 1 }, rooms: { "!a": { mention: false } } });
  test.for<[name: string, after: object, changed: Change[]]>([
    ["are none when they are equal", { defaults: { sticky: 1 }, rooms: { "!a": { mention: false } } }, []],
    [
      "name a changed default",
      { defaults: { sticky: 2 }, rooms: { "!a": { mention: false } } },
      [{ path: "defaults.sticky", before: 1, after: 2 }],
    ],
    ["name a removed default", { rooms: { "!a": { mention: false } } }, [{ path: "defaults.sticky", before: 1 }]],
    [
      "name an added default",
      { defaults: { sticky: 1, power: 5 }, rooms: { "!a": { mention: false } } },
      [{ path: "defaults.power", after: 5 }],
    ],
    ["name a removed room", { defaults: { sticky: 1 } }, [{ path: "rooms.!a", before: { mention: false } }]],
    [
      "name an added room",
      { defaults: { sticky: 1 }, rooms: { "!a": { mention: false }, "#b:c": {} } },
      [{ path: "rooms.#b:c", after: {} }],
    ],
    [
      "name an added agent",
      { ...before, agents: [ECHO, GUIDE] },
      [{ path: "agents.guide", after: { name: "Guide", backend: { use: "echo" } } }],
    ],
    [
      "name a removed agent",
      { ...before, agents: [] },
      [{ path: "agents.echo", before: { name: "Echo", backend: { use: "echo" } } }],
    ],
    [
      "name a changed name of an agent",
      { ...before, agents: [{ ...ECHO, name: "Parrot" }] },
      [{ path: "agents.echo.name", before: "Echo", after: "Parrot" }],
    ],
    [
      "name a changed key of a backend",
      { ...before, agents: [{ ...ECHO, backend: { use: "echo", slow: 1 } }] },
      [{ path: "agents.echo.backend.slow", after: 1 }],
    ],
    [
      "show a list as a whole",
      { ...before, agents: [{ ...ECHO, users: ["*"] }] },
      [{ path: "agents.echo.users", after: ["*"] }],
    ],
    ["name an added group", { ...before, groups: { team: ["@a:b"] } }, [{ path: "groups.team", after: ["@a:b"] }]],
  ])("%s", ([, after, changed]) => expect(changes(before, configuration(after))).toEqual(changed));

  test("ignore the order of agents and of keys", () => {
    const one = configuration({ agents: [ECHO, GUIDE], defaults: { sticky: 1, power: 2 } });
    const other = configuration({ agents: [GUIDE, ECHO], defaults: { power: 2, sticky: 1 } });
    expect(changes(one, other)).toEqual([]);
  });
  test("name everything when there was nothing", () => {
    expect(changes(NO_CONFIGURATION, configuration({})).map(({ path }) => path)).toEqual(["agents.echo"]);
  });
});

describe("a complaint", () => {
  test.for<[name: string, over: object, complaints: string[]]>([
    ["is not made about a known group", { groups: { team: [] }, defaults: { users: ["group:team"] } }, []],
    ["is made about a duplicate agent", { agents: [ECHO, GUIDE, ECHO] }, ["agents.echo is defined twice"]],
    [
      "is made about an unknown group in the defaults",
      { defaults: { users: ["group:x"] } },
      ['defaults: there is no group "x"'],
    ],
    [
      "is made about an unknown group of an agent",
      { agents: [{ ...ECHO, admins: ["group:x"] }] },
      ['agents.echo: there is no group "x"'],
    ],
    [
      "is made about an unknown group of a command",
      { agents: [{ ...ECHO, commands: { model: ["group:x"] } }] },
      ['agents.echo: there is no group "x"'],
    ],
    [
      "is made about an unknown group in a room",
      { rooms: { "!a": { users: ["group:x"] } } },
      ['rooms.!a: there is no group "x"'],
    ],
    [
      "is made about an unknown group of an agent in a room",
      { rooms: { "!a": { agents: { echo: { users: ["group:x"] } } } } },
      ['rooms.!a: there is no group "x"'],
    ],
    [
      "is made about a group named like a property of every object",
      { defaults: { users: ["group:constructor"] } },
      ['defaults: there is no group "constructor"'],
    ],
    [
      "is made once for a group that is missing twice at one place",
      { defaults: { users: ["group:x"], admins: ["group:x"] } },
      ['defaults: there is no group "x"'],
    ],
    ["is not made about a prompt that mentions groups", { defaults: { prompt: "group:x and group:y" } }, []],
  ])("%s", ([, over, complaints]) => expect(complaintsAbout(configuration(over))).toEqual(complaints));
});

describe("the aliases that have to be resolved", () => {
  test.for<[name: string, over: object, aliases: string[]]>([
    ["are none where there are only room ids", { defaults: { allowedRooms: ["!a"] }, rooms: { "!a": {} } }, []],
    ["include those under rooms", { rooms: { "#a:b": {}, "!c": {} } }, ["#a:b"]],
    [
      "include those in lists",
      { defaults: { allowedRooms: ["#a:b", "!c"] }, agents: [{ ...ECHO, inviteFrom: ["#d:e", "@f:g"] }] },
      ["#a:b", "#d:e"],
    ],
    ["include a home room", { agents: [{ ...ECHO, home: "#a:b" }] }, ["#a:b"]],
    [
      "include those of an agent within a room",
      { rooms: { "!a": { inviteFrom: ["#b:c"], agents: { echo: { home: "#d:e" } } } } },
      ["#b:c", "#d:e"],
    ],
    ["name each alias once", { defaults: { home: "#a:b", allowedRooms: ["#a:b"] }, rooms: { "#a:b": {} } }, ["#a:b"]],
    ["may contain a quotation mark", { rooms: { '#a"x:b': {} } }, ['#a"x:b']],
    [
      "do not include a heading in a prompt",
      { defaults: { prompt: "# Rules: be kind" }, agents: [{ ...ECHO, introduction: "#1: ask me" }] },
      [],
    ],
    ["do not include a backend's key", { agents: [{ ...ECHO, backend: { use: "echo", system: "#a:b" } }] }, []],
  ])("%s", ([, over, aliases]) => expect(aliasesIn(configuration(over)).toSorted()).toEqual(aliases));
});

describe("a family", () => {
  const family = (id: string, name: string) => AgentSpec.parse({ ...ECHO, id, name, users: ["*"] });
  test.for<[id: string, name: string, member: string, expected: [id: string, name: string]]>([
    ["ticket_*", "Ticket *", "ticket_42", ["ticket_42", "Ticket 42"]],
    ["*_helper", "Helper of *", "anna_helper", ["anna_helper", "Helper of anna"]],
    ["a*z", "*", "abcz", ["abcz", "bc"]],
    ["*", "Agent *", "x.y", ["x.y", "Agent x.y"]],
    ["ticket_*", "Clerk", "ticket_42", ["ticket_42", "Clerk"]],
    ["ticket_*", "* and *", "ticket_1", ["ticket_1", "1 and 1"]],
    ["ticket_*", "No *", "ticket_", ["ticket_", "No "]],
  ])("%s with the name %s has a member %s", ([id, name, member, expected]) => {
    const one = memberOf(family(id, name), AgentId.parse(member));
    expect([one.id, one.name]).toEqual(expected);
    expect(one).toMatchObject({ users: ["*"], backend: { use: "echo" } });
  });

  test.for<[key: string, is: boolean]>([
    ["ticket_*", true],
    ["*", true],
    ["ticket", false],
  ])("has a * in its id: %s → %s", ([key, is]) => expect(isFamily(key)).toBe(is));
});

describe("whether an agent listens to messages that do not address it", () => {
  test.for<[name: string, layers: (Layer | undefined)[], is: boolean]>([
    ["no, by default", [], false],
    ["yes, when it needs no mention", [{ mention: false }], true],
    ["yes, when @room counts", [{ atRoom: true }], true],
    ["yes, when it has patterns", [{ patterns: ["x"] }], true],
    ["no, when its list of patterns is empty", [{ patterns: [] }], false],
    ["no, when a stronger layer asks for a mention", [{ mention: false }, { mention: true }], false],
    ["yes, when stronger layers are silent", [{ mention: false }, undefined, {}], true],
  ])("%s", ([, layers, is]) => expect(isAttentive(...layers)).toBe(is));
});
