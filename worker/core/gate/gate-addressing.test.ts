/** Who is addressed without a mention: by a reply, in a thread of its own, where it listens to everything, in a direct chat. */
import { describe, expect, test } from "vitest";
import { aMessage } from "#testing/events.ts";
import {
  alone,
  both,
  concerned,
  ECHO,
  ECHO_ID,
  type FactsOver,
  facts,
  GUIDE,
  GUIDE_ID,
  GUIDE_SPEAKS,
  html,
  inDirectChat,
  inThread,
  inWords,
  mentions,
  NOW_MS,
  ourMark,
  pill,
  repliesTo,
  verdictOn,
} from "#testing/gate-facts.ts";
import { UserId } from "../protocol/ids.ts";
import type { Facts, ThreadHold } from "./facts.ts";

const NOBODY = "ignore not_addressed";
type Row = [name: string, body: string, content: Record<string, unknown>, seen: Facts, expected: string];
const check = ([, body, content, seen, expected]: Row) =>
  expect(inWords(verdictOn(aMessage(body, { content }), seen))).toBe(expected);

const TO_ECHO = facts({ repliedAgent: ECHO });
const TO_GUIDE = facts({ repliedAgent: GUIDE });
const TO_BOB = facts();

describe("a reply", () => {
  test.for<Row>([
    ["to an agent wakes it", "why?", repliesTo(), TO_ECHO, "wake echo by reply"],
    ["to the other wakes the other only", "why?", repliesTo(), TO_GUIDE, "wake guide by reply"],
    ["to a person wakes nobody", "why?", repliesTo(), TO_BOB, NOBODY],
    ["to an agent that has left wakes nobody", "why?", repliesTo(), alone({}, { repliedAgent: GUIDE }), NOBODY],
    [
      "with Element's mention of the agent",
      "why?",
      { ...repliesTo(), ...mentions(ECHO_ID) },
      TO_ECHO,
      "wake echo by mention",
    ],
    ["with empty mentions still wakes", "why?", { ...repliesTo(), "m.mentions": {} }, TO_ECHO, "wake echo by reply"],
    [
      "with a mention of Bob still wakes",
      "why?",
      { ...repliesTo(), ...mentions("@bob:hs.test") },
      TO_ECHO,
      "wake echo by reply",
    ],
    [
      "with a mention of another agent wakes that one",
      "why?",
      { ...repliesTo(), ...mentions(GUIDE_ID) },
      TO_ECHO,
      "wake guide by mention",
    ],
    [
      "with both mentioned wakes both",
      "why?",
      { ...repliesTo(), ...mentions(ECHO_ID, GUIDE_ID) },
      TO_ECHO,
      "wake echo by mention, guide by mention",
    ],
    [
      "with another's pill wakes that one",
      "why?",
      { ...repliesTo(), ...pill(GUIDE_ID) },
      TO_ECHO,
      "wake guide by mention",
    ],
    ["with another's name wakes that one", "Guide: why?", repliesTo(), TO_ECHO, "wake guide by mention"],
    [
      "to a person with an agent's mention wakes it",
      "why?",
      { ...repliesTo(), ...mentions(ECHO_ID) },
      TO_BOB,
      "wake echo by mention",
    ],
    [
      "to a person that mentions the person (rust-sdk #3314)",
      "why?",
      { ...repliesTo(), ...mentions("@bob:hs.test") },
      TO_BOB,
      NOBODY,
    ],
    ["whose fallback quotes the agent's id", `> <@bob:hs.test> ${ECHO_ID} hello\n\nwhy?`, repliesTo(), TO_BOB, NOBODY],
    ["whose fallback is the agent's", `> <${ECHO_ID}> hello\n\nwhy?`, repliesTo(), TO_BOB, NOBODY],
    ["whose fallback quotes an emote", `> * <${ECHO_ID}> waves\n\nwhy?`, repliesTo(), TO_BOB, NOBODY],
    ["whose fallback begins with the name", "> <@bob:hs.test> Echo: hello\n\nwhy?", repliesTo(), TO_BOB, NOBODY],
    [
      "whose text is behind a fallback",
      "> <@bob:hs.test> hello\n\nEcho: why?",
      repliesTo(),
      TO_BOB,
      "wake echo by mention",
    ],
    ["whose quotation is no fallback", `> ${ECHO_ID} said\n\nwhy?`, repliesTo(), TO_BOB, "wake echo by mention"],
    ["that is none keeps its quotation", `> <@bob:hs.test> ${ECHO_ID}\n\nwhy?`, {}, TO_BOB, "wake echo by mention"],
    [
      "whose HTML fallback has the agent's pill",
      "why?",
      {
        ...repliesTo(),
        ...html(`<mx-reply><blockquote><a href="matrix:u/agent_echo:hs.test">E</a></blockquote></mx-reply>why?`),
      },
      TO_BOB,
      NOBODY,
    ],
    ["that is nothing but a fallback", "> <@bob:hs.test> hello\n", repliesTo(), TO_ECHO, "ignore no_text"],
  ])("%s", check);
});

