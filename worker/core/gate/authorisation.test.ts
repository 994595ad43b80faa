/**
 * Every way to reach an agent, tried by every kind of user without permission. Other bridges had holes because one more
 * way skipped the check, so all ways are combined with all users. A user with permission tries the same ways: they work.
 */
import { describe, expect, test } from "vitest";
import { aMembership, aMessage, anEvent } from "#testing/events.ts";
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
  html,
  inThread,
  inWords,
  mentions,
  NOW_MS,
  ourMark,
  repliesTo,
  verdictOn,
} from "#testing/gate-facts.ts";
import { type Groups, type Layer, resolve } from "../configuration/settings.ts";
import { COMMAND_NAMES } from "../message/command.ts";
import type { RoomEvent } from "../protocol/event.ts";
import { UserId } from "../protocol/ids.ts";
import type { Concerned, Facts, Verdict } from "./facts.ts";

/** A sender, and the settings of Echo and Guide where the sender writes. */
interface Sender {
  id: string;
  power?: number;
  isLocal?: boolean;
  isOurs?: boolean;
  /** Added to the content of every event of this sender. */
  content?: Record<string, unknown>;
  event?: Record<string, unknown>;
  layer?: Layer;
  groups?: Groups;
  pairedWithGuide?: boolean;
  /** The people for whom the sender, an agent of ours, speaks; empty where nobody knows them. */
  onBehalfOf?: readonly Sender[];
}

/** Guide, where Echo answers agents, on behalf of people. The settings are those where the first of them writes. */
function guideFor(...people: Sender[]): Sender {
  const [first] = people;
  return {
    id: GUIDE_ID,
    isOurs: true,
    content: ourMark(),
    onBehalfOf: people,
    layer: { ...first?.layer, bots: true },
    ...(first?.groups ? { groups: first.groups } : {}),
  };
}
const askerOf = ({ id, isLocal = true, power = 0, pairedWithGuide = false }: Sender) =>
  asker(id, { isLocal, power, paired: pairedWithGuide ? [GUIDE] : [] });

/** Only Alice may talk to Echo; she is its admin too. */
const BASE: Layer = { users: ["@alice:hs.test"], admins: ["@alice:hs.test"], patterns: ["\\bparrot\\b"], atRoom: true };
const ALICE: Sender = { id: "@alice:hs.test" };

const echoFor = ({ layer, groups }: Sender, more: Layer, invitedDirectly: boolean): Concerned =>
  concerned("echo", { ...BASE, ...layer, ...more }, { invitedDirectly }, groups);

/** Guide is in the room too. Only users who are paired with Guide may talk to it. */
function seenBy(who: Sender, over: FactsOver = {}, more: Layer = {}, invitedDirectly = false): Facts {
  const { isLocal = true, isOurs = false, power = 0, pairedWithGuide = false } = who;
  const guide = concerned("guide", { users: [] }, { paired: pairedWithGuide });
  return facts({
    present: invitedDirectly ? [echoFor(who, more, true)] : [echoFor(who, more, false), guide],
    ...over,
    sender: isOurs ? { ...GUIDE_SPEAKS, isLocal, power } : { isLocal, power },
    askers: (who.onBehalfOf ?? [ALICE]).map(askerOf),
  });
}

const says = (who: Sender, body: string, content: Record<string, unknown> = {}): RoomEvent =>
  aMessage(body, { ...who.event, sender: who.id, content: { ...content, ...who.content } });

type Way = (who: Sender) => [RoomEvent, Facts];
const CHAT: FactsOver = { room: { joinedCount: 2 } };
const heldBy = (holder: string): FactsOver => ({
  thread: { agent: ECHO, holder: UserId.parse(holder), shared: false, atMs: NOW_MS - 1_000 },
});
const react = (who: Sender): RoomEvent => {
  const relation = { rel_type: "m.annotation", event_id: "$answer", key: "🛑" };
  return anEvent({
    ...who.event,
    type: "m.reaction",
    sender: who.id,
    content: { ...who.content, "m.relates_to": relation },
  });
};
const invitation =
  (direct: boolean, ageMs = 20): Way =>
  (who) => {
    const { settings } = agentWith("echo", { ...BASE, ...who.layer }, "Echo", who.groups);
    const seen = seenBy(who, {
      ageMs,
      present: [],
      invited: { agent: ECHO, settings, direct, follows: false, paired: false, isMade: true },
    });
    const content = { ...who.content, membership: "invite", is_direct: direct };
    return [aMembership(ECHO_ID, "invite", { ...who.event, sender: who.id, content }), seen];
  };

