/** Which users and rooms an agent answers: lists, settings for direct chats and rooms, power levels, ignored users. */
import { describe, expect, test } from "vitest";
import { aMessage } from "#testing/events.ts";
import {
  alone,
  concerned,
  ECHO_ID,
  facts,
  GUIDE_ID,
  inDirectChat,
  inWords,
  mentions,
  verdictOn,
} from "#testing/gate-facts.ts";
import type { Layer } from "../configuration/settings.ts";
import { RoomId } from "../protocol/ids.ts";
import type { Facts } from "./facts.ts";

const YES = "wake echo by mention";
const NO = "ignore not_permitted, about echo";
const mentioned = (seen: Facts, sender = "@alice:hs.test"): string =>
  inWords(verdictOn(aMessage("hello", { sender, content: mentions(ECHO_ID) }), seen));
const said = (seen: Facts, sender = "@alice:hs.test"): string =>
  inWords(verdictOn(aMessage("hello", { sender }), seen));

/** The router tells the gate whether a sender is local. Here the sender's server decides it, as in the router. */
const from = (sender: string, power = 0) => ({
  sender: { isLocal: sender.endsWith(":hs.test") && sender.split(":").length === 2, power },
});

describe("the list `users`", () => {
  test.for<[name: string, users: string[], sender: string, expected: string]>([
    ["an empty list", [], "@alice:hs.test", NO],
    ["all users", ["*"], "@alice:hs.test", YES],
    ["all users, also a stranger", ["*"], "@mallory:evil.test", YES],
    ["local users", ["local"], "@alice:hs.test", YES],
    ["local users, a stranger", ["local"], "@alice:evil.test", NO],
    ["local users, our name before a port", ["local"], "@alice:hs.test:8448", NO],
    ["local users, our name as a part of another", ["local"], "@alice:evil.hs.test", NO],
    ["a user", ["@alice:hs.test"], "@alice:hs.test", YES],
    ["a user, another", ["@alice:hs.test"], "@bob:hs.test", NO],
    ["a user of another server", ["@alice:other.test"], "@alice:other.test", YES],
    ["a user, the same name on another server", ["@alice:hs.test"], "@alice:evil.test", NO],
    ["a user, a longer name (matrix-chatgpt-bot: endsWith)", ["@alice:hs.test"], "@malalice:hs.test", NO],
    ["a user, a longer server", ["@alice:hs.test"], "@alice:hs.test.evil.test", NO],
    ["a user, a longer name behind", ["@alice:hs.test"], "@alice2:hs.test", NO],
    ["a user, her id as the end of a server", ["@alice:hs.test"], "@x:@alice:hs.test", NO],
    ["a user, her id as the end of another", ["@alice:hs.test"], "@a:evil.test/@alice:hs.test", NO],
    ["a user, in another case", ["@alice:hs.test"], "@Alice:hs.test", NO],
    ["a user, her server in another case", ["@alice:hs.test"], "@alice:HS.test", NO],
    ["a user with a port", ["@alice:hs.test:8448"], "@alice:hs.test:8448", YES],
    ["a user with a port, without it", ["@alice:hs.test:8448"], "@alice:hs.test", NO],
    ["a user without a port, with one", ["@alice:hs.test"], "@alice:hs.test:8448", NO],
    ["a user, a space at the end", ["@alice:hs.test"], "@alice:hs.test ", NO],
    ["a user, a letter that looks the same", ["@alice:hs.test"], "@аlice:hs.test", NO],
    ["a server", ["@*:other.test"], "@alice:other.test", YES],
    ["a server, another", ["@*:other.test"], "@alice:hs.test", NO],
    ["a server, as another's end", ["@*:other.test"], "@alice:evil.other.test", NO],
    ["a server, as another's beginning", ["@*:other.test"], "@alice:other.test.evil.test", NO],
    ["a server, after another server", ["@*:other.test"], "@a:evil.test:other.test", NO],
    ["a server, with a port", ["@*:other.test"], "@alice:other.test:8448", NO],
    ["a server with any port", ["@*:other.test:*"], "@alice:other.test:8448", YES],
    ["servers below one", ["@*:*.other.test"], "@alice:eu.other.test", YES],
    ["servers below one, itself", ["@*:*.other.test"], "@alice:other.test", NO],
    ["servers below one, a longer", ["@*:*.other.test"], "@alice:eu.other.test.evil.test", NO],
    ["names that begin so", ["@team_*:hs.test"], "@team_alice:hs.test", YES],
    ["names that begin so, in the middle", ["@team_*:hs.test"], "@xteam_alice:hs.test", NO],
    ["names that begin so, elsewhere", ["@team_*:hs.test"], "@team_alice:evil.test", NO],
    ["names that end so", ["@*_team:hs.test"], "@alice_team:hs.test", YES],
    ["names that end so, and go on", ["@*_team:hs.test"], "@alice_team2:hs.test", NO],
    ["names with two gaps", ["@a*i*e:hs.test"], "@alice:hs.test", YES],
    ["names with two gaps that overlap", ["@al*li*e:hs.test"], "@alie:hs.test", NO],
    ["a dot, which is no pattern", ["@a.ice:hs.test"], "@alice:hs.test", NO],
    ["a pattern that could reach over the colon", ["@a*:hs.test"], "@a:evil.test:hs.test", NO],
    ["all users, by a pattern", ["@*:*"], "@mallory:evil.test", YES],
    ["an alias instead of a person", ["#room:hs.test"], "@alice:hs.test", NO],
    ["a bare name", ["alice"], "@alice:hs.test", NO],
    ["the second of two patterns", ["@bob:hs.test", "@alice:hs.test"], "@alice:hs.test", YES],
  ])("%s: $3", ([, users, sender, expected]) => {
    // Not through `resolve`, whose schema rejects some of these: the gate must be right without it.
    const echo = concerned("echo");
    const agent = { ...echo.agent, settings: { ...echo.agent.settings, users } };
    const seen = facts({ present: [{ ...echo, agent }], ...from(sender) });
    expect(mentioned(seen, sender)).toBe(expected);
  });

  const GROUPS = {
    team: ["@alice:hs.test", "@*:team.test"],
    outer: ["group:team", "@bob:hs.test"],
    mods: ["power:50"],
  };
  test.for<[name: string, layer: Layer, sender: string, power: number, expected: string]>([
    ["a group", { users: ["group:team"] }, "@alice:hs.test", 0, YES],
    ["a group, by its pattern", { users: ["group:team"] }, "@carol:team.test", 0, YES],
    ["a group, another user", { users: ["group:team"] }, "@bob:hs.test", 0, NO],
    ["a group within a group, which is not expanded", { users: ["group:outer"] }, "@alice:hs.test", 0, NO],
    ["a group with a group, its other members", { users: ["group:outer"] }, "@bob:hs.test", 0, YES],
    ["an unknown group", { users: ["group:nobody"] }, "@alice:hs.test", 0, NO],
    ["a group named like a property of objects", { users: ["group:constructor"] }, "@alice:hs.test", 0, NO],
    ["a group with a power level", { users: ["group:mods"] }, "@carol:evil.test", 50, YES],
    ["a power level", { users: ["power:50"] }, "@carol:evil.test", 50, YES],
    ["a power level, more", { users: ["power:50"] }, "@carol:evil.test", 100, YES],
    ["a power level, less", { users: ["power:50"] }, "@carol:hs.test", 49, NO],
    ["power level 0", { users: ["power:0"] }, "@carol:evil.test", 0, YES],
    ["power level 0, less", { users: ["power:0"] }, "@carol:evil.test", -1, NO],
    ["an empty list, an admin", { users: [], admins: ["@alice:hs.test"] }, "@alice:hs.test", 0, YES],
    ["an empty list, a user who is no admin", { users: [], admins: ["@bob:hs.test"] }, "@alice:hs.test", 0, NO],
    ["the word `users`, which means no user here", { users: ["users"] }, "@alice:hs.test", 0, NO],
    ["the word `admins`, which means no user here", { users: ["admins"], admins: [] }, "@alice:hs.test", 0, NO],
  ])("%s, resolved: $4", ([, layer, sender, power, expected]) => {
    const seen = facts({ present: [concerned("echo", layer, {}, GROUPS)], ...from(sender, power) });
    expect(mentioned(seen, sender)).toBe(expected);
  });

  test("a display name is never looked at (OpenClaw GHSA-rmxw-jxxx-4cpc)", () => {
    const content = { ...mentions(ECHO_ID), displayname: "@alice:hs.test", sender: "@alice:hs.test", name: "Alice" };
    const event = aMessage("hello", {
      sender: "@mallory:evil.test",
      content,
      unsigned: { displayname: "@alice:hs.test" },
    });
    expect(inWords(verdictOn(event, alone({ users: ["@alice:hs.test"] }, from("@mallory:evil.test"))))).toBe(NO);
  });
});

