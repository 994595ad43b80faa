/** Our own agents and other bots, and the limits that keep them from answering each other without end. */
import { describe, expect, test } from "vitest";
import { aMessage } from "#testing/events.ts";
import {
  alone,
  asker,
  both,
  concerned,
  ECHO,
  ECHO_ID,
  type FactsOver,
  facts,
  GUIDE,
  GUIDE_ID,
  GUIDE_SPEAKS,
  inDirectChat,
  inThread,
  inWords,
  mentions,
  NOW_MS,
  ourMark,
  repliesTo,
  verdictOn,
} from "#testing/gate-facts.ts";
import type { PairCount } from "../access/pair-guard.ts";
import type { Layer } from "../configuration/settings.ts";
import type { AgentId } from "../protocol/ids.ts";
import type { Facts } from "./facts.ts";

type Bots = Layer["bots"];
const BY_GUIDE = { sender: GUIDE_ID };

/** The verdict on a complete answer of Guide, in a room where both agents have the same settings. */
const guideSays = (content: Record<string, unknown>, bots: Bots, over: FactsOver = {}): string =>
  inWords(
    verdictOn(
      aMessage("hello", { ...BY_GUIDE, content: { ...ourMark(), ...content } }),
      both({ bots }, { sender: GUIDE_SPEAKS, ...over }),
    ),
  );