const held = (over: Partial<ThreadHold> = {}): { thread: ThreadHold } => ({
  thread: { agent: ECHO, holder: UserId.parse("@alice:hs.test"), shared: false, atMs: NOW_MS - 60_000, ...over },
});
const HOUR_MS = 3_600_000;
const BY_THREAD = "wake echo by thread";
/** A client that shows no threads shows the last message as replied to; that is not what the person meant. */
const REPLY_IN_THREAD = inThread("$root", { is_falling_back: false });

describe("a thread", () => {
  test.for<Row>([
    ["nobody holds", "and?", inThread(), facts(), NOBODY],
    ["that begins at the agent's message", "and?", inThread(), TO_ECHO, BY_THREAD],
    ["that begins at it, with sticky: 0", "and?", inThread(), both({ sticky: 0 }, { repliedAgent: ECHO }), NOBODY],
    [
      "that began at it, and somebody else spoke in",
      "and?",
      inThread(),
      facts({ repliedAgent: ECHO, ...held({ shared: true }) }),
      NOBODY,
    ],
    ["the agent holds with Alice", "and?", inThread(), facts(held()), BY_THREAD],
    ["the other agent holds", "and?", inThread(), facts(held({ agent: GUIDE })), "wake guide by thread"],
    ["that is shared", "and?", inThread(), facts(held({ shared: true })), NOBODY],
    ["that Bob holds", "and?", inThread(), facts(held({ holder: UserId.parse("@bob:hs.test") })), NOBODY],
    ["that a longer id holds", "and?", inThread(), facts(held({ holder: UserId.parse("@alice:hs.test2") })), NOBODY],
    ["held for a day less a moment", "and?", inThread(), facts(held({ atMs: NOW_MS - 24 * HOUR_MS + 1 })), BY_THREAD],
    ["held for a day", "and?", inThread(), facts(held({ atMs: NOW_MS - 24 * HOUR_MS })), NOBODY],
    [
      "with sticky: 1, within it",
      "and?",
      inThread(),
      both({ sticky: 1 }, held({ atMs: NOW_MS - HOUR_MS + 1 })),
      BY_THREAD,
    ],
    ["with sticky: 1, beyond it", "and?", inThread(), both({ sticky: 1 }, held({ atMs: NOW_MS - HOUR_MS })), NOBODY],
    ["with sticky: 0", "and?", inThread(), both({ sticky: 0 }, held({ atMs: NOW_MS })), NOBODY],
    ["with sticky: 720", "and?", inThread(), both({ sticky: 720 }, held({ atMs: NOW_MS - 700 * HOUR_MS })), BY_THREAD],
    ["whose agent has left", "and?", inThread(), alone({}, held({ agent: GUIDE })), NOBODY],
    ["said outside of it", "and?", {}, facts(held()), NOBODY],
    ["with empty mentions", "and?", { ...inThread(), "m.mentions": {} }, facts(held()), BY_THREAD],
    ["with a mention of Bob", "and?", { ...inThread(), ...mentions("@bob:hs.test") }, facts(held()), NOBODY],
    ["with Bob's pill", "and?", { ...inThread(), ...pill("@bob:hs.test") }, facts(held()), NOBODY],
    ["with Bob's id", "@bob:hs.test and?", inThread(), facts(held()), NOBODY],
    [
      "with a mention of the other agent",
      "and?",
      { ...inThread(), ...mentions(GUIDE_ID) },
      facts(held()),
      "wake guide by mention",
    ],
    [
      "with a mention of the same agent",
      "and?",
      { ...inThread(), ...mentions(ECHO_ID) },
      facts(held()),
      "wake echo by mention",
    ],
    [
      "with a reply to the other agent in it",
      "and?",
      REPLY_IN_THREAD,
      facts({ ...held(), repliedAgent: GUIDE }),
      "wake guide by reply",
    ],
    ["with a reply to Bob in it", "and?", REPLY_IN_THREAD, facts(held()), BY_THREAD],
    ["whose hold comes before listening", "and?", inThread(), both({ mention: false }, held()), BY_THREAD],
    [
      "that is shared, where both listen",
      "and?",
      inThread(),
      both({ mention: false }, held({ shared: true })),
      "wake echo by listening, guide by listening",
    ],
    [
      "for a stranger who took the holder's place",
      "and?",
      inThread(),
      facts({ ...held(), sender: { isLocal: false } }),
      "ignore not_permitted, about echo",
    ],
    [
      "for an agent of ours",
      "and?",
      { ...inThread(), ...ourMark() },
      both({ bots: true }, { ...held(), sender: GUIDE_SPEAKS }),
      "ignore own_event",
    ],
  ])("%s", check);

  test.for<Row>([
    ["no reply", "hello", inThread(), facts(), NOBODY],
    [
      "no reply to an agent's last word",
      "hello",
      inThread("$root", { "m.in_reply_to": { event_id: "$of_agent" } }),
      facts(),
      NOBODY,
    ],
    ["a reply where it says so", "why?", REPLY_IN_THREAD, TO_ECHO, "wake echo by reply"],
    [
      "a reply where it says nothing",
      "why?",
      inThread("$root", { is_falling_back: undefined }),
      TO_ECHO,
      "wake echo by reply",
    ],
  ])("its fallback is %s", check);
});

