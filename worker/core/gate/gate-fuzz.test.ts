/**
 * Random events and facts: the gate always decides, and the agents it wakes are in the room and permitted. The permission
 * is written here a second time, independently of the gate. A failure names its seed.
 */
import { expect, test } from "vitest";
import { Dice } from "#testing/chance.ts";
import { anEvent } from "#testing/events.ts";
import {
  agentWith,
  anEventId,
  asker,
  concerned,
  ECHO,
  ECHO_ID,
  facts,
  GUIDE,
  GUIDE_ID,
  inWords,
  NOW_MS,
  verdictOn,
} from "#testing/gate-facts.ts";
import type { Layer } from "../configuration/settings.ts";
import { readMessage } from "../message/message.ts";
import { type AgentId, UserId } from "../protocol/ids.ts";
import type { Concerned, Facts, Verdict, Woken } from "./facts.ts";
import { needsOf } from "./needs.ts";

const CASES = 12_000;
const IDS = [ECHO_ID, GUIDE_ID, "@alice:hs.test", "@mallory:evil.test", "@agent_echo:hs.test.evil", "@", "echo"];
const TEXTS = [
  ...["hello", "Echo: hello", "Guide, hello", `${ECHO_ID} hello`, "!stop", "!new\nhello", "/help", "!pair ABCD2345"],
  ...[
    "!allow @mallory:evil.test",
    "@room hi",
    "parrot",
    "`Echo: x`",
    "",
    " \n",
    "> <@a:b> x\n\nEcho: y",
    "!",
    "a".repeat(9_000),
  ],
  ...[
    "\ud800",
    "\0",
    "```\nEcho:",
    "<a href='matrix:u/agent_echo:hs.test'>",
    "[[[[",
    "((((",
    "🦜".repeat(100),
    "!new\r\n\r\n",
    "İ: x",
  ],
];
const HTML = [
  ...[
    `<a href="https://matrix.to/#/${ECHO_ID}">x</a>`,
    `<mx-reply><a href='matrix:u/agent_echo:hs.test'>`,
    "<a ".repeat(2_000),
  ],
  ...[
    "<blockquote>".repeat(500),
    `</code><pre><a href="https://matrix.to/#/%E0%A4%A">`,
    '<a href="https://matrix.to/#/%00">',
    "<",
  ],
];
const MSGTYPES = [
  "m.text",
  "m.text",
  "m.text",
  "m.text",
  "m.emote",
  "m.image",
  "m.notice",
  "m.key.verification.request",
  "org.x",
];
const TYPES = [
  ...["m.room.message", "m.room.message", "m.room.message", "m.room.message", "m.reaction", "m.room.redaction"],
  ...["m.room.encrypted", "m.room.member", "m.room.tombstone", "m.room.power_levels", "constructor", ""],
];
const KEYS = [
  "rel_type",
  "event_id",
  "key",
  "m.in_reply_to",
  "user_ids",
  "room",
  "msgtype",
  "body",
  "command",
  "kind",
  "__proto__",
];

/** Any JSON, of the words that mean something somewhere. */
function anything(dice: Dice, depth = 0): unknown {
  const some = (count: number) => Array.from({ length: dice.below(count) }, () => anything(dice, depth + 1));
  switch (dice.below(depth > 3 ? 5 : 8)) {
    case 0:
      return dice.pick(TEXTS);
    case 1:
      return dice.pick(IDS);
    case 2:
      return dice.pick([null, true, false, 0, -1, 1e308, 2 ** 53, 0.5]);
    case 3:
      return dice.pick(["$event", "!room", "🛑", "m.annotation", "m.thread", "m.replace", "reply", "invite", "leave"]);
    case 4:
      return undefined;
    case 5:
      return some(4);
    default:
      return Object.fromEntries(some(4).map((value) => [dice.pick(KEYS), value]));
  }
}