describe("the settings for direct chats", () => {
  const DIRECT = "wake echo by direct";
  type Row = [name: string, dm: Layer["dm"], who: "user" | "paired" | "stranger" | "admin", expected: string];
  test.for<Row>([
    ["allowlist, a user", "allowlist", "user", DIRECT],
    ["allowlist, an admin", "allowlist", "admin", DIRECT],
    ["allowlist, a stranger", "allowlist", "stranger", NO],
    ["allowlist, a user with a grant", "allowlist", "paired", DIRECT],
    ["pairing, a user", "pairing", "user", DIRECT],
    ["pairing, a stranger", "pairing", "stranger", "pair echo"],
    ["pairing, a paired user", "pairing", "paired", DIRECT],
    ["open, a user", "open", "user", DIRECT],
    ["open, a stranger", "open", "stranger", DIRECT],
    ["open, a paired user", "open", "paired", DIRECT],
    ["disabled, a user", "disabled", "user", "ignore dm_disabled, about echo"],
    ["disabled, an admin", "disabled", "admin", "ignore dm_disabled, about echo"],
    ["disabled, a stranger", "disabled", "stranger", "ignore dm_disabled, about echo"],
    ["disabled, a paired user", "disabled", "paired", "ignore dm_disabled, about echo"],
  ])("%s: $3", ([, dm, who, expected]) => {
    const layer: Layer = { dm, users: ["@bob:hs.test"], admins: ["@carol:hs.test"] };
    const sender = {
      user: "@bob:hs.test",
      admin: "@carol:hs.test",
      paired: "@mallory:evil.test",
      stranger: "@mallory:evil.test",
    }[who];
    expect(said(inDirectChat(layer, from(sender), { paired: who === "paired" }), sender)).toBe(expected);
  });

  test.for<[name: string, layer: Layer, seen: "chat" | "room", expected: string]>([
    ["pairing in a room gives no codes", { dm: "pairing", users: [] }, "room", NO],
    ["open in a room opens nothing", { dm: "open", users: [] }, "room", NO],
    ["rooms: disabled closes no direct chat", { rooms: "disabled" }, "chat", "wake echo by mention"],
    ["rooms: allowlist closes no direct chat", { rooms: "allowlist" }, "chat", "wake echo by mention"],
    ["dm: disabled closes no room", { dm: "disabled" }, "room", YES],
    ["power counts in no direct chat", { power: 50 }, "chat", "wake echo by mention"],
    [
      "pairing gives no code to an ignored user",
      { dm: "pairing", users: [], ignore: ["^@alice:"] },
      "chat",
      "ignore ignored_sender, about echo",
    ],
    [
      "pairing gives no code to a bot",
      { dm: "pairing", users: [], botUsers: ["@alice:hs.test"] },
      "chat",
      "ignore bot, about echo",
    ],
  ])("%s", ([, layer, seen, expected]) => {
    expect(mentioned(seen === "chat" ? inDirectChat(layer) : alone(layer))).toBe(expected);
  });

  test("pairing gives no code in a muted room", () => {
    expect(said(inDirectChat({ dm: "pairing", users: [] }, { room: { muted: true } }))).toBe(
      "ignore muted, about echo",
    );
  });
  test("a room of two is no direct chat, so dm: open lets no stranger in (OpenClaw #17771, Hermes #54461)", () => {
    expect(mentioned(alone({ dm: "open", users: [] }, { room: { joinedCount: 2 } }))).toBe(NO);
  });
  test("a third member ends a direct chat, so dm: open lets no stranger in any more", () => {
    const seen = alone({ dm: "open", users: [] }, { room: { joinedCount: 3 } }, { invitedDirectly: true });
    expect(mentioned(seen)).toBe(NO);
  });
  test("a room with direct: true is a direct chat", () => {
    expect(mentioned(alone({ dm: "disabled" }, { room: { direct: true } }))).toBe("ignore dm_disabled, about echo");
  });
});