describe("an agent of ours", () => {
  const OWN = "ignore own_event";
  const OWN_ABOUT = "ignore own_event, about echo";
  test.for<[name: string, bots: Bots, content: Record<string, unknown>, over: FactsOver, expected: string]>([
    ["is not heard by default", false, mentions(ECHO_ID), {}, OWN_ABOUT],
    ["is not heard when it replies, by default", false, repliesTo(), { repliedAgent: ECHO }, OWN_ABOUT],
    ["is heard when it mentions, with mentions", "mentions", mentions(ECHO_ID), {}, "wake echo by mention"],
    ["is heard when it replies, with mentions", "mentions", repliesTo(), { repliedAgent: ECHO }, "wake echo by reply"],
    ["is not heard when it says something, with mentions", "mentions", {}, {}, OWN],
    ["is not heard in a room's direct chat, with mentions", "mentions", {}, { room: { direct: true } }, OWN_ABOUT],
    ["is heard when it mentions, with true", true, mentions(ECHO_ID), {}, "wake echo by mention"],
    ["is heard in a direct chat, with true", true, {}, { room: { direct: true } }, "wake echo by direct"],
    ["is not heard when it addresses no agent, with true", true, {}, {}, OWN],
    ["does not wake itself", true, mentions(GUIDE_ID), {}, OWN],
    ["does not wake itself by a reply to itself", true, repliesTo(), { repliedAgent: GUIDE }, OWN],
    ["wakes the other when it mentions both", true, mentions(GUIDE_ID, ECHO_ID), {}, "wake echo by mention"],
    ["is not heard in a muted room", true, mentions(ECHO_ID), { room: { muted: true } }, "ignore muted, about echo"],
    ["is not heard with a draft", true, { ...mentions(ECHO_ID), ...ourMark({ kind: "draft" }) }, {}, OWN],
    [
      "is not heard with a notice of the bridge",
      true,
      { ...mentions(ECHO_ID), ...ourMark({ kind: "notice" }) },
      {},
      OWN,
    ],
    ["is not heard without a mark", true, { ...mentions(ECHO_ID), "chat.troupe": undefined }, {}, OWN],
    ["is not heard with a mark that cannot be read", true, { ...mentions(ECHO_ID), ...ourMark({ turn: 5 }) }, {}, OWN],
    ["is not heard as a notice", true, { ...mentions(ECHO_ID), msgtype: "m.notice" }, {}, "ignore notice"],
    ["is not heard when it is the bot", true, mentions(ECHO_ID), { sender: { isOurs: true } }, OWN],
    [
      "is answered, not obeyed, when it says a command",
      true,
      { body: "!stop", ...mentions(ECHO_ID) },
      {},
      "wake echo by mention",
    ],
    ["is not obeyed when it sends a structured command", "mentions", { "m.bot.command": { command: "stop" } }, {}, OWN],
  ])("%s", ([, bots, content, over, expected]) => expect(guideSays(content, bots, over)).toBe(expected));

  test("need not be on `users` nor have power, but `ignore` and the rooms' settings hold for it", () => {
    const event = aMessage("hello", { ...BY_GUIDE, content: { ...ourMark(), ...mentions(ECHO_ID) } });
    const judged = (layer: Layer) =>
      inWords(
        verdictOn(
          event,
          both({ bots: true, ...layer }, { sender: GUIDE_SPEAKS, askers: [asker("@alice:hs.test", { power: 50 })] }),
        ),
      );
    expect(judged({ users: ["@alice:hs.test"] })).toBe("wake echo by mention");
    expect(judged({ power: 50 })).toBe("wake echo by mention");
    expect(judged({ ignore: ["^@agent_"] })).toBe("ignore ignored_sender, about echo");
    expect(judged({ rooms: "disabled" })).toBe("ignore rooms_disabled, about echo");
    expect(judged({ rooms: "allowlist" })).toBe("ignore room_not_allowed, about echo");
  });

  test.for<[name: string, askers: Facts["askers"], layer: Layer, expected: string]>([
    ["who may", [asker("@alice:hs.test")], {}, "wake echo by mention"],
    ["who may not", [asker("@mallory:hs.test")], {}, "ignore asker_not_permitted, about echo"],
    [
      "of whom one may not",
      [asker("@alice:hs.test"), asker("@mallory:hs.test")],
      {},
      "ignore asker_not_permitted, about echo",
    ],
    ["who was let in", [asker("@bob:hs.test", { paired: [ECHO] })], {}, "wake echo by mention"],
    [
      "who was let in to another agent",
      [asker("@bob:hs.test", { paired: [GUIDE] })],
      {},
      "ignore asker_not_permitted, about echo",
    ],
    ["without the power", [asker("@alice:hs.test")], { power: 50 }, "ignore asker_not_permitted, about echo"],
    ["whom it ignores", [asker("@alice:hs.test")], { ignore: ["^@alice:"] }, "ignore asker_not_permitted, about echo"],
    [
      "of another server",
      [asker("@x:evil.test", { isLocal: false })],
      { users: ["local"] },
      "ignore asker_not_permitted, about echo",
    ],
    ["nobody knows", undefined, {}, "ignore asker_unknown, about echo"],
    ["who are none", [], {}, "ignore asker_unknown, about echo"],
  ])("speaks for people, and reaches what all of them may reach: for one %s", ([, askers, layer, expected]) => {
    const event = aMessage("hello", { ...BY_GUIDE, content: { ...ourMark(), ...mentions(ECHO_ID) } });
    const { askers: _, ...seen } = both({ bots: true, users: ["@alice:hs.test"], ...layer }, { sender: GUIDE_SPEAKS });
    expect(inWords(verdictOn(event, askers ? { ...seen, askers } : seen))).toBe(expected);
  });

  test("that an operator lists as a bot of another bridge is its own person", () => {
    const event = aMessage("hello", { sender: "@bot:else.test", content: mentions(ECHO_ID) });
    const judged = (users: string[]) =>
      inWords(
        verdictOn(
          event,
          both({ bots: true, botUsers: ["@bot:else.test"], users }, { askers: [asker("@mallory:hs.test")] }),
        ),
      );
    expect(judged(["@bot:else.test"])).toBe("wake echo by mention");
    expect(judged([])).toBe("ignore not_permitted, about echo");
  });

  test("is heard in the edit that ends its answer, by the new content", () => {
    const edit = (kind: string, fresh: Record<string, unknown>) => ({
      ...{ ...ourMark({ kind }), "m.relates_to": { rel_type: "m.replace", event_id: "$draft" } },
      "m.new_content": { msgtype: "m.text", body: "hello", ...fresh },
    });
    expect(guideSays(edit("reply", mentions(ECHO_ID)), "mentions")).toBe("wake echo by mention");
    expect(guideSays(edit("draft", mentions(ECHO_ID)), "mentions")).toBe("ignore own_event");
    expect(guideSays({ ...edit("reply", { "m.mentions": {} }), ...mentions(ECHO_ID) }, "mentions")).toBe(
      "ignore own_event",
    );
  });

  test("is counted with one hop more than its mark says", () => {
    const verdict = verdictOn(
      aMessage("hi", { ...BY_GUIDE, content: { ...ourMark({ hop: 2 }), ...mentions(ECHO_ID) } }),
      both({ bots: "mentions" }, { sender: GUIDE_SPEAKS }),
    );
    expect(verdict).toMatchObject({
      kind: "wake",
      woken: [{ concerned: { agent: { id: "echo" } }, because: "mention", text: "hi", isCounted: true }],
      hop: 3,
    });
  });
});

