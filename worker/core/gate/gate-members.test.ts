/** Who comes and goes: whose invitations an agent follows, and rooms nobody but us is left in. */
import { describe, expect, test } from "vitest";
import { aMembership } from "#testing/events.ts";
import {
  agentWith,
  ECHO,
  ECHO_ID,
  type FactsOver,
  facts,
  GUIDE_ID,
  GUIDE_SPEAKS,
  inWords,
  verdictOn,
} from "#testing/gate-facts.ts";
import type { Layer } from "../configuration/settings.ts";
import { BOT, RoomId } from "../protocol/ids.ts";
import type { Facts, Invited } from "./facts.ts";

interface Invitation {
  by?: string;
  over?: Partial<Invited>;
  at?: FactsOver;
}

/** What becomes of an invitation of Echo, who has these settings. */
function invited(layer: Layer, { by = "@alice:hs.test", over, at }: Invitation = {}): string {
  const { settings } = agentWith("echo", layer);
  const seen = facts({
    invited: { agent: ECHO, settings, direct: false, follows: false, paired: false, ...over },
    ...at,
    sender: { isLocal: by.endsWith(":hs.test"), ...at?.sender },
  });
  return inWords(verdictOn(aMembership(ECHO_ID, "invite", { sender: by }), seen));
}

const JOIN = "join echo";
const BOB: Layer = { users: ["@bob:hs.test"] };
const DIRECT = { over: { direct: true } };

describe("invites: users", () => {
  const NO = "decline echo: not_invited_by_user";
  test.for<[name: string, layer: Layer, invitation: Invitation, expected: string]>([
    ["somebody local, by default", {}, {}, JOIN],
    ["a stranger, by default", {}, { by: "@mallory:evil.test" }, NO],
    ["a user", BOB, { by: "@bob:hs.test" }, JOIN],
    ["somebody local who is no user", BOB, {}, NO],
    ["a user's longer name (matrix-chatgpt-bot: endsWith)", BOB, { by: "@bobob:hs.test" }, NO],
    ["a user's name elsewhere", BOB, { by: "@bob:hs.test.evil.test" }, NO],
    ["an admin", { users: [], admins: ["@alice:hs.test"] }, {}, JOIN],
    ["somebody paired", { users: [] }, { over: { paired: true } }, JOIN],
    ["nobody, for nobody is a user", { users: [] }, {}, NO],
    ["everybody", { users: ["*"] }, { by: "@mallory:evil.test" }, JOIN],
    ["a stranger with power", BOB, { at: { sender: { power: 100 } } }, NO],
    ["a user by power", { users: ["power:50"] }, { at: { sender: { power: 50 } } }, JOIN],
    ["a user a pattern ignores", { ignore: ["^@alice:"] }, {}, "decline echo: ignored_sender"],
    ["a user, to a direct chat", {}, DIRECT, JOIN],
    ["a stranger, to a direct chat", { users: [] }, DIRECT, NO],
    ["a user, to a direct chat, dm: disabled", { dm: "disabled" }, DIRECT, "decline echo: dm_disabled"],
    ["a stranger, to a direct chat, dm: open", { users: [], dm: "open" }, DIRECT, JOIN],
    ["a stranger, to a room, dm: open", { users: [], dm: "open" }, {}, NO],
    ["a stranger, to a direct chat, dm: pairing, to be given a code", { users: [], dm: "pairing" }, DIRECT, JOIN],
    ["a stranger, to a room, dm: pairing", { users: [], dm: "pairing" }, {}, NO],
    [
      "an ignored one, to a direct chat, dm: open",
      { dm: "open", ignore: ["^@alice:"] },
      DIRECT,
      "decline echo: ignored_sender",
    ],
    ["a user, to a room it may not answer in", { rooms: "allowlist" }, {}, JOIN],
    ["an agent of ours, which is local", {}, { by: GUIDE_ID, at: { sender: GUIDE_SPEAKS } }, JOIN],
    ["an agent of ours that is no user", BOB, { by: GUIDE_ID, at: { sender: GUIDE_SPEAKS } }, NO],
    [
      "an agent of ours that is no user, bots: true",
      { ...BOB, bots: true },
      { by: GUIDE_ID, at: { sender: GUIDE_SPEAKS } },
      NO,
    ],
    ["in a muted room, too", {}, { at: { room: { muted: true } } }, JOIN],
    ["a user, held back", {}, { at: { softFailed: true } }, "ignore soft_failed"],
  ])("%s", ([, layer, invitation, expected]) => expect(invited(layer, invitation)).toBe(expected));
});

describe("invites: off", () => {
  const OFF = "decline echo: invites_off";
  test.for<[name: string, layer: Layer, invitation: Invitation, expected: string]>([
    ["a user", {}, {}, OFF],
    ["an admin", { admins: ["@alice:hs.test"] }, {}, OFF],
    ["to a direct chat, dm: open", { dm: "open" }, DIRECT, OFF],
    ["to what replaces its room, which is no new one", {}, { over: { follows: true } }, JOIN],
    ["though listed", { inviteFrom: ["@alice:hs.test"] }, {}, OFF],
  ])("%s", ([, layer, invitation, expected]) =>
    expect(invited({ invites: "off", ...layer }, invitation)).toBe(expected),
  );
});

