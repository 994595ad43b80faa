/** The configuration as a whole: what would change, what is wrong with it, whom it speaks of. */
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

describe("what would change", () => {
  const before = configuration({ defaults: { sticky: 1 }, rooms: { "!a": { mention: false } } });
  test.for<[name: string, after: object, changed: Change[]]>([
    ["nothing", { defaults: { sticky: 1 }, rooms: { "!a": { mention: false } } }, []],
    [
      "a default",
      { defaults: { sticky: 2 }, rooms: { "!a": { mention: false } } },
      [{ path: "defaults.sticky", before: 1, after: 2 }],
    ],
    ["a default that goes", { rooms: { "!a": { mention: false } } }, [{ path: "defaults.sticky", before: 1 }]],
    [
      "a default that comes",
      { defaults: { sticky: 1, power: 5 }, rooms: { "!a": { mention: false } } },
      [{ path: "defaults.power", after: 5 }],
    ],
    ["a room that goes", { defaults: { sticky: 1 } }, [{ path: "rooms.!a", before: { mention: false } }]],
    [
      "a room that comes",
      { defaults: { sticky: 1 }, rooms: { "!a": { mention: false }, "#b:c": {} } },
      [{ path: "rooms.#b:c", after: {} }],
    ],
    [
      "an agent that comes",
      { ...before, agents: [ECHO, GUIDE] },
      [{ path: "agents.guide", after: { name: "Guide", backend: { use: "echo" } } }],
    ],
    [
      "an agent that goes",
      { ...before, agents: [] },
      [{ path: "agents.echo", before: { name: "Echo", backend: { use: "echo" } } }],
    ],
    [
      "an agent's name",
      { ...before, agents: [{ ...ECHO, name: "Parrot" }] },
      [{ path: "agents.echo.name", before: "Echo", after: "Parrot" }],
    ],
    [
      "an agent's backend",
      { ...before, agents: [{ ...ECHO, backend: { use: "echo", slow: 1 } }] },
      [{ path: "agents.echo.backend.slow", after: 1 }],
    ],
    [
      "a list, as a whole",
      { ...before, agents: [{ ...ECHO, users: ["*"] }] },
      [{ path: "agents.echo.users", after: ["*"] }],
    ],
    ["a group", { ...before, groups: { team: ["@a:b"] } }, [{ path: "groups.team", after: ["@a:b"] }]],
  ])("%s", ([, after, changed]) => expect(changes(before, configuration(after))).toEqual(changed));

  test("not the order of agents, nor of keys", () => {
    const one = configuration({ agents: [ECHO, GUIDE], defaults: { sticky: 1, power: 2 } });
    const other = configuration({ agents: [GUIDE, ECHO], defaults: { power: 2, sticky: 1 } });
    expect(changes(one, other)).toEqual([]);
  });
  test("everything, from nothing", () => {
    expect(changes(NO_CONFIGURATION, configuration({})).map(({ path }) => path)).toEqual(["agents.echo"]);
  });
});

describe("what is wrong with it", () => {
  test.for<[name: string, over: object, complaints: string[]]>([
    ["nothing", { groups: { team: [] }, defaults: { users: ["group:team"] } }, []],
    ["an agent that is there twice", { agents: [ECHO, GUIDE, ECHO] }, ["agents.echo is there twice"]],
    [
      "a group in the defaults that is not there",
      { defaults: { users: ["group:x"] } },
      ['defaults: there is no group "x"'],
    ],
    [
      "a group of an agent that is not there",
      { agents: [{ ...ECHO, admins: ["group:x"] }] },
      ['agents.echo: there is no group "x"'],
    ],
    [
      "a group of a command that is not there",
      { agents: [{ ...ECHO, commands: { model: ["group:x"] } }] },
      ['agents.echo: there is no group "x"'],
    ],
    [
      "a group in a room that is not there",
      { rooms: { "!a": { users: ["group:x"] } } },
      ['rooms.!a: there is no group "x"'],
    ],
    [
      "a group of an agent in a room that is not there",
      { rooms: { "!a": { agents: { echo: { users: ["group:x"] } } } } },
      ['rooms.!a: there is no group "x"'],
    ],
    [
      "a group of an object's own words",
      { defaults: { users: ["group:constructor"] } },
      ['defaults: there is no group "constructor"'],
    ],
    [
      "a group that is missed twice at one place, said once",
      { defaults: { users: ["group:x"], admins: ["group:x"] } },
      ['defaults: there is no group "x"'],
    ],
    ["a prompt that speaks of groups is none", { defaults: { prompt: "group:x and group:y" } }, []],
  ])("%s", ([, over, complaints]) => expect(complaintsAbout(configuration(over))).toEqual(complaints));
});

describe("the aliases somebody has to look up", () => {
  test.for<[name: string, over: object, aliases: string[]]>([
    ["none", { defaults: { allowedRooms: ["!a"] }, rooms: { "!a": {} } }, []],
    ["of rooms", { rooms: { "#a:b": {}, "!c": {} } }, ["#a:b"]],
    [
      "of lists",
      { defaults: { allowedRooms: ["#a:b", "!c"] }, agents: [{ ...ECHO, inviteFrom: ["#d:e", "@f:g"] }] },
      ["#a:b", "#d:e"],
    ],
    ["of a home", { agents: [{ ...ECHO, home: "#a:b" }] }, ["#a:b"]],
    [
      "within a room",
      { rooms: { "!a": { inviteFrom: ["#b:c"], agents: { echo: { home: "#d:e" } } } } },
      ["#b:c", "#d:e"],
    ],
    [
      "once, however often it is named",
      { defaults: { home: "#a:b", allowedRooms: ["#a:b"] }, rooms: { "#a:b": {} } },
      ["#a:b"],
    ],
    ["with a quotation mark in it", { rooms: { '#a"x:b': {} } }, ['#a"x:b']],
    [
      "but no heading of a prompt",
      { defaults: { prompt: "# Rules: be kind" }, agents: [{ ...ECHO, introduction: "#1: ask me" }] },
      [],
    ],
    ["but nothing of a backend's", { agents: [{ ...ECHO, backend: { use: "echo", system: "#a:b" } }] }, []],
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
  ])("%s, called %s, has %s", ([id, name, member, expected]) => {
    const one = memberOf(family(id, name), AgentId.parse(member));
    expect([one.id, one.name]).toEqual(expected);
    expect(one).toMatchObject({ users: ["*"], backend: { use: "echo" } });
  });

  test.for<[key: string, is: boolean]>([
    ["ticket_*", true],
    ["*", true],
    ["ticket", false],
  ])("is %s: %s", ([key, is]) => expect(isFamily(key)).toBe(is));
});

describe("an agent that wants to hear what is not addressed to it", () => {
  test.for<[name: string, layers: (Layer | undefined)[], is: boolean]>([
    ["does not, by default", [], false],
    ["listens", [{ mention: false }], true],
    ["waits for @room", [{ atRoom: true }], true],
    ["has patterns", [{ patterns: ["x"] }], true],
    ["has an empty list of patterns", [{ patterns: [] }], false],
    ["listens by default, and not here", [{ mention: false }, { mention: true }], false],
    ["listens by default, and nothing is said here", [{ mention: false }, undefined, {}], true],
  ])("%s", ([, layers, is]) => expect(isAttentive(...layers)).toBe(is));
});