describe("the settings for rooms", () => {
  const V12 = "!31hneApxJ_1o-63DmFrpeqnkFfWppnzWso1JvH3ogLM";
  const REFUSED = "ignore room_not_allowed, about echo";
  test.for<[name: string, layer: Layer, room: string, aliases: string[], expected: string]>([
    ["open", { rooms: "open" }, "!room:hs.test", [], YES],
    ["open, not listed", { rooms: "open", allowedRooms: ["!other:hs.test"] }, "!room:hs.test", [], YES],
    ["disabled", { rooms: "disabled" }, "!room:hs.test", [], "ignore rooms_disabled, about echo"],
    [
      "disabled, though listed",
      { rooms: "disabled", allowedRooms: ["!room:hs.test"] },
      "!room:hs.test",
      [],
      "ignore rooms_disabled, about echo",
    ],
    ["allowlist, empty", { rooms: "allowlist" }, "!room:hs.test", [], REFUSED],
    ["allowlist, by id", { rooms: "allowlist", allowedRooms: ["!room:hs.test"] }, "!room:hs.test", [], YES],
    ["allowlist, another", { rooms: "allowlist", allowedRooms: ["!room:hs.test"] }, "!room2:hs.test", [], REFUSED],
    [
      "allowlist, a longer id",
      { rooms: "allowlist", allowedRooms: ["!room:hs.test"] },
      "!room:hs.test.evil.test",
      [],
      REFUSED,
    ],
    [
      "allowlist, in another case",
      { rooms: "allowlist", allowedRooms: ["!Room:hs.test"] },
      "!room:hs.test",
      [],
      REFUSED,
    ],
    ["allowlist, an id of version 12", { rooms: "allowlist", allowedRooms: [V12] }, V12, [], YES],
    [
      "allowlist, an id of version 12 with a server",
      { rooms: "allowlist", allowedRooms: [V12] },
      `${V12}:hs.test`,
      [],
      REFUSED,
    ],
    [
      "allowlist, by alias",
      { rooms: "allowlist", allowedRooms: ["#team:hs.test"] },
      "!room:hs.test",
      ["#team:hs.test"],
      YES,
    ],
    [
      "allowlist, by its second alias",
      { rooms: "allowlist", allowedRooms: ["#b:hs.test"] },
      V12,
      ["#a:hs.test", "#b:hs.test"],
      YES,
    ],
    [
      "allowlist, by another room's alias",
      { rooms: "allowlist", allowedRooms: ["#team:hs.test"] },
      "!room:hs.test",
      ["#x:hs.test"],
      REFUSED,
    ],
    [
      "allowlist, a pattern, which matches no room",
      { rooms: "allowlist", allowedRooms: ["!*"] },
      "!room:hs.test",
      [],
      REFUSED,
    ],
  ])("%s: $4", ([, layer, room, aliases, expected]) => {
    expect(mentioned(alone(layer, { room: { id: RoomId.parse(room), names: [room, ...aliases] } }))).toBe(expected);
  });

  test.for<[name: string, layer: Layer, power: number, paired: boolean, expected: string]>([
    ["0 by default", {}, 0, false, YES],
    ["0 by default, with -10", {}, -10, false, "ignore power_too_low, about echo"],
    ["50, with 50", { power: 50 }, 50, false, YES],
    ["50, with 49", { power: 50 }, 49, false, "ignore power_too_low, about echo"],
    ["50, a paired user with 0", { power: 50 }, 0, true, "ignore power_too_low, about echo"],
    ["50, an admin with 0", { power: 50, admins: ["@alice:hs.test"] }, 0, false, "ignore power_too_low, about echo"],
    ["50, a stranger with 100", { power: 50, users: [] }, 100, false, NO],
    ["0, a paired user with 0", { users: [] }, 0, true, YES],
  ])("`power` %s: $4", ([, layer, power, paired, expected]) => {
    expect(mentioned(alone(layer, { sender: { power } }, { paired }))).toBe(expected);
  });
});