/** Mostly what a client would send, with anything in one place or another. */
function someContent(dice: Dice): Record<string, unknown> {
  const or = (value: unknown): unknown => (dice.oneIn(12) ? anything(dice) : value);
  const maybe = (key: string, value: () => unknown): object => (dice.oneIn(3) ? { [key]: or(value()) } : {});
  const relation = () => ({
    ...(dice.oneIn(2)
      ? { rel_type: or(dice.pick(["m.thread", "m.replace", "m.annotation"])), event_id: or("$event") }
      : {}),
    ...(dice.oneIn(2) ? { "m.in_reply_to": or({ event_id: "$before" }), is_falling_back: or(dice.oneIn(2)) } : {}),
    ...(dice.oneIn(2) ? { key: or("🛑") } : {}),
  });
  const mark = () => ({
    agent: "guide",
    turn: "t",
    part: 0,
    hop: or(dice.below(6)),
    kind: or(dice.pick(["reply", "draft", "notice"])),
  });
  return {
    ...{ msgtype: or(dice.pick(MSGTYPES)), body: or(dice.pick(TEXTS)) },
    ...maybe("m.mentions", () => ({ user_ids: [dice.pick(IDS), or(dice.pick(IDS))], room: or(dice.oneIn(2)) })),
    ...maybe("formatted_body", () => dice.pick(HTML)),
    ...maybe("format", () => "org.matrix.custom.html"),
    ...maybe("m.relates_to", relation),
    ...maybe("m.new_content", () => ({ msgtype: "m.text", body: dice.pick(TEXTS) })),
    ...maybe("chat.troupe", mark),
    ...maybe("m.bot.command", () => ({ command: dice.pick(["stop", "pair", "x"]), arguments: anything(dice) })),
    ...maybe("filename", () => "a.png"),
    ...maybe("org.bot", () => true),
    ...maybe("redacts", () => "$event"),
    ...maybe("replacement_room", () => "!new"),
    ...maybe("membership", () => dice.pick(["invite", "join", "leave"])),
  };
}

/** What some types need to say anything at all. */
const PROPER: Record<string, object> = {
  "m.reaction": { "m.relates_to": { rel_type: "m.annotation", event_id: "$event", key: "🛑" } },
  "m.room.member": { membership: "invite" },
};

const USERS = [[], ["local"], ["*"], ["@alice:hs.test"]];
const layerOf = (dice: Dice): Layer => ({
  users: dice.pick(USERS),
  admins: dice.pick(USERS),
  dm: dice.pick(["pairing", "allowlist", "open", "disabled"] as const),
  rooms: dice.pick(["open", "open", "allowlist", "disabled"] as const),
  bots: dice.pick([false, "mentions", true] as const),
  mention: !dice.oneIn(3),
  atRoom: dice.oneIn(2),
  power: dice.pick([0, 0, 50]),
  hops: dice.below(4),
  ignore: dice.oneIn(4) ? ["^@alice:"] : [],
  patterns: dice.oneIn(3) ? ["parrot", "(a+)+$"] : [],
  botMarkers: dice.oneIn(3) ? ["org.bot"] : [],
  prefix: dice.pick(["!", "!", "%"]),
});
/** Made once: what costs is to resolve them. */
const AGENTS = Array.from({ length: 200 }, (_, at) => layerOf(new Dice(at + 1)));
const READY = new Map([ECHO, GUIDE].map((id) => [id, AGENTS.map((layer) => concerned(id, layer))]));

const ones = (dice: Dice, id: AgentId): Concerned[] => {
  const one = dice.pick(READY.get(id) ?? []);
  return dice.oneIn(5) ? [] : [{ ...one, invitedDirectly: dice.oneIn(3), paired: dice.oneIn(3) }];
};
const SETTINGS = AGENTS.slice(0, 20).map((layer) => agentWith("echo", layer).settings);

