/** Who may say which command: users, admins, moderators, strangers. Bots may say none. */
import { describe, expect, test } from "vitest";
import { aMessage } from "#testing/events.ts";
import {
  alone,
  both,
  concerned,
  ECHO_ID,
  type FactsOver,
  facts,
  GUIDE_ID,
  GUIDE_SPEAKS,
  inDirectChat,
  inWords,
  mentions,
  ourMark,
  verdictOn,
} from "#testing/gate-facts.ts";
import type { Layer } from "../configuration/settings.ts";
import { COMMAND_NAMES, type CommandName } from "../message/command.ts";
import type { Facts } from "./facts.ts";

const ALICE = "@alice:hs.test";
const said = (body: string, seen: Facts, over: Record<string, unknown> = {}): string =>
  inWords(verdictOn(aMessage(body, over), seen));
const REFUSED = "ignore command_not_permitted, about echo";
const obeyed = (name: CommandName) => `command ${name} for echo, says echo`;

describe("each command", () => {
  // Written out, so that a changed permission needs a change of this table.
  test.for<[name: CommandName, user: boolean, moderator: boolean, admin: boolean]>([
    ["help", true, true, true],
    ["new", true, true, true],
    ["stop", true, true, true],
    ["status", true, true, true],
    ["whoami", true, true, true],
    ["agents", true, true, true],
    ["model", false, false, true],
    ["thread", false, true, true],
    ["queue", false, true, true],
    ["pair", true, true, true],
    ["allow", false, false, true],
    ["deny", false, false, true],
    ["join", false, false, true],
    ["leave", false, true, true],
    ["sethome", false, false, true],
    ["mute", false, true, true],
    ["unmute", false, true, true],
    ["debug", false, false, true],
    ["why", false, true, true],
  ])("!%s: users $1, moderators $2, admins $3", ([name, user, moderator, admin]) => {
    const by = (layer: Layer, over: FactsOver) => said(`!${name} x`, alone(layer, over));
    const words = (may: boolean) => (may ? obeyed(name) : REFUSED);
    expect(by({}, {})).toBe(words(user));
    expect(by({}, { sender: { power: 49 } })).toBe(words(user));
    expect(by({}, { sender: { power: 50 } })).toBe(words(moderator));
    expect(by({ admins: [ALICE] }, {})).toBe(words(admin));
    expect(by({ users: [], admins: [ALICE] }, {})).toBe(words(admin));
    expect(by({ users: [], dm: "allowlist" }, { sender: { power: 100 } })).toBe(REFUSED);
    expect(by({ users: [] }, { sender: { isLocal: false } })).toBe(REFUSED);
  });

  test("stands in the table above", () => expect(COMMAND_NAMES).toHaveLength(19));
});

describe("a permission in `commands`", () => {
  test.for<[name: string, layer: Layer, over: FactsOver, body: string, expected: string]>([
    ["to users, for a command of admins", { commands: { model: ["users"] } }, {}, "!model", obeyed("model")],
    ["to no user, for a command of all users", { commands: { help: [] } }, {}, "!help", REFUSED],
    ["to no user, not even an admin", { commands: { help: [] }, admins: [ALICE] }, {}, "!help", REFUSED],
    ["to admins, for a command of all users", { commands: { new: ["admins"] } }, {}, "!new", REFUSED],
    ["to admins, an admin", { commands: { new: ["admins"] }, admins: [ALICE] }, {}, "!new", obeyed("new")],
    ["to one user", { commands: { model: [ALICE] } }, {}, "!model", obeyed("model")],
    ["to another user", { commands: { model: ["@bob:hs.test"] } }, {}, "!model", REFUSED],
    [
      "to a user whose name ends like the sender's",
      { commands: { model: ["@malalice:hs.test"] } },
      {},
      "!model",
      REFUSED,
    ],
    ["to local users", { commands: { model: ["local"] } }, {}, "!model", obeyed("model")],
    ["to a power level", { commands: { model: ["power:50"] } }, { sender: { power: 50 } }, "!model", obeyed("model")],
    ["to a power level, less", { commands: { model: ["power:50"] } }, { sender: { power: 49 } }, "!model", REFUSED],
    ["to *, which means every user of the agent", { commands: { model: ["*"] } }, {}, "!model", obeyed("model")],
    ["to *, a stranger", { commands: { model: ["*"] }, users: [] }, {}, "!model", REFUSED],
    [
      "to a power level, a stranger",
      { commands: { mute: ["power:0"] }, users: [] },
      { sender: { power: 100 } },
      "!mute",
      REFUSED,
    ],
    ["for a command holds for its alias too", { commands: { new: [] } }, {}, "!reset", REFUSED],
  ])("%s: $4", ([, layer, over, body, expected]) => expect(said(body, alone(layer, over))).toBe(expected));

  test("can name a group", () => {
    const groups = { ops: [ALICE] };
    const judged = (list: string[]) =>
      said("!model", facts({ present: [concerned("echo", { commands: { model: list } }, {}, groups)] }));
    expect(judged(["group:ops"])).toBe(obeyed("model"));
    expect(judged(["group:others"])).toBe(REFUSED);
  });
});