describe("invites: allowlist", () => {
  const NO = "decline echo: not_on_invite_list";
  const at = (id: string, ...aliases: string[]): Invitation => ({
    at: { room: { id: RoomId.parse(id), names: [id, ...aliases] } },
  });
  test.for<[name: string, inviteFrom: string[], invitation: Invitation, expected: string]>([
    ["nobody", [], {}, NO],
    ["the inviter", ["@alice:hs.test"], {}, JOIN],
    ["another inviter", ["@bob:hs.test"], {}, NO],
    ["a longer name (OpenClaw #43888)", ["@alice:hs.test"], { by: "@malalice:hs.test" }, NO],
    ["a server's people", ["@*:team.test"], { by: "@carol:team.test" }, JOIN],
    ["a server's people, and its name behind another", ["@*:team.test"], { by: "@a:evil.test:team.test" }, NO],
    ["local people", ["local"], {}, JOIN],
    ["local people, a stranger", ["local"], { by: "@mallory:evil.test" }, NO],
    ["everybody", ["*"], { by: "@mallory:evil.test" }, JOIN],
    ["the room", ["!room:hs.test"], { ...at("!room:hs.test"), by: "@mallory:evil.test" }, JOIN],
    ["the room, of version 12", ["!31hneApxJ_1o"], { ...at("!31hneApxJ_1o"), by: "@mallory:evil.test" }, JOIN],
    ["another room", ["!room:hs.test"], at("!room2:hs.test"), NO],
    ["an alias of the room", ["#team:hs.test"], at("!room", "#other:hs.test", "#team:hs.test"), JOIN],
    ["an alias of another room", ["#team:hs.test"], at("!room", "#other:hs.test"), NO],
    ["the powerful", ["power:50"], { at: { sender: { power: 50 } } }, JOIN],
    ["the powerful, less", ["power:50"], { at: { sender: { power: 49 } } }, NO],
  ])("%s", ([, inviteFrom, invitation, expected]) => {
    expect(invited({ invites: "allowlist", inviteFrom }, invitation)).toBe(expected);
  });

  test("asks for more than to be a user", () => expect(invited({ invites: "allowlist", users: ["*"] })).toBe(NO));
  test("asks for no more than to be listed, but not to be ignored", () => {
    const listed: Layer = { invites: "allowlist", users: [], inviteFrom: ["@alice:hs.test"] };
    expect(invited(listed)).toBe(JOIN);
    expect(invited({ ...listed, ignore: ["^@alice:"] })).toBe("decline echo: ignored_sender");
  });
});

describe("the room that replaces one it is in", () => {
  const follows = { over: { follows: true } };
  test.for<[name: string, layer: Layer, expected: string]>([
    ["is followed for its users, whatever it does elsewhere", { invites: "off" }, JOIN],
    ["is not followed for a stranger", { users: [] }, "decline echo: not_invited_by_user"],
    ["is followed, whatever list there is", { invites: "allowlist" }, JOIN],
    ["is followed, to a direct chat, too", { dm: "disabled" }, JOIN],
    ["is not followed where the inviter is ignored", { ignore: ["^@alice:"] }, "decline echo: ignored_sender"],
  ])("%s", ([, layer, expected]) => expect(invited(layer, follows)).toBe(expected));
});

const somebody = (membership: string, userId = "@bob:hs.test") => aMembership(userId, membership);
const bot = (layer: Layer): Partial<Facts> => ({
  invited: { agent: BOT, settings: agentWith("echo", layer).settings, direct: false, follows: false, paired: false },
});

describe("a membership", () => {
  test.for<[name: string, event: ReturnType<typeof aMembership>, over: FactsOver, expected: string]>([
    ["of the bot, by a user", somebody("invite", "@troupe:hs.test"), bot({}), "join the bot"],
    [
      "of the bot, by a stranger",
      somebody("invite", "@troupe:hs.test"),
      { ...bot({}), sender: { isLocal: false } },
      "decline the bot: not_invited_by_user",
    ],
    [
      "of the bot, invites: off",
      somebody("invite", "@troupe:hs.test"),
      bot({ invites: "off" }),
      "decline the bot: invites_off",
    ],
    [
      "of an agent that is not there",
      somebody("invite", "@agent_x:hs.test"),
      { invited: { agent: ECHO, direct: false, follows: false, paired: false } },
      "ignore unknown_agent, about echo",
    ],
    [
      "of a user of ours that could be none",
      somebody("invite", "@agent_:hs.test"),
      { invited: { direct: false, follows: false, paired: false } },
      "ignore unknown_agent",
    ],
    ["of a person who is invited", somebody("invite"), {}, "ignore membership"],
    ["of a person who comes", somebody("join"), {}, "ignore membership"],
    ["of a person who knocks", somebody("knock"), {}, "ignore membership"],
    ["of a person who leaves", somebody("leave"), {}, "ignore membership"],
    ["of a person who leaves, and others stay", somebody("leave"), { peopleLeft: true }, "ignore membership"],
    ["of the last person, who leaves", somebody("leave"), { peopleLeft: false }, "depart"],
    ["of the last person, who is banned", somebody("ban"), { peopleLeft: false }, "depart"],
    ["of the last person, in a muted room", somebody("leave"), { peopleLeft: false, room: { muted: true } }, "depart"],
    ["of the last person, held back", somebody("leave"), { peopleLeft: false, softFailed: true }, "ignore soft_failed"],
    ["of an agent that joins", somebody("join", ECHO_ID), {}, "ignore membership"],
    ["of an agent that is invited and has come since", somebody("join", ECHO_ID), bot({}), "ignore membership"],
    ["that is no word", somebody("nonsense", ECHO_ID), bot({}), "ignore membership"],
  ])("%s", ([, event, over, expected]) => expect(inWords(verdictOn(event, facts(over)))).toBe(expected));
});