const WORDS: [name: string, way: Way][] = [
  ["a mention", (who) => [says(who, "hello", mentions(ECHO_ID)), seenBy(who)]],
  ["a pill", (who) => [says(who, "hello", html('<a href="matrix:u/agent_echo:hs.test">Echo</a>')), seenBy(who)]],
  ["a user id in the text", (who) => [says(who, `${ECHO_ID} hello`), seenBy(who)]],
  ["a name at the start", (who) => [says(who, "Echo: hello"), seenBy(who)]],
  ["a custom pattern", (who) => [says(who, "ask the parrot"), seenBy(who)]],
  ["@room", (who) => [says(who, "hello", { "m.mentions": { room: true } }), seenBy(who)]],
  ["a caption", (who) => [says(who, "Echo: what is it?", { msgtype: "m.image", filename: "a.png" }), seenBy(who)]],
  ["a reply", (who) => [says(who, "why?", repliesTo()), seenBy(who, { repliedAgent: ECHO })]],
  ["a thread that the sender holds", (who) => [says(who, "and?", inThread()), seenBy(who, heldBy(who.id))]],
  ["a room with mention: false", (who) => [says(who, "hello"), seenBy(who, {}, { mention: false })]],
  ["a mention in a room of two", (who) => [says(who, "hello", mentions(ECHO_ID)), seenBy(who, CHAT)]],
  ["a direct chat", (who) => [says(who, "hello"), seenBy(who, CHAT, {}, true)]],
  [
    "a room with direct: true",
    (who) => [says(who, "hello"), seenBy(who, { room: { direct: true }, present: [echoFor(who, {}, false)] })],
  ],
  ["a mention that is a day old", (who) => [says(who, "hello", mentions(ECHO_ID)), seenBy(who, { ageMs: 86_400_000 })]],
];
const OTHERS: [name: string, way: Way][] = [
  ["🛑 to its answer (Hermes #30062: reactions fail open)", (who) => [react(who), seenBy(who, { repliedAgent: ECHO })]],
  ["🛑 to the question", (who) => [react(who), seenBy(who, { askedAgents: [ECHO] })]],
  ["🛑 in a direct chat", (who) => [react(who), seenBy(who, { ...CHAT, repliedAgent: ECHO }, {}, true)]],
  ["an invitation", invitation(false)],
  ["an invitation to a direct chat", invitation(true)],
  ["an invitation that is a week old (Hermes #87258: pending invite)", invitation(false, 7 * 86_400_000)],
  ["an invitation to a direct chat that is a week old (Hermes #87258)", invitation(true, 7 * 86_400_000)],
];
/** The most harmful arguments of these commands. */
const ARGUMENTS: Record<string, string> = {
  pair: "ABCD2345",
  allow: "@mallory:evil.test",
  deny: "@alice:hs.test",
  join: "#evil:evil.test",
  model: "other",
};
const HOLES: Record<string, string> = {
  pair: " (ZeroClaw: approval token before the allowlist)",
  allow: " (OpenClaw #67294: control commands by a user who was let in to direct chats)",
};
const COMMANDS = COMMAND_NAMES.flatMap((name): [string, Way][] => {
  const line = `!${name} ${ARGUMENTS[name] ?? ""}`.trim();
  const structured = { "m.bot.command": { command: name, arguments: { it: ARGUMENTS[name] ?? "" } } };
  return [
    [`${line}${HOLES[name] ?? ""}`, (who) => [says(who, line, mentions(ECHO_ID)), seenBy(who)]],
    [`${line} in a direct chat${HOLES[name] ?? ""}`, (who) => [says(who, line), seenBy(who, CHAT, {}, true)]],
    [
      `${line} as a structured command`,
      (who) => [says(who, "x", { ...structured, ...mentions(ECHO_ID) }), seenBy(who)],
    ],
    [`${line} with a question below it`, (who) => [says(who, `${line}\nhello`, mentions(ECHO_ID)), seenBy(who)]],
    [`${line} while muted`, (who) => [says(who, line, mentions(ECHO_ID)), seenBy(who, { room: { muted: true } })]],
  ];
});
const edit: Way = (who) => {
  const fresh = { "m.new_content": { msgtype: "m.text", body: "hello", ...mentions(ECHO_ID) } };
  const relation = { "m.relates_to": { rel_type: "m.replace", event_id: "$original" } };
  return [says(who, "* hello", { ...fresh, ...relation, ...mentions(ECHO_ID) }), seenBy(who, { repliedAgent: ECHO })];
};
const WAYS: [name: string, way: Way][] = [...WORDS, ...OTHERS, ...COMMANDS];

const TWIN = { displayname: "Alice", name: "@alice:hs.test", sender: "@alice:hs.test", "m.sender": "@alice:hs.test" };
/** The settings of another room, which must not take effect in this one. */
const ROOMS: Record<string, Layer> = { "!other": { users: ["@dave:hs.test"], admins: ["@dave:hs.test"], dm: "open" } };
const HERE: Layer = ROOMS["!room"] ?? {};