const LISTENING = "wake echo by listening, guide by listening";
const ONE_LISTENS = facts({ present: [concerned("echo", { mention: false }), concerned("guide")] });

describe("an agent that listens to everything (mention: false)", () => {
  test.for<Row>([
    ["is woken by a plain word", "hello", {}, alone({ mention: false }), "wake echo by listening"],
    ["is woken beside another that listens", "hello", {}, both({ mention: false }), LISTENING],
    ["is woken alone where the other does not", "hello", {}, ONE_LISTENS, "wake echo by listening"],
    ["is not woken by a mention of the other", "hello", mentions(GUIDE_ID), ONE_LISTENS, "wake guide by mention"],
    [
      "is not woken by a reply to the other",
      "why?",
      repliesTo(),
      { ...ONE_LISTENS, repliedAgent: GUIDE },
      "wake guide by reply",
    ],
    ["is not woken by a mention of Bob", "hello", mentions("@bob:hs.test"), alone({ mention: false }), NOBODY],
    ["is not woken by Bob's pill", "hello", pill("@bob:hs.test"), alone({ mention: false }), NOBODY],
    ["is not woken by Bob's id", "@bob:hs.test hello", {}, alone({ mention: false }), NOBODY],
    [
      "is woken by Bob's name, who is nobody we know",
      "Bob: hello",
      {},
      alone({ mention: false }),
      "wake echo by listening",
    ],
    ["is woken by empty mentions", "hello", { "m.mentions": {} }, alone({ mention: false }), "wake echo by listening"],
    ["is woken by @room, which is everybody", "@room hello", {}, alone({ mention: false }), "wake echo by listening"],
    [
      "is woken by a mention of Bob and itself",
      "hello",
      mentions("@bob:hs.test", ECHO_ID),
      alone({ mention: false }),
      "wake echo by mention",
    ],
    ["is woken by a mention in code", "`@bob:hs.test`", {}, alone({ mention: false }), "wake echo by listening"],
    ["is woken in somebody's thread", "hello", inThread(), alone({ mention: false }), "wake echo by listening"],
    [
      "is not woken by a stranger",
      "hello",
      {},
      alone({ mention: false, users: ["@bob:hs.test"] }),
      "ignore not_permitted, about echo",
    ],
    ["does not listen by default", "hello", {}, alone(), NOBODY],
  ])("%s", check);
});

