/** Memberships: which invitations an agent accepts, and when agents leave a room. */
import { describe, expect, test } from "vitest";
import { aMembership } from "#testing/events.ts";
import {
  agentWith,
  asker,
  concerned,
  ECHO,
  ECHO_ID,
  type FactsOver,
  facts,
  GUIDE,
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

/** The verdict on an invitation of Echo with these settings. */
function invited(layer: Layer, { by = "@alice:hs.test", over, at }: Invitation = {}): string {
  const { settings } = agentWith("echo", layer);
  const seen = facts({
    invited: { agent: ECHO, settings, direct: false, follows: false, paired: false, isMade: true, ...over },
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
  const UNKNOWN = "decline echo: asker_unknown";
  test.for<[name: string, layer: Layer, invitation: Invitation, expected: string]>([
    ["a local user, by default", {}, {}, JOIN],
    ["a stranger, by default", {}, { by: "@mallory:evil.test" }, NO],
    ["a user", BOB, { by: "@bob:hs.test" }, JOIN],
    ["a local user who is not among the users", BOB, {}, NO],
    ["a user whose name ends like a user's (matrix-chatgpt-bot: endsWith)", BOB, { by: "@bobob:hs.test" }, NO],
    ["a user's name on another server", BOB, { by: "@bob:hs.test.evil.test" }, NO],
    ["an admin", { users: [], admins: ["@alice:hs.test"] }, {}, JOIN],
    ["a paired user", { users: [] }, { over: { paired: true } }, JOIN],
    ["a local user, with an empty list", { users: [] }, {}, NO],
    ["a stranger, where users are *", { users: ["*"] }, { by: "@mallory:evil.test" }, JOIN],
    ["a stranger with power", BOB, { at: { sender: { power: 100 } } }, NO],
    ["a user by power", { users: ["power:50"] }, { at: { sender: { power: 50 } } }, JOIN],
    ["an ignored user", { ignore: ["^@alice:"] }, {}, "decline echo: ignored_sender"],
    ["a user, to a direct chat", {}, DIRECT, JOIN],
    ["a stranger, to a direct chat", { users: [] }, DIRECT, NO],
    ["a user, to a direct chat, dm: disabled", { dm: "disabled" }, DIRECT, "decline echo: dm_disabled"],
    ["a stranger, to a direct chat, dm: open", { users: [], dm: "open" }, DIRECT, JOIN],
    ["a stranger, to a room, dm: open", { users: [], dm: "open" }, {}, NO],
    ["a stranger, to a direct chat, dm: pairing, who will get a code", { users: [], dm: "pairing" }, DIRECT, JOIN],
    ["a stranger, to a room, dm: pairing", { users: [], dm: "pairing" }, {}, NO],
    [
      "an ignored user, to a direct chat, dm: open",
      { dm: "open", ignore: ["^@alice:"] },
      DIRECT,
      "decline echo: ignored_sender",
    ],
    ["a user, to a room it may not answer in", { rooms: "allowlist" }, {}, JOIN],
    ["an agent of ours, for whomever", {}, { by: GUIDE_ID, at: { sender: GUIDE_SPEAKS } }, UNKNOWN],
    ["an agent of ours, bots: true", { bots: true }, { by: GUIDE_ID, at: { sender: GUIDE_SPEAKS } }, UNKNOWN],
    [
      "an agent of ours on the list of inviters",
      { invites: "allowlist", inviteFrom: [GUIDE_ID] },
      { by: GUIDE_ID, at: { sender: GUIDE_SPEAKS } },
      JOIN,
    ],
    ["a user, to a muted room", {}, { at: { room: { muted: true } } }, JOIN],
    ["a user whose event was soft-failed", {}, { at: { softFailed: true } }, "ignore soft_failed"],
  ])("%s: $3", ([, layer, invitation, expected]) => expect(invited(layer, invitation)).toBe(expected));
});

describe("invites: off", () => {
  const OFF = "decline echo: invites_off";
  test.for<[name: string, layer: Layer, invitation: Invitation, expected: string]>([
    ["a user", {}, {}, OFF],
    ["an admin", { admins: ["@alice:hs.test"] }, {}, OFF],
    ["to a direct chat, dm: open", { dm: "open" }, DIRECT, OFF],
    ["to the room that replaces one it is in", {}, { over: { follows: true } }, JOIN],
    ["a user on `inviteFrom`", { inviteFrom: ["@alice:hs.test"] }, {}, OFF],
  ])("%s: $3", ([, layer, invitation, expected]) =>
    expect(invited({ invites: "off", ...layer }, invitation)).toBe(expected),
  );
});

test.for<[name: string, layer: Layer, invitation: Invitation, expected: string]>([
  ["is not declined, for only it could do so", { invites: "off" }, {}, "ignore invites_off, about echo"],
  ["is accepted as any other", {}, {}, JOIN],
])("an invitation of a family's member without an account %s", ([, layer, invitation, expected]) =>
  expect(invited(layer, { ...invitation, over: { isMade: false } })).toBe(expected),
);

describe("a direct chat that another person joins", () => {
  const STAYS = "ignore membership";
  test.for<[name: string, layer: Layer, over: FactsOver, expected: string]>([
    ["of two strangers is left", { users: [], dm: "open" }, {}, "leave as echo"],
    ["one of whom is a user is kept", { users: ["@bob:hs.test"], dm: "open" }, {}, STAYS],
    ["of users is kept, whatever invitations the agent takes now", { users: ["*"], invites: "off" }, {}, STAYS],
    [
      "of one on the list of inviters is kept",
      { users: [], invites: "allowlist", inviteFrom: ["@bob:hs.test"] },
      {},
      STAYS,
    ],
    [
      "one of whom was let in to another agent is left",
      { users: [] },
      { people: [asker("@b:hs.test", { paired: [GUIDE] })] },
      "leave as echo",
    ],
    ["one of whom was let in is kept", { users: [] }, { people: [asker("@b:hs.test", { paired: [ECHO] })] }, STAYS],
    ["one of whom it ignores is left", { users: ["*"], ignore: ["^@"] }, {}, "leave as echo"],
    ["that an operator calls one is kept", { users: [], dm: "open" }, { room: { direct: true } }, STAYS],
    ["that was none is kept", { users: [] }, { present: [concerned("echo", { users: [] })] }, STAYS],
    ["that is none is not looked at", { users: [] }, { people: [] }, STAYS],
  ])("%s", ([, layer, over, expected]) => {
    const people = [asker("@alice:hs.test"), asker("@bob:hs.test")];
    const present = [concerned("echo", layer, { invitedDirectly: true })];
    const event = aMembership("@bob:hs.test", "join", { sender: "@bob:hs.test" });
    expect(inWords(verdictOn(event, facts({ present, people, ...over })))).toBe(expected);
  });
});

describe("invites: allowlist", () => {
  const NO = "decline echo: not_on_invite_list";
  const at = (id: string, ...aliases: string[]): Invitation => ({
    at: { room: { id: RoomId.parse(id), names: [id, ...aliases] } },
  });
  test.for<[name: string, inviteFrom: string[], invitation: Invitation, expected: string]>([
    ["an empty list", [], {}, NO],
    ["the inviter", ["@alice:hs.test"], {}, JOIN],
    ["another inviter", ["@bob:hs.test"], {}, NO],
    [
      "a user whose name ends like the inviter's (OpenClaw #43888)",
      ["@alice:hs.test"],
      { by: "@malalice:hs.test" },
      NO,
    ],
    ["users of a server", ["@*:team.test"], { by: "@carol:team.test" }, JOIN],
    ["users of a server, and its name behind another", ["@*:team.test"], { by: "@a:evil.test:team.test" }, NO],
    ["local users", ["local"], {}, JOIN],
    ["local users, a stranger", ["local"], { by: "@mallory:evil.test" }, NO],
    ["all users", ["*"], { by: "@mallory:evil.test" }, JOIN],
    ["the room", ["!room:hs.test"], { ...at("!room:hs.test"), by: "@mallory:evil.test" }, JOIN],
    ["the room, of version 12", ["!31hneApxJ_1o"], { ...at("!31hneApxJ_1o"), by: "@mallory:evil.test" }, JOIN],
    ["another room", ["!room:hs.test"], at("!room2:hs.test"), NO],
    ["an alias of the room", ["#team:hs.test"], at("!room", "#other:hs.test", "#team:hs.test"), JOIN],
    ["an alias of another room", ["#team:hs.test"], at("!room", "#other:hs.test"), NO],
    ["a power level", ["power:50"], { at: { sender: { power: 50 } } }, JOIN],
    ["a power level, less", ["power:50"], { at: { sender: { power: 49 } } }, NO],
  ])("%s: $3", ([, inviteFrom, invitation, expected]) => {
    expect(invited({ invites: "allowlist", inviteFrom }, invitation)).toBe(expected);
  });

  test("is not satisfied by `users`", () => expect(invited({ invites: "allowlist", users: ["*"] })).toBe(NO));
  test("is satisfied by `inviteFrom` alone, but not for an ignored user", () => {
    const listed: Layer = { invites: "allowlist", users: [], inviteFrom: ["@alice:hs.test"] };
    expect(invited(listed)).toBe(JOIN);
    expect(invited({ ...listed, ignore: ["^@alice:"] })).toBe("decline echo: ignored_sender");
  });
});

describe("the room that replaces one it is in", () => {
  const follows = { over: { follows: true } };
  test.for<[name: string, layer: Layer, expected: string]>([
    ["is followed for its users, with invites: off", { invites: "off" }, JOIN],
    ["is not followed for a stranger", { users: [] }, "decline echo: not_invited_by_user"],
    ["is followed for its users, with invites: allowlist", { invites: "allowlist" }, JOIN],
    ["is followed for its users, with dm: disabled", { dm: "disabled" }, JOIN],
    ["is not followed where the inviter is ignored", { ignore: ["^@alice:"] }, "decline echo: ignored_sender"],
  ])("%s", ([, layer, expected]) => expect(invited(layer, follows)).toBe(expected));
});

const memberEvent = (membership: string, userId = "@bob:hs.test") => aMembership(userId, membership);
const bot = (layer: Layer): Partial<Facts> => ({
  invited: {
    agent: BOT,
    settings: agentWith("echo", layer).settings,
    direct: false,
    follows: false,
    paired: false,
    isMade: true,
  },
});

describe("a membership", () => {
  test.for<[name: string, event: ReturnType<typeof aMembership>, over: FactsOver, expected: string]>([
    ["of the bot, by a user", memberEvent("invite", "@troupe:hs.test"), bot({}), "join the bot"],
    [
      "of the bot, by a stranger",
      memberEvent("invite", "@troupe:hs.test"),
      { ...bot({}), sender: { isLocal: false } },
      "decline the bot: not_invited_by_user",
    ],
    [
      "of the bot, invites: off",
      memberEvent("invite", "@troupe:hs.test"),
      bot({ invites: "off" }),
      "decline the bot: invites_off",
    ],
    [
      "of an agent that does not exist",
      memberEvent("invite", "@agent_x:hs.test"),
      { invited: { agent: ECHO, direct: false, follows: false, paired: false, isMade: true } },
      "ignore unknown_agent, about echo",
    ],
    [
      "of a user in our namespace without an agent id",
      memberEvent("invite", "@agent_:hs.test"),
      { invited: { direct: false, follows: false, paired: false, isMade: true } },
      "ignore unknown_agent",
    ],
    ["of a user who is invited", memberEvent("invite"), {}, "ignore membership"],
    ["of a user who joins", memberEvent("join"), {}, "ignore membership"],
    ["of a user who knocks", memberEvent("knock"), {}, "ignore membership"],
    ["of a user who leaves", memberEvent("leave"), {}, "ignore membership"],
    ["of a user who leaves, and others stay", memberEvent("leave"), { peopleLeft: true }, "ignore membership"],
    ["of the last user, who leaves", memberEvent("leave"), { peopleLeft: false }, "depart"],
    ["of the last user, who is banned", memberEvent("ban"), { peopleLeft: false }, "depart"],
    ["of the last user, in a muted room", memberEvent("leave"), { peopleLeft: false, room: { muted: true } }, "depart"],
    [
      "of the last user, soft-failed",
      memberEvent("leave"),
      { peopleLeft: false, softFailed: true },
      "ignore soft_failed",
    ],
    ["of an agent that joins", memberEvent("join", ECHO_ID), {}, "ignore membership"],
    ["of an agent that was invited and has joined since", memberEvent("join", ECHO_ID), bot({}), "ignore membership"],
    ["that is invalid", memberEvent("nonsense", ECHO_ID), bot({}), "ignore membership"],
  ])("%s: $3", ([, event, over, expected]) => expect(inWords(verdictOn(event, facts(over)))).toBe(expected));
});