const STRANGERS: [name: string, who: Sender][] = [
  ["a user of another server", { id: "@mallory:evil.test", isLocal: false }],
  ["a local user who is not listed", { id: "@mallory:hs.test" }],
  ["a user whose name ends like Alice's (matrix-chatgpt-bot: endsWith admits @malalice)", { id: "@malalice:hs.test" }],
  ["a user whose name begins like Alice's", { id: "@alice2:hs.test" }],
  ["a user of a server whose name begins like ours", { id: "@alice:hs.test.evil.test", isLocal: false }],
  ["a user of our server with a port", { id: "@alice:hs.test:8448", isLocal: false }],
  ["a user of another server with Alice's name", { id: "@alice:evil.test", isLocal: false }],
  ["a user with Alice's name in upper case", { id: "@ALICE:hs.test" }],
  ["a user whose name looks like Alice's", { id: "@аlice:hs.test" }],
  ["a user whose id ends with Alice's", { id: "@a:evil.test/@alice:hs.test", isLocal: false }],
  ["a user whose server is Alice's id", { id: "@x:@alice:hs.test", isLocal: false }],
  [
    "a user with Alice's display name (OpenClaw GHSA-rmxw-jxxx-4cpc: display name is no credential)",
    { id: "@mallory:evil.test", isLocal: false, content: TWIN, event: { unsigned: TWIN } },
  ],
  ["a moderator who is not listed", { id: "@mod:hs.test", power: 50 }],
  ["an admin of the room who is not listed", { id: "@admin:hs.test", power: 100 }],
  ["the room's creator who is not listed", { id: "@maker:hs.test", power: Number.MAX_SAFE_INTEGER }],
  [
    "another bridge's ghost that is ignored, where users and admins are *",
    { id: "@_irc_alice:hs.test", layer: { users: ["*"], admins: ["*"], ignore: ["^@_irc_"], dm: "open" } },
  ],
  ["an agent of ours, with bots: false", { id: GUIDE_ID, isOurs: true, content: ourMark() }],
  [
    "an agent of ours with a draft, with bots: true",
    { id: GUIDE_ID, isOurs: true, content: ourMark({ kind: "draft" }), layer: { bots: true } },
  ],
  ["our bot", { id: "@troupe:hs.test", isOurs: true, layer: { bots: true } }],
  ["a user who is paired with the other agent only", { id: "@carol:hs.test", pairedWithGuide: true }],
  ["a user on the list of another room", { id: "@dave:hs.test", layer: HERE }],
  ["a user where the lists are empty", { id: "@alice:hs.test", layer: { users: [], admins: [] } }],
  ["a user where the list names an unknown group", { id: "@alice:hs.test", layer: { users: ["group:x"], admins: [] } }],
  [
    "a member of a group within the listed group",
    {
      id: "@eve:hs.test",
      layer: { users: ["group:outer"], admins: [] },
      groups: { outer: ["group:inner"], inner: ["@eve:hs.test"] },
    },
  ],
];

const NOTHING = new Set<Verdict["kind"]>(["ignore", "decline"]);

describe("a sender without permission reaches no agent", () => {
  const all = STRANGERS.flatMap(([stranger, who]) =>
    [...WAYS, ["an edit", edit] satisfies [string, Way]].map(([way, go]): [string, Sender, Way] => [
      `${stranger}: by ${way}`,
      who,
      go,
    ]),
  );
  test.for(all)("%s", ([, who, go]) => {
    const verdict = verdictOn(...go(who));
    expect(NOTHING.has(verdict.kind), inWords(verdict)).toBe(true);
  });
});

/** The column *on behalf of*: an agent that Echo answers, and the people for whom it speaks. */
describe("an agent reaches no other agent on behalf of", () => {
  const people = STRANGERS.filter(([, { isOurs = false }]) => !isOurs);
  const columns: [name: string, who: Sender][] = [
    ...people.map(([name, who]): [string, Sender] => [name, guideFor(who)]),
    ...people.slice(0, 4).map(([name, who]): [string, Sender] => [`Alice and ${name}`, guideFor(ALICE, who)]),
    ["nobody knows whom", guideFor()],
  ];
  const all = columns.flatMap(([column, who]) =>
    [...WAYS, ["an edit", edit] satisfies [string, Way]].map(([way, go]): [string, Sender, Way] => [
      `${column}: by ${way}`,
      who,
      go,
    ]),
  );
  test.for(all)("%s", ([, who, go]) => {
    const verdict = verdictOn(...go(who));
    expect(NOTHING.has(verdict.kind), inWords(verdict)).toBe(true);
  });

  test.for(WORDS)("nobody, but on behalf of Alice it does: by %s", ([name, go]) => {
    const verdict = verdictOn(...go(guideFor(ALICE)));
    // An agent holds no thread.
    expect(inWords(verdict)).toMatch(name === "a thread that the sender holds" ? /^ignore/ : /^(?:wake|too_old) echo/);
  });
});