const chat = (over: FactsOver = {}) => inDirectChat({}, over);
const plainRoom = (joinedCount: number, invitedDirectly: boolean, direct?: boolean) =>
  alone({}, { room: { joinedCount, ...(direct === undefined ? {} : { direct }) } }, { invitedDirectly });

describe("a direct chat", () => {
  const DIRECT = "wake echo by direct";
  test.for<Row>([
    ["is where it was invited to one", "hello", {}, chat(), DIRECT],
    ["is where nobody else has come yet", "hello", {}, plainRoom(1, true), DIRECT],
    ["is no room of two (OpenClaw #17771, Hermes #54461)", "hello", {}, plainRoom(2, false), NOBODY],
    ["is no room of one", "hello", {}, plainRoom(1, false), NOBODY],
    ["is none any more with a third (OpenClaw #85017)", "hello", {}, plainRoom(3, true), NOBODY],
    ["is where an operator says so", "hello", {}, plainRoom(2, false, true), DIRECT],
    ["is none where an operator says that it is none", "hello", {}, plainRoom(2, true, false), NOBODY],
    ["is where an operator says so, of any size", "hello", {}, plainRoom(3, false, true), DIRECT],
    ["asks for no mention", "hello", { "m.mentions": {} }, chat(), DIRECT],
    ["wakes by a mention of somebody else", "hello", mentions("@bob:hs.test"), chat(), DIRECT],
    ["wakes by its name in the sentence", "I like Echo", {}, chat(), DIRECT],
    ["knows a mention", "hello", mentions(ECHO_ID), chat(), "wake echo by mention"],
    ["knows a reply", "why?", repliesTo(), chat({ repliedAgent: ECHO }), "wake echo by reply"],
    ["comes before a thread", "and?", inThread(), chat(held()), DIRECT],
    ["comes before listening", "hello", {}, inDirectChat({ mention: false }), DIRECT],
  ])("%s", check);

  test("is one with the agent that was invited so, not with the other", () => {
    const present = [concerned("echo", {}, { invitedDirectly: true }), concerned("guide")];
    const seen = facts({ present, room: { joinedCount: 2 } });
    expect(inWords(verdictOn(aMessage("hello"), seen))).toBe("wake echo by direct");
  });

  test("is told to the turn", () => {
    const direct = (seen: Facts) => {
      const verdict = verdictOn(aMessage("hello", { content: mentions(ECHO_ID) }), seen);
      return verdict.kind === "wake" && verdict.woken.map(({ conversation }) => conversation.direct);
    };
    expect(direct(chat())).toEqual([true]);
    expect(direct(plainRoom(2, false))).toEqual([false]);
    expect(direct(plainRoom(3, true))).toEqual([false]);
  });
});

describe("a wake", () => {
  test("is whole", () => {
    const [echo, guide] = [concerned("echo"), concerned("guide")];
    expect(verdictOn(aMessage("Echo: hello"), facts({ present: [echo, guide] }))).toEqual({
      kind: "wake",
      woken: [
        {
          concerned: echo,
          because: "mention",
          text: "hello",
          conversation: {
            agent: echo.agent,
            origin: "!room",
            sender: "@alice:hs.test",
            direct: false,
            opened: false,
            answersIn: undefined,
          },
          isCounted: false,
        },
      ],
      hop: 0,
    });
  });
  test("wakes those that may and passes over the others", () => {
    const present = [concerned("echo", { users: [] }), concerned("guide")];
    const event = aMessage("hello", { content: mentions(ECHO_ID, GUIDE_ID) });
    expect(inWords(verdictOn(event, facts({ present })))).toBe("wake guide by mention");
  });
  test("names the first that may not where none may", () => {
    const present = [concerned("echo", { users: [] }), concerned("guide", { rooms: "disabled" })];
    const event = aMessage("hello", { content: mentions(ECHO_ID, GUIDE_ID) });
    expect(inWords(verdictOn(event, facts({ present })))).toBe("ignore not_permitted, about echo");
  });
});