describe("the hop limit", () => {
  const LIMIT = "ignore hop_limit, about echo";
  const WOKEN = "wake echo by mention";
  test.for<[name: string, hops: number, hop: unknown, expected: string]>([
    ["4, the first answer", 4, 0, WOKEN],
    ["4, the third", 4, 3, WOKEN],
    ["4, the fourth, which would wake the fifth", 4, 4, LIMIT],
    ["4, far beyond", 4, 1_000, LIMIT],
    ["1, the first", 1, 0, WOKEN],
    ["1, the second", 1, 1, LIMIT],
    ["0, any", 0, 0, LIMIT],
    ["4, a count that cannot be read", 4, "many", WOKEN],
    ["4, a negative count", 4, -5, WOKEN],
    ["4, a count that is no integer", 4, 3.5, WOKEN],
    ["4, a count above the limit of JSON in events", 4, 2 ** 60, WOKEN],
  ])("hops: %s: $3", ([, hops, hop, expected]) => {
    const event = aMessage("hello", { ...BY_GUIDE, content: { ...ourMark({ hop }), ...mentions(ECHO_ID) } });
    expect(inWords(verdictOn(event, both({ bots: true, hops }, { sender: GUIDE_SPEAKS })))).toBe(expected);
  });

  test("does not count a message of a user, even with a mark", () => {
    const event = aMessage("hello", { content: { ...ourMark({ hop: 99 }), ...mentions(ECHO_ID) } });
    expect(verdictOn(event, facts())).toMatchObject({ kind: "wake", hop: 0 });
  });
  test("counts a message of another Troupe's agent that `botUsers` lists", () => {
    const event = aMessage("hello", {
      sender: "@agent_x:other.test",
      content: { ...ourMark({ hop: 1 }), ...mentions(ECHO_ID) },
    });
    const layer: Layer = { users: ["*"], botUsers: ["@agent_*:other.test"], bots: true };
    expect(verdictOn(event, alone(layer))).toMatchObject({ kind: "wake", hop: 2 });
    expect(inWords(verdictOn(event, alone({ ...layer, hops: 1 })))).toBe(LIMIT);
  });
});

describe("another bot", () => {
  const BOT = "ignore bot, about echo";
  const LIST: Layer = { users: ["*"], botUsers: ["@otherbot:other.test"] };
  const MARKED: Layer = { users: ["*"], botMarkers: ["org.example.bot"] };
  const MARK = { "org.example.bot": true };
  test.for<[name: string, layer: Layer, content: Record<string, unknown>, over: FactsOver, expected: string]>([
    ["by list, by default", LIST, mentions(ECHO_ID), {}, BOT],
    ["by list, with false", { ...LIST, bots: false }, mentions(ECHO_ID), {}, BOT],
    ["by list, with mentions", { ...LIST, bots: "mentions" }, mentions(ECHO_ID), {}, "wake echo by mention"],
    [
      "by list, replying, with mentions",
      { ...LIST, bots: "mentions" },
      repliesTo(),
      { repliedAgent: ECHO },
      "wake echo by reply",
    ],
    ["by list, without a mention, with mentions", { ...LIST, bots: "mentions", mention: false }, {}, {}, BOT],
    [
      "by list, without a mention, with true",
      { ...LIST, bots: true, mention: false },
      {},
      {},
      "wake echo by listening",
    ],
    [
      "by list, with true, but not among the users",
      { ...LIST, bots: true, users: ["local"] },
      mentions(ECHO_ID),
      { sender: { isLocal: false } },
      "ignore not_permitted, about echo",
    ],
    ["by a pattern of the list", { users: ["*"], botUsers: ["@*bot:*"] }, mentions(ECHO_ID), {}, BOT],
    ["by mark, by default", MARKED, { ...mentions(ECHO_ID), ...MARK }, {}, BOT],
    ["by mark, also when the mark is false", MARKED, { ...mentions(ECHO_ID), "org.example.bot": false }, {}, BOT],
    [
      "by mark, with mentions",
      { ...MARKED, bots: "mentions" },
      { ...mentions(ECHO_ID), ...MARK },
      {},
      "wake echo by mention",
    ],
    ["without the mark", MARKED, mentions(ECHO_ID), {}, "wake echo by mention"],
    [
      "with a mark named like a property of objects",
      { users: ["*"], botMarkers: ["constructor"] },
      mentions(ECHO_ID),
      {},
      "wake echo by mention",
    ],
    ["that no setting names", { users: ["*"] }, mentions(ECHO_ID), {}, "wake echo by mention"],
    ["saying a command, by default", LIST, { body: "!stop" }, {}, "ignore not_addressed"],
    [
      "saying a command to an agent, with true",
      { ...LIST, bots: true },
      { body: "!stop", ...mentions(ECHO_ID) },
      {},
      "wake echo by mention",
    ],
    [
      "holding a thread, with mentions",
      { ...LIST, bots: "mentions" },
      inThread(),
      {
        thread: {
          agent: ECHO,
          holder: aMessage("x", { sender: "@otherbot:other.test" }).sender,
          shared: false,
          atMs: NOW_MS,
        },
      },
      BOT,
    ],
  ])("%s: $4", ([, layer, content, over, expected]) => {
    const event = aMessage("hello", { sender: "@otherbot:other.test", content });
    expect(inWords(verdictOn(event, alone(layer, over)))).toBe(expected);
  });

  test("is a bot for the agents whose settings name it, and a user for the others", () => {
    const present = [concerned("echo", LIST), concerned("guide", { users: ["*"] })];
    const event = aMessage("hello", { sender: "@otherbot:other.test", content: mentions(ECHO_ID, GUIDE_ID) });
    expect(inWords(verdictOn(event, facts({ present })))).toBe("wake guide by mention");
  });
});