describe("a sender the agent does not answer may say no command", () => {
  const STRANGERS: Layer = { users: ["@bob:hs.test"] };
  test.for<[name: string, seen: Facts, body: string, expected: string]>([
    ["a stranger", alone(STRANGERS), "!stop", REFUSED],
    ["a stranger with power", alone(STRANGERS, { sender: { power: 100 } }), "!mute", REFUSED],
    [
      "a stranger with power, to unmute",
      alone(STRANGERS, { sender: { power: 100 }, room: { muted: true } }),
      "!unmute",
      REFUSED,
    ],
    ["a stranger in a direct chat", inDirectChat(STRANGERS), "!help", REFUSED],
    ["a user in a room that is not listed", alone({ rooms: "allowlist" }), "!help", REFUSED],
    ["a user with too little power", alone({ power: 50 }), "!help", REFUSED],
    ["a user in a direct chat, dm: disabled", inDirectChat({ dm: "disabled" }), "!help", REFUSED],
    ["an ignored user", alone({ ignore: ["^@alice:"] }), "!help", REFUSED],
    ["a user whose event was soft-failed", alone({}, { softFailed: true }), "!help", "ignore soft_failed"],
    [
      "but an admin may, in a room that is not listed",
      alone({ rooms: "allowlist", admins: [ALICE] }),
      "!leave",
      obeyed("leave"),
    ],
  ])("%s: $3", ([, seen, body, expected]) => expect(said(body, seen)).toBe(expected));
});

describe("!pair", () => {
  const PAIRING: Layer = { dm: "pairing", users: ["@bob:hs.test"] };
  test.for<[name: string, seen: Facts, expected: string]>([
    ["by a stranger, dm: pairing", inDirectChat(PAIRING), obeyed("pair")],
    ["by a stranger, dm: pairing, in a room", alone(PAIRING), obeyed("pair")],
    ["by a stranger, dm: allowlist", inDirectChat({ ...PAIRING, dm: "allowlist" }), REFUSED],
    ["by a stranger, dm: disabled", inDirectChat({ ...PAIRING, dm: "disabled" }), REFUSED],
    ["by a stranger, in a muted room", inDirectChat(PAIRING, { room: { muted: true } }), REFUSED],
    ["by a stranger, in a room that is not listed", alone({ ...PAIRING, rooms: "allowlist" }), REFUSED],
    ["by a stranger, where rooms are disabled", alone({ ...PAIRING, rooms: "disabled" }), REFUSED],
    ["by an ignored user (another bridge's ghost)", inDirectChat({ ...PAIRING, ignore: ["^@alice:"] }), REFUSED],
    [
      "by a stranger, also where `commands` gives it to admins",
      inDirectChat({ ...PAIRING, commands: { pair: ["admins"] } }),
      obeyed("pair"),
    ],
    ["by a user", alone({}), obeyed("pair")],
    ["by a paired user", alone(PAIRING, {}, { paired: true }), obeyed("pair")],
  ])("%s: $2", ([, seen, expected]) => expect(said("!pair ABCD2345", seen)).toBe(expected));

  test("says whether the sender is an admin (ZeroClaw: approval token before the allowlist)", () => {
    const isAdmin = (layer: Layer) => {
      const verdict = verdictOn(aMessage("!pair ABCD2345"), inDirectChat(layer));
      return verdict.kind === "command" && verdict.isAdmin;
    };
    expect(isAdmin(PAIRING)).toBe(false);
    expect(isAdmin({ ...PAIRING, users: ["*"] })).toBe(false);
    expect(isAdmin({ ...PAIRING, admins: ["@bob:hs.test"] })).toBe(false);
    expect(isAdmin({ ...PAIRING, admins: [ALICE] })).toBe(true);
  });

  test("by a stranger does not ask the agent the text below the line", () => {
    expect(said("!pair ABCD2345\nhello", inDirectChat(PAIRING))).toBe(obeyed("pair"));
  });
  test("is the only command a stranger may say", () => {
    const others = COMMAND_NAMES.filter((name) => name !== "pair");
    const verdicts = others.map((name) => said(`!${name}`, inDirectChat(PAIRING)));
    expect([...new Set(verdicts)]).toEqual([REFUSED]);
  });
});