function someFacts(dice: Dice, isOurs: boolean): Facts {
  const maybe = <T extends object>(value: () => T): T | object => (dice.oneIn(3) ? value() : {});
  const holder = () => UserId.parse(dice.pick(["@alice:hs.test", "@mallory:evil.test", GUIDE_ID]));
  const invited = () => ({
    direct: dice.oneIn(2),
    follows: dice.oneIn(4),
    paired: dice.oneIn(3),
    isMade: dice.oneIn(2),
    settings: dice.pick(SETTINGS),
  });
  return facts({
    ageMs: dice.pick([0, 900_000, 900_001, 1e12]),
    softFailed: dice.oneIn(20),
    sender: {
      isOurs,
      isLocal: dice.oneIn(2),
      power: dice.pick([-1, 0, 50, 100]),
      ...(isOurs && dice.oneIn(2) ? { agent: GUIDE } : {}),
    },
    room: {
      muted: dice.oneIn(8),
      joinedCount: 1 + dice.below(3),
      ...dice.pick([{}, {}, {}, { direct: true }, { direct: false }]),
    },
    present: [...ones(dice, ECHO), ...ones(dice, GUIDE)],
    ...maybe(() => ({ repliedAgent: dice.pick([ECHO, GUIDE]) })),
    ...maybe(() => ({ askedAgents: [ECHO] })),
    ...maybe(() => ({
      thread: { agent: ECHO, holder: holder(), shared: dice.oneIn(2), atMs: NOW_MS - dice.below(2) * 1e9 },
    })),
    ...maybe(() => ({ pairs: new Map([[ECHO, { sinceMs: NOW_MS, count: 20, restUntilMs: NOW_MS + 1 }]]) })),
    ...maybe(() => ({ bearsOurMark: dice.oneIn(4), echoes: dice.oneIn(2) })),
    ...maybe(() => ({ invited: { ...invited(), agent: ECHO } })),
    ...(dice.oneIn(20) ? { peopleLeft: false } : {}),
    askers: Array.from({ length: dice.below(3) }, () =>
      asker(dice.pick(["@alice:hs.test", "@mallory:evil.test"]), {
        isLocal: dice.oneIn(2),
        power: dice.pick([-1, 0, 50, 100]),
        paired: dice.oneIn(3) ? [ECHO] : [],
      }),
    ),
  });
}

/** A person who asks, themselves or through an agent. */
interface Someone {
  id: string;
  isLocal: boolean;
  power: number;
  paired: boolean;
}
const isAmong = (list: readonly string[], { id, isLocal }: Someone): boolean =>
  list.includes("*") || list.includes(id) || (isLocal && list.includes("local"));

/** Whether a sender may wake an agent, written independently of the gate. */
function mayWake(one: Concerned, sender: string, seen: Facts): boolean {
  const { agent, paired } = one;
  const { bots, ignore } = agent.settings;
  if (seen.room.muted || agent.id === seen.sender.agent) return false;
  const { isLocal, power, isOurs } = seen.sender;
  if (!isOurs) return mayAsk(one, { id: sender, isLocal, power, paired }, seen);
  const people = (seen.askers ?? []).map(({ person, paired: known }) => ({
    id: person.userId,
    isLocal: person.isLocal,
    power: person.power,
    paired: known.includes(agent.id),
  }));
  const isIgnored = ignore.length > 0 && sender.startsWith("@alice:");
  return bots !== false && !isIgnored && people.length > 0 && people.every((person) => mayAsk(one, person, seen));
}

function mayAsk({ agent, invitedDirectly }: Concerned, person: Someone, { room }: Facts): boolean {
  const { users, admins, dm, rooms, ignore, power } = agent.settings;
  if (ignore.length > 0 && person.id.startsWith("@alice:")) return false;
  const isKnown = person.paired || isAmong(users, person) || isAmong(admins, person);
  const isDirect = room.direct ?? (invitedDirectly && room.joinedCount < 3);
  if (isDirect) return dm !== "disabled" && (isKnown || dm === "open");
  // No room is on a list here.
  return rooms === "open" && isKnown && person.power >= power;
}