const pairs = (agent: AgentId, count: Partial<PairCount>): { pairs: ReadonlyMap<AgentId, PairCount> } => ({
  pairs: new Map([[agent, { sinceMs: NOW_MS - 10_000, count: 20, restUntilMs: 0, ...count }]]),
});

describe("the pair guard", () => {
  const RESTS = "ignore pair_guard, about echo";
  const WOKEN = "wake echo by mention";
  test.for<[name: string, over: FactsOver, expected: string]>([
    ["lets a sender wake the agent when nothing was counted", {}, WOKEN],
    ["lets a sender wake the agent after nineteen", pairs(ECHO, { count: 19 }), WOKEN],
    ["ignores a sender for a minute", pairs(ECHO, { restUntilMs: NOW_MS + 60_000 }), RESTS],
    ["ignores a sender until the last millisecond", pairs(ECHO, { restUntilMs: NOW_MS + 1 }), RESTS],
    ["lets a sender wake the agent after the minute", pairs(ECHO, { restUntilMs: NOW_MS }), WOKEN],
    [
      "lets a sender wake the agent that only another agent ignores",
      pairs(GUIDE, { restUntilMs: NOW_MS + 60_000 }),
      WOKEN,
    ],
  ])("%s", ([, over, expected]) => expect(guideSays(mentions(ECHO_ID), true, over)).toBe(expected));

  test.for<[name: string, content: Record<string, unknown>, layer: Layer, expected: string, counted: boolean]>([
    ["hears a user who mentions the agent", mentions(ECHO_ID), {}, WOKEN, false],
    ["hears a user who mentions the agent, with mention: false", mentions(ECHO_ID), { mention: false }, WOKEN, false],
    ["ignores a sender without a mention, with mention: false", {}, { mention: false }, RESTS, true],
    ["ignores a sender who only replies (400 messages in 130 minutes)", repliesTo(), {}, RESTS, true],
    ["hears a user in a direct chat", {}, { mention: true }, "wake echo by direct", false],
  ])("%s", ([, content, layer, expected, counted]) => {
    const resting = pairs(ECHO, { restUntilMs: NOW_MS + 60_000 });
    const seen = (over: FactsOver) =>
      expected.endsWith("direct") ? inDirectChat(layer, over) : alone(layer, { repliedAgent: ECHO, ...over });
    const event = aMessage("hello", { content });
    expect(inWords(verdictOn(event, seen(resting)))).toBe(expected);
    expect(verdictOn(event, seen({}))).toMatchObject({ kind: "wake", woken: [{ isCounted: counted }] });
  });
});

describe("an echo", () => {
  const said = (content: Record<string, unknown>, seen: Facts): string =>
    inWords(verdictOn(aMessage("as I said before", { sender: "@_irc_alice:hs.test", content }), seen));
  test.for<[name: string, content: Record<string, unknown>, seen: Facts, expected: string]>([
    ["is ignored without a mention", {}, alone({ mention: false }, { echoes: true }), "ignore echo, about echo"],
    [
      "is heard with a mention: a user may repeat a message",
      mentions(ECHO_ID),
      alone({}, { echoes: true }),
      "wake echo by mention",
    ],
    ["is ignored as a reply", repliesTo(), alone({}, { echoes: true, repliedAgent: ECHO }), "ignore echo, about echo"],
    [
      "is ignored in a room with direct: true",
      {},
      alone({}, { echoes: true, room: { direct: true } }),
      "ignore echo, about echo",
    ],
    ["is heard in a direct chat", {}, inDirectChat({}, { echoes: true }), "wake echo by direct"],
    [
      "is only a message that repeats an agent's",
      {},
      alone({ mention: false }, { echoes: false }),
      "wake echo by listening",
    ],
    [
      "is a message of a user with our mark",
      { ...ourMark(), ...mentions(ECHO_ID) },
      facts({ bearsOurMark: true }),
      "ignore echo",
    ],
    [
      "is a message of a user with our mark, also in a direct chat",
      ourMark(),
      inDirectChat({ bots: true }, { bearsOurMark: true }),
      "ignore echo",
    ],
    [
      "is a command of a user with our mark",
      { ...ourMark(), body: "!stop" },
      facts({ bearsOurMark: true }),
      "ignore echo",
    ],
  ])("%s: $3", ([, content, seen, expected]) => expect(said(content, seen)).toBe(expected));
});