describe("the list `ignore`", () => {
  const IGNORED = "ignore ignored_sender, about echo";
  test.for<[name: string, ignore: string[], sender: string, expected: string]>([
    ["an empty list", [], "@_irc_alice:hs.test", YES],
    ["another bridge's ghosts", ["^@_irc_.*:hs\\.test$"], "@_irc_alice:hs.test", IGNORED],
    ["another bridge's ghosts, another user", ["^@_irc_.*:hs\\.test$"], "@alice:hs.test", YES],
    ["another bridge's ghosts, a user with the prefix inside the name", ["^@_irc_"], "@my_irc_name:hs.test", YES],
    ["a word anywhere in the id", ["bridge"], "@telegram_bridge_bot:hs.test", IGNORED],
    ["a pattern in another case", ["^@_IRC_"], "@_irc_alice:hs.test", IGNORED],
    ["the second of two patterns", ["^@_a_", "^@_irc_"], "@_irc_alice:hs.test", IGNORED],
    ["a whole server", [":evil\\.test$"], "@alice:evil.test", IGNORED],
    ["a pattern that is slow with backtracking", ["^@(a+)+$"], `@${"a".repeat(200)}:hs.test`, YES],
    ["an empty list, a name that begins with an underscore (Hermes)", [], "@_alice:hs.test", YES],
  ])("%s: $3", ([, ignore, sender, expected]) => {
    expect(mentioned(alone({ users: ["*"], ignore }, from(sender)), sender)).toBe(expected);
  });

  test("wins over `users`, `admins` and pairing", () => {
    const layer: Layer = { users: ["*"], admins: ["*"], dm: "open", ignore: ["^@alice:"] };
    expect(mentioned(inDirectChat(layer, {}, { paired: true }))).toBe(IGNORED);
  });
  test("holds for its own agent only", () => {
    const present = [concerned("echo", { ignore: ["^@alice:"] }), concerned("guide")];
    const event = aMessage("hello", { content: mentions(ECHO_ID, GUIDE_ID) });
    expect(inWords(verdictOn(event, facts({ present })))).toBe("wake guide by mention");
  });
});

describe("a muted room", () => {
  const MUTED = { room: { muted: true } };
  test.for<[name: string, seen: Facts, expected: string]>([
    ["a mention", alone({}, MUTED), "ignore muted, about echo"],
    ["a direct chat", inDirectChat({}, MUTED), "ignore muted, about echo"],
    ["an agent that listens", alone({ mention: false }, MUTED), "ignore muted, about echo"],
  ])("wakes no agent: %s", ([, seen, expected]) => expect(mentioned(seen)).toBe(expected));
});