describe("a user with permission reaches the agent", () => {
  test.for(WAYS)("by %s", ([, go]) => {
    const verdict = verdictOn(...go(ALICE));
    expect(NOTHING.has(verdict.kind), inWords(verdict)).toBe(false);
  });
  test("but not by an edit, which wakes no agent", () => {
    expect(inWords(verdictOn(...edit(ALICE)))).toBe("ignore edit");
  });
  test("in the room whose list names the user", () => {
    const { settings } = resolve([BASE, ROOMS["!other"]], {});
    const there: Sender = { id: "@dave:hs.test", layer: { users: settings.users, admins: settings.admins } };
    expect(WAYS.filter(([, go]) => NOTHING.has(verdictOn(...go(there)).kind))).toEqual([]);
  });
});

describe("with dm: pairing", () => {
  const opened = (who: Sender): string[] => {
    const paired = { ...who, layer: { ...who.layer, dm: "pairing" } satisfies Layer };
    return WAYS.map(([name, go]) => [name, verdictOn(...go(paired))] as const).flatMap(([name, verdict]) =>
      NOTHING.has(verdict.kind) ? [] : [`${name}: ${inWords(verdict)}`],
    );
  };
  const PAIR = "!pair ABCD2345";
  const HOLE = "(ZeroClaw: approval token before the allowlist)";

  test("a stranger can get a code, use one with !pair, and invite the agent to a direct chat", () => {
    expect(opened({ id: "@mallory:evil.test", isLocal: false, power: 100 })).toEqual([
      "a direct chat: pair echo",
      "a room with direct: true: pair echo",
      "an invitation to a direct chat: join echo",
      "an invitation to a direct chat that is a week old (Hermes #87258): join echo",
      `${PAIR} ${HOLE}: command pair for echo, says echo`,
      `${PAIR} in a direct chat ${HOLE}: command pair for echo, says echo`,
      `${PAIR} as a structured command: command pair for echo, says echo`,
      `${PAIR} with a question below it: command pair for echo, says echo`,
    ]);
  });
  test("a stranger who says !pair is no admin", () => {
    const who: Sender = { id: "@mallory:evil.test", isLocal: false, layer: { dm: "pairing" } };
    const verdicts = COMMANDS.map(([, go]) => verdictOn(...go(who))).filter(({ kind }) => kind === "command");
    expect(verdicts).toHaveLength(4);
    expect(verdicts.map((verdict) => verdict.kind === "command" && verdict.isAdmin)).toEqual([
      false,
      false,
      false,
      false,
    ]);
  });
  test("an ignored ghost reaches nothing", () => {
    expect(opened({ id: "@_irc_mallory:hs.test", layer: { ignore: ["^@_irc_"] } })).toEqual([]);
  });
});

describe("a room of two is no direct chat (OpenClaw #17771, Hermes #54461)", () => {
  const ROOM_OF_TWO: FactsOver = { room: { joinedCount: 2 } };
  test("so a message without a mention wakes no agent", () => {
    const event = says(ALICE, "hello");
    expect(inWords(verdictOn(event, facts({ ...ROOM_OF_TWO, present: [concerned("echo", BASE)] })))).toBe(
      "ignore not_addressed",
    );
  });
  test("so the agent does not answer there with rooms: allowlist", () => {
    const event = says(ALICE, "hello", mentions(ECHO_ID));
    const present = [concerned("echo", { ...BASE, rooms: "allowlist" })];
    expect(inWords(verdictOn(event, facts({ ...ROOM_OF_TWO, present })))).toBe("ignore room_not_allowed, about echo");
  });
  test("so dm: open lets no stranger in", () => {
    const event = aMessage("hello", { sender: "@mallory:hs.test", content: mentions(ECHO_ID) });
    const present = [concerned("echo", { ...BASE, dm: "open" })];
    expect(inWords(verdictOn(event, facts({ ...ROOM_OF_TWO, present })))).toBe("ignore not_permitted, about echo");
  });
  test("so dm: pairing gives no code", () => {
    const event = aMessage("hello", { sender: "@mallory:hs.test", content: mentions(ECHO_ID) });
    const present = [concerned("echo", { ...BASE, dm: "pairing" })];
    expect(inWords(verdictOn(event, facts({ ...ROOM_OF_TWO, present })))).toBe("ignore not_permitted, about echo");
  });
});
