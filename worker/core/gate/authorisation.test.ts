/**
 * Every way in, tried by everybody who must not come in. The holes the peers had were always one more way that had
 * skipped the check; so both lists are crossed, and the same ways are gone by somebody who may, or nothing would be shown.
 */
import { describe, expect, test } from "vitest";
import { aMembership, aMessage, anEvent } from "#testing/events.ts";
import {
  agentWith,
  concerned,
  ECHO,
  ECHO_ID,
  type FactsOver,
  facts,
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

/** Somebody at the door, with what holds for Echo and for Guide there. */
interface Somebody {
  id: string;
  power?: number;
  isLocal?: boolean;
  isOurs?: boolean;
  /** What they put into everything they send. */
  content?: Record<string, unknown>;
  event?: Record<string, unknown>;
  layer?: Layer;
  groups?: Groups;
  pairedWithGuide?: boolean;
}

/** Alice alone may talk to Echo, and do everything. */
const BASE: Layer = { users: ["@alice:hs.test"], admins: ["@alice:hs.test"], patterns: ["\\bparrot\\b"], atRoom: true };
const ALICE: Somebody = { id: "@alice:hs.test" };

const echoFor = ({ layer, groups }: Somebody, more: Layer, invitedDirectly: boolean): Concerned =>
  concerned("echo", { ...BASE, ...layer, ...more }, { invitedDirectly }, groups);

/** Guide is there too, and listens to nobody but whom it has paired with. */
function seenBy(who: Somebody, over: FactsOver = {}, more: Layer = {}, invitedDirectly = false): Facts {
  const { isLocal = true, isOurs = false, power = 0, pairedWithGuide = false } = who;
  const guide = concerned("guide", { users: [] }, { paired: pairedWithGuide });
  return facts({
    present: invitedDirectly ? [echoFor(who, more, true)] : [echoFor(who, more, false), guide],
    ...over,
    sender: isOurs ? { ...GUIDE_SPEAKS, isLocal, power } : { isLocal, power },
  });
}

const says = (who: Somebody, body: string, content: Record<string, unknown> = {}): RoomEvent =>
  aMessage(body, { ...who.event, sender: who.id, content: { ...content, ...who.content } });

type Way = (who: Somebody) => [RoomEvent, Facts];
const CHAT: FactsOver = { room: { joinedCount: 2 } };
const heldBy = (holder: string): FactsOver => ({
  thread: { agent: ECHO, holder: UserId.parse(holder), shared: false, atMs: NOW_MS - 1_000 },
});
const react = (who: Somebody): RoomEvent => {
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
      invited: { agent: ECHO, settings, direct, follows: false, paired: false },
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
  ["a thread of their own", (who) => [says(who, "and?", inThread()), seenBy(who, heldBy(who.id))]],
  ["a room it listens in", (who) => [says(who, "hello"), seenBy(who, {}, { mention: false })]],
  ["a room of two, mentioning it", (who) => [says(who, "hello", mentions(ECHO_ID)), seenBy(who, CHAT)]],
  ["a direct chat", (who) => [says(who, "hello"), seenBy(who, CHAT, {}, true)]],
  [
    "a direct chat an operator made one",
    (who) => [says(who, "hello"), seenBy(who, { room: { direct: true }, present: [echoFor(who, {}, false)] })],
  ],
  [
    "a mention while we were away",
    (who) => [says(who, "hello", mentions(ECHO_ID)), seenBy(who, { ageMs: 86_400_000 })],
  ],
];
const OTHERS: [name: string, way: Way][] = [
  ["🛑 to its answer (Hermes #30062: reactions fail open)", (who) => [react(who), seenBy(who, { repliedAgent: ECHO })]],
  ["🛑 to what it was asked", (who) => [react(who), seenBy(who, { askedAgents: [ECHO] })]],
  ["🛑 in a direct chat", (who) => [react(who), seenBy(who, { ...CHAT, repliedAgent: ECHO }, {}, true)]],
  ["an invitation", invitation(false)],
  ["an invitation to a direct chat", invitation(true)],
  ["an invitation that waited (Hermes #87258: pending invite)", invitation(false, 7 * 86_400_000)],
  ["an invitation to a direct chat that waited (Hermes #87258)", invitation(true, 7 * 86_400_000)],
];
/** What could be done with a word at the worst. */
const ARGUMENTS: Record<string, string> = {
  pair: "ABCD2345",
  allow: "@mallory:evil.test",
  deny: "@alice:hs.test",
  join: "#evil:evil.test",
  model: "other",
};
const HOLES: Record<string, string> = {
  pair: " (ZeroClaw: approval token before the allowlist)",
  allow: " (OpenClaw #67294: control commands by whom a direct chat let in)",
};
const COMMANDS = COMMAND_NAMES.flatMap((name): [string, Way][] => {
  const line = `!${name} ${ARGUMENTS[name] ?? ""}`.trim();
  const structured = { "m.bot.command": { command: name, arguments: { it: ARGUMENTS[name] ?? "" } } };
  return [
    [`${line}${HOLES[name] ?? ""}`, (who) => [says(who, line, mentions(ECHO_ID)), seenBy(who)]],
    [`${line} in a direct chat${HOLES[name] ?? ""}`, (who) => [says(who, line), seenBy(who, CHAT, {}, true)]],
    [`${line} as a structure`, (who) => [says(who, "x", { ...structured, ...mentions(ECHO_ID) }), seenBy(who)]],
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
/** Another room's own list; in this one it says nothing. */
const ROOMS: Record<string, Layer> = { "!other": { users: ["@dave:hs.test"], admins: ["@dave:hs.test"], dm: "open" } };
const HERE: Layer = ROOMS["!room"] ?? {};

const STRANGERS: [name: string, who: Somebody][] = [
  ["somebody of another server", { id: "@mallory:evil.test", isLocal: false }],
  ["somebody local who is not listed", { id: "@mallory:hs.test" }],
  ["a longer name (matrix-chatgpt-bot: endsWith admits @malalice)", { id: "@malalice:hs.test" }],
  ["a name that goes on", { id: "@alice2:hs.test" }],
  ["a server that goes on", { id: "@alice:hs.test.evil.test", isLocal: false }],
  ["a server with a port", { id: "@alice:hs.test:8448", isLocal: false }],
  ["the same name elsewhere", { id: "@alice:evil.test", isLocal: false }],
  ["another case", { id: "@ALICE:hs.test" }],
  ["letters that look the same", { id: "@аlice:hs.test" }],
  ["the id within another id", { id: "@a:evil.test/@alice:hs.test", isLocal: false }],
  ["the id as another's server", { id: "@x:@alice:hs.test", isLocal: false }],
  [
    "the same display name (OpenClaw GHSA-rmxw-jxxx-4cpc: display name is no credential)",
    { id: "@mallory:evil.test", isLocal: false, content: TWIN, event: { unsigned: TWIN } },
  ],
  ["a moderator who is not listed", { id: "@mod:hs.test", power: 50 }],
  ["a room's admin who is not listed", { id: "@admin:hs.test", power: 100 }],
  ["a creator above all levels who is not listed", { id: "@maker:hs.test", power: Number.MAX_SAFE_INTEGER }],
  [
    "another bridge's ghost that is ignored, though everybody is a user and an admin",
    { id: "@_irc_alice:hs.test", layer: { users: ["*"], admins: ["*"], ignore: ["^@_irc_"], dm: "open" } },
  ],
  ["an agent of ours, bots: false", { id: GUIDE_ID, isOurs: true, content: ourMark() }],
  [
    "an agent of ours that drafts, bots: true",
    { id: GUIDE_ID, isOurs: true, content: ourMark({ kind: "draft" }), layer: { bots: true } },
  ],
  ["our bot", { id: "@troupe:hs.test", isOurs: true, layer: { bots: true } }],
  ["whom only the other agent has paired with", { id: "@carol:hs.test", pairedWithGuide: true }],
  ["a user of another room's own list", { id: "@dave:hs.test", layer: HERE }],
  ["anybody, where the lists are empty", { id: "@alice:hs.test", layer: { users: [], admins: [] } }],
  [
    "anybody, where the list names a group that is not there",
    { id: "@alice:hs.test", layer: { users: ["group:x"], admins: [] } },
  ],
  [
    "a group's member in a group",
    {
      id: "@eve:hs.test",
      layer: { users: ["group:outer"], admins: [] },
      groups: { outer: ["group:inner"], inner: ["@eve:hs.test"] },
    },
  ],
];

const NOTHING = new Set<Verdict["kind"]>(["ignore", "decline"]);

describe("nobody comes in who may not", () => {
  const all = STRANGERS.flatMap(([stranger, who]) =>
    [...WAYS, ["an edit", edit] satisfies [string, Way]].map(([way, go]): [string, Somebody, Way] => [
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

describe("whoever may comes in", () => {
  test.for(WAYS)("by %s", ([, go]) => {
    const verdict = verdictOn(...go(ALICE));
    expect(NOTHING.has(verdict.kind), inWords(verdict)).toBe(false);
  });
  test("by every way but an edit, which nobody is asked by", () => {
    expect(inWords(verdictOn(...edit(ALICE)))).toBe("ignore edit");
  });
  test("where another room's list names them, in that room", () => {
    const { settings } = resolve([BASE, ROOMS["!other"]], {});
    const there: Somebody = { id: "@dave:hs.test", layer: { users: settings.users, admins: settings.admins } };
    expect(WAYS.filter(([, go]) => NOTHING.has(verdictOn(...go(there)).kind))).toEqual([]);
  });
});

describe("with dm: pairing", () => {
  const opened = (who: Somebody): string[] => {
    const paired = { ...who, layer: { ...who.layer, dm: "pairing" } satisfies Layer };
    return WAYS.map(([name, go]) => [name, verdictOn(...go(paired))] as const).flatMap(([name, verdict]) =>
      NOTHING.has(verdict.kind) ? [] : [`${name}: ${inWords(verdict)}`],
    );
  };
  const PAIR = "!pair ABCD2345";
  const HOLE = "(ZeroClaw: approval token before the allowlist)";

  test("a stranger is given a code, may say one, and may ask for the direct chat to be told it in", () => {
    expect(opened({ id: "@mallory:evil.test", isLocal: false, power: 100 })).toEqual([
      "a direct chat: pair echo",
      "a direct chat an operator made one: pair echo",
      "an invitation to a direct chat: join echo",
      "an invitation to a direct chat that waited (Hermes #87258): join echo",
      `${PAIR} ${HOLE}: command pair for echo, says echo`,
      `${PAIR} in a direct chat ${HOLE}: command pair for echo, says echo`,
      `${PAIR} as a structure: command pair for echo, says echo`,
      `${PAIR} with a question below it: command pair for echo, says echo`,
    ]);
  });
  test("a stranger who says one is no admin", () => {
    const who: Somebody = { id: "@mallory:evil.test", isLocal: false, layer: { dm: "pairing" } };
    const verdicts = COMMANDS.map(([, go]) => verdictOn(...go(who))).filter(({ kind }) => kind === "command");
    expect(verdicts).toHaveLength(4);
    expect(verdicts.map((verdict) => verdict.kind === "command" && verdict.isAdmin)).toEqual([
      false,
      false,
      false,
      false,
    ]);
  });
  test("an ignored ghost is given nothing", () => {
    expect(opened({ id: "@_irc_mallory:hs.test", layer: { ignore: ["^@_irc_"] } })).toEqual([]);
  });
});

describe("two members are no direct chat (OpenClaw #17771 / Hermes #54461)", () => {
  const ROOM_OF_TWO: FactsOver = { room: { joinedCount: 2 } };
  test("so nobody is woken without a mention", () => {
    const event = says(ALICE, "hello");
    expect(inWords(verdictOn(event, facts({ ...ROOM_OF_TWO, present: [concerned("echo", BASE)] })))).toBe(
      "ignore not_addressed",
    );
  });
  test("so a room that is not listed stays closed", () => {
    const event = says(ALICE, "hello", mentions(ECHO_ID));
    const present = [concerned("echo", { ...BASE, rooms: "allowlist" })];
    expect(inWords(verdictOn(event, facts({ ...ROOM_OF_TWO, present })))).toBe("ignore room_not_allowed, about echo");
  });
  test("so what is open in direct chats stays closed", () => {
    const event = aMessage("hello", { sender: "@mallory:hs.test", content: mentions(ECHO_ID) });
    const present = [concerned("echo", { ...BASE, dm: "open" })];
    expect(inWords(verdictOn(event, facts({ ...ROOM_OF_TWO, present })))).toBe("ignore not_permitted, about echo");
  });
  test("so nobody is given a code", () => {
    const event = aMessage("hello", { sender: "@mallory:hs.test", content: mentions(ECHO_ID) });
    const present = [concerned("echo", { ...BASE, dm: "pairing" })];
    expect(inWords(verdictOn(event, facts({ ...ROOM_OF_TWO, present })))).toBe("ignore not_permitted, about echo");
  });
});
