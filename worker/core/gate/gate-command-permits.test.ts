/** Who may say which command: users, admins, moderators, strangers; and that machines command nobody. */
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
  // Written out, so that a change of who may say what is a change of this table.
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
  ])("!%s", ([name, user, moderator, admin]) => {
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

  test("is in the table above", () => expect(COMMAND_NAMES).toHaveLength(19));
});

describe("a permission that is set", () => {
  test.for<[name: string, layer: Layer, over: FactsOver, body: string, expected: string]>([
    ["to users, for what is an admin's", { commands: { model: ["users"] } }, {}, "!model", obeyed("model")],
    ["to nobody, for what is everybody's", { commands: { help: [] } }, {}, "!help", REFUSED],
    ["to nobody, though an admin", { commands: { help: [] }, admins: [ALICE] }, {}, "!help", REFUSED],
    ["to admins, for what is a user's", { commands: { new: ["admins"] } }, {}, "!new", REFUSED],
    ["to admins, an admin", { commands: { new: ["admins"] }, admins: [ALICE] }, {}, "!new", obeyed("new")],
    ["to one person", { commands: { model: [ALICE] } }, {}, "!model", obeyed("model")],
    ["to another person", { commands: { model: ["@bob:hs.test"] } }, {}, "!model", REFUSED],
    ["to a longer name", { commands: { model: ["@malalice:hs.test"] } }, {}, "!model", REFUSED],
    ["to local people", { commands: { model: ["local"] } }, {}, "!model", obeyed("model")],
    ["to the powerful", { commands: { model: ["power:50"] } }, { sender: { power: 50 } }, "!model", obeyed("model")],
    ["to the powerful, less", { commands: { model: ["power:50"] } }, { sender: { power: 49 } }, "!model", REFUSED],
    ["to everybody, which means every user", { commands: { model: ["*"] } }, {}, "!model", obeyed("model")],
    ["to everybody, but no stranger", { commands: { model: ["*"] }, users: [] }, {}, "!model", REFUSED],
    [
      "to the powerful, but no stranger",
      { commands: { mute: ["power:0"] }, users: [] },
      { sender: { power: 100 } },
      "!mute",
      REFUSED,
    ],
    ["by the command's word, for its alias too", { commands: { new: [] } }, {}, "!reset", REFUSED],
  ])("%s", ([, layer, over, body, expected]) => expect(said(body, alone(layer, over))).toBe(expected));

  test("by a group", () => {
    const groups = { ops: [ALICE] };
    const judged = (list: string[]) =>
      said("!model", facts({ present: [concerned("echo", { commands: { model: list } }, {}, groups)] }));
    expect(judged(["group:ops"])).toBe(obeyed("model"));
    expect(judged(["group:others"])).toBe(REFUSED);
  });
});

describe("whoever the agent does not listen to commands nothing", () => {
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
    ["somebody a pattern ignores", alone({ ignore: ["^@alice:"] }), "!help", REFUSED],
    ["a user held back", alone({}, { softFailed: true }), "!help", "ignore soft_failed"],
    [
      "an admin in a room that is not listed, who may",
      alone({ rooms: "allowlist", admins: [ALICE] }),
      "!leave",
      obeyed("leave"),
    ],
  ])("%s", ([, seen, body, expected]) => expect(said(body, seen)).toBe(expected));
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
    [
      "by somebody a pattern ignores (another bridge's ghost)",
      inDirectChat({ ...PAIRING, ignore: ["^@alice:"] }),
      REFUSED,
    ],
    [
      "by a stranger, whatever is set for it",
      inDirectChat({ ...PAIRING, commands: { pair: ["admins"] } }),
      obeyed("pair"),
    ],
    ["by a user", alone({}), obeyed("pair")],
    ["by somebody paired", alone(PAIRING, {}, { paired: true }), obeyed("pair")],
  ])("%s", ([, seen, expected]) => expect(said("!pair ABCD2345", seen)).toBe(expected));

  test("tells a stranger from an admin (ZeroClaw: approval token before the allowlist)", () => {
    const isAdmin = (layer: Layer) => {
      const verdict = verdictOn(aMessage("!pair ABCD2345"), inDirectChat(layer));
      return verdict.kind === "command" && verdict.isAdmin;
    };
    expect(isAdmin(PAIRING)).toBe(false);
    expect(isAdmin({ ...PAIRING, users: ["*"] })).toBe(false);
    expect(isAdmin({ ...PAIRING, admins: ["@bob:hs.test"] })).toBe(false);
    expect(isAdmin({ ...PAIRING, admins: [ALICE] })).toBe(true);
  });

  test("by a stranger is no way to what stands below it", () => {
    expect(said("!pair ABCD2345\nhello", inDirectChat(PAIRING))).toBe(obeyed("pair"));
  });
  test("is the only one a stranger may say", () => {
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

describe("of two agents", () => {
  const present = [concerned("echo", { admins: ["@bob:hs.test"] }), concerned("guide", { admins: [ALICE] })];
  test("an admin of one may say it to that one only", () => {
    expect(said("!model", facts({ present }), { content: mentions(ECHO_ID, GUIDE_ID) })).toBe(
      "command model for guide, says guide",
    );
    expect(said("!model", facts({ present }), { content: mentions(ECHO_ID) })).toBe(REFUSED);
  });
  test("the first that permitted it is the one whose admin somebody is", () => {
    const event = aMessage("!pair ABCD2345", { content: mentions(ECHO_ID, GUIDE_ID) });
    expect(verdictOn(event, facts({ present }))).toMatchObject({
      concerned: [{ agent: { id: "echo" } }, { agent: { id: "guide" } }],
      speaker: "echo",
      isAdmin: false,
    });
  });
});

describe("a machine commands nobody", () => {
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
      "a bot only one of two knows for one",
      "!stop",
      facts({ present: [concerned("echo", BOT), concerned("guide")] }),
      {},
    ],
  ])("%s", ([, body, seen, over]) => expect(verdictOn(aMessage(body, over), seen).kind).toBe("ignore"));

  test("and what it says is chat, where bots are heard", () => {
    expect(said("!stop", inDirectChat({ ...BOT, bots: true }))).toBe("wake echo by direct");
  });
});