const wokenIn = (verdict: Verdict): readonly Woken[] => {
  if (verdict.kind === "wake" || verdict.kind === "too_old") return verdict.woken;
  return verdict.kind === "command" ? (verdict.then?.woken ?? []) : [];
};

function complaintsAbout(verdict: Verdict, event: ReturnType<typeof anEvent>, seen: Facts): string[] {
  const woken = wokenIn(verdict);
  const idOf = ({ concerned: { agent } }: Woken) => agent.id;
  const intruders = woken.filter(
    ({ concerned: one }) => !seen.present.includes(one) || !mayWake(one, event.sender, seen),
  );
  const ordered = verdict.kind === "command" ? verdict.concerned : [];
  const strangers = ordered.filter((one) => !seen.present.includes(one));
  const mark = event.content["chat.troupe"];
  const isFinished = typeof mark === "object" && mark !== null && "kind" in mark && mark.kind === "reply";
  const isEmpty = (verdict.kind === "wake" || verdict.kind === "too_old") && woken.length === 0;
  return [
    ...intruders.map((one) => `${idOf(one)} was woken`),
    ...strangers.map(({ agent }) => `${agent.id} was commanded`),
    ...(new Set(woken.map(idOf)).size < woken.length ? ["an agent was woken twice"] : []),
    ...(woken.some(({ text }) => text.trim() === "") ? ["an agent got an empty prompt"] : []),
    ...(isEmpty ? ["no agent was woken"] : []),
    ...(seen.sender.isOurs && woken.length > 0 && !isFinished ? ["an unfinished answer woke an agent"] : []),
    ...(seen.sender.isOurs && ["command", "stop", "redaction", "pair"].includes(verdict.kind)
      ? ["an agent of ours was obeyed"]
      : []),
    ...(seen.softFailed && verdict.kind !== "ignore" ? ["a soft-failed event had an effect"] : []),
  ];
}

function oneCase(seed: number): { kind: Verdict["kind"]; complaints: string[] } {
  const dice = new Dice(seed);
  const isOurs = dice.oneIn(5);
  const type = dice.pick(TYPES);
  const hasStateKey = type === "m.room.member" || type === "m.room.tombstone" || dice.oneIn(30);
  const event = anEvent({
    ...{
      type,
      event_id: anEventId(`$${seed}`),
      content: { ...someContent(dice), ...(dice.oneIn(2) ? PROPER[type] : {}) },
    },
    sender: isOurs ? GUIDE_ID : dice.pick(["@alice:hs.test", "@mallory:evil.test", "@alice:hs.test:1"]),
    ...(hasStateKey ? { state_key: dice.pick(["", ECHO_ID]) } : {}),
    unsigned: anything(dice),
    redacts: dice.oneIn(2) ? "$event" : undefined,
  });
  const seen = someFacts(dice, isOurs);
  needsOf(readMessage(event));
  const verdict = verdictOn(event, seen);
  return {
    kind: verdict.kind,
    complaints: complaintsAbout(verdict, event, seen).map((one) => `${seed}: ${one} (${inWords(verdict)})`),
  };
}

test(`of ${CASES} random cases none throws, and none wakes an agent that the sender may not wake`, () => {
  const kinds = new Map<Verdict["kind"], number>();
  const complaints: string[] = [];
  for (let seed = 1; seed <= CASES; seed++) {
    const one = oneCase(seed);
    kinds.set(one.kind, (kinds.get(one.kind) ?? 0) + 1);
    complaints.push(...one.complaints);
  }
  expect(complaints.slice(0, 5)).toEqual([]);
  // Every kind of verdict was given, and not by accident.
  const seldom = KINDS.filter((kind) => (kinds.get(kind) ?? 0) < 10);
  expect(seldom).toEqual([]);
});

const KINDS: Verdict["kind"][] = [
  ...([
    "wake",
    "too_old",
    "join",
    "decline",
    "stop",
    "redaction",
    "command",
    "pair",
    "encrypted",
    "follow",
    "depart",
    "ignore",
  ] as const),
];