describe("a muted room", () => {
  const MUTED: FactsOver = { room: { muted: true } };
  test.for<[name: string, seen: Facts, body: string, expected: string]>([
    ["obeys a moderator's unmute", alone({}, { ...MUTED, sender: { power: 50 } }), "!unmute", obeyed("unmute")],
    ["obeys an admin's unmute", alone({ admins: [ALICE] }, MUTED), "!unmute", obeyed("unmute")],
    ["obeys no user's unmute", alone({}, MUTED), "!unmute", REFUSED],
    ["obeys a user's stop", alone({}, MUTED), "!stop", obeyed("stop")],
  ])("%s", ([, seen, body, expected]) => expect(said(body, seen)).toBe(expected));
});

describe("a command to two agents", () => {
  const present = [concerned("echo", { admins: ["@bob:hs.test"] }), concerned("guide", { admins: [ALICE] })];
  test("is obeyed only by the agent whose admin the sender is", () => {
    expect(said("!model", facts({ present }), { content: mentions(ECHO_ID, GUIDE_ID) })).toBe(
      "command model for guide, says guide",
    );
    expect(said("!model", facts({ present }), { content: mentions(ECHO_ID) })).toBe(REFUSED);
  });
  test("is answered by the first agent that permits it, with the sender's rights there", () => {
    const event = aMessage("!pair ABCD2345", { content: mentions(ECHO_ID, GUIDE_ID) });
    expect(verdictOn(event, facts({ present }))).toMatchObject({
      concerned: [{ agent: { id: "echo" } }, { agent: { id: "guide" } }],
      speaker: "echo",
      isAdmin: false,
    });
  });
});

describe("a bot is not obeyed", () => {
  const BOT: Layer = { users: ["*"], admins: ["*"], botUsers: [ALICE] };
  test.for<[name: string, body: string, seen: Facts, over: Record<string, unknown>]>([
    ["a bot of the list", "!stop", alone(BOT), {}],
    ["a bot of the list, with power", "!mute", alone(BOT, { sender: { power: 100 } }), {}],
    ["a bot by its mark", "!stop", alone({ botMarkers: ["org.bot"] }), { content: { "org.bot": 1 } }],
    ["a bot's structured command", "x", alone(BOT), { content: { "m.bot.command": { command: "stop" } } }],
    [
      "an agent of ours",
      "!stop",
      both({ bots: true }, { sender: GUIDE_SPEAKS }),
      { sender: GUIDE_ID, content: ourMark() },
    ],
    [
      "a bot that only one of two agents lists",
      "!stop",
      facts({ present: [concerned("echo", BOT), concerned("guide")] }),
      {},
    ],
  ])("%s", ([, body, seen, over]) => expect(verdictOn(aMessage(body, over), seen).kind).toBe("ignore"));

  test("but answered, where `bots` is true", () => {
    expect(said("!stop", inDirectChat({ ...BOT, bots: true }))).toBe("wake echo by direct");
  });
});
