/** Which agents are addressed without a mention: by a reply, in a direct chat, or because the agent listens to every message. */
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
  html,
  inDirectChat,
  inThread,
  inWords,
  mentions,
  NOW_MS,
  pill,
  repliesTo,
  verdictOn,
} from "#testing/gate-facts.ts";
import { UserId } from "../protocol/ids.ts";
import type { Facts, ThreadHold } from "./facts.ts";

const NONE = "ignore not_addressed";
type Row = [name: string, body: string, content: Record<string, unknown>, seen: Facts, expected: string];
const verdictIs = ([, body, content, seen, expected]: Row) =>
  expect(inWords(verdictOn(aMessage(body, { content }), seen))).toBe(expected);

const TO_ECHO = facts({ repliedAgent: ECHO });
const TO_GUIDE = facts({ repliedAgent: GUIDE });
const TO_BOB = facts();

describe("a reply", () => {
  test.for<Row>([
    ["to an agent wakes it", "why?", repliesTo(), TO_ECHO, "wake echo by reply"],
    ["to the other wakes the other only", "why?", repliesTo(), TO_GUIDE, "wake guide by reply"],
    ["to a user wakes no agent", "why?", repliesTo(), TO_BOB, NONE],
    ["to an agent that has left wakes no agent", "why?", repliesTo(), alone({}, { repliedAgent: GUIDE }), NONE],
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
      NONE,
    ],
    ["whose fallback quotes the agent's id", `> <@bob:hs.test> ${ECHO_ID} hello\n\nwhy?`, repliesTo(), TO_BOB, NONE],
    ["whose fallback is the agent's", `> <${ECHO_ID}> hello\n\nwhy?`, repliesTo(), TO_BOB, NONE],
    ["whose fallback quotes an emote", `> * <${ECHO_ID}> waves\n\nwhy?`, repliesTo(), TO_BOB, NONE],
    ["whose fallback begins with the name", "> <@bob:hs.test> Echo: hello\n\nwhy?", repliesTo(), TO_BOB, NONE],
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
      NONE,
    ],
    ["that is nothing but a fallback", "> <@bob:hs.test> hello\n", repliesTo(), TO_ECHO, "ignore no_text"],
  ])("%s", verdictIs);
});

const held = (over: Partial<ThreadHold> = {}): { thread: ThreadHold } => ({
  thread: { agent: ECHO, holder: UserId.parse("@alice:hs.test"), shared: false, atMs: NOW_MS - 60_000, ...over },
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
    ["is not woken by a mention of Bob", "hello", mentions("@bob:hs.test"), alone({ mention: false }), NONE],
    ["is not woken by Bob's pill", "hello", pill("@bob:hs.test"), alone({ mention: false }), NONE],
    ["is not woken by Bob's id", "@bob:hs.test hello", {}, alone({ mention: false }), NONE],
    [
      "is woken by Bob's name: names of users are not known",
      "Bob: hello",
      {},
      alone({ mention: false }),
      "wake echo by listening",
    ],
    ["is woken by empty mentions", "hello", { "m.mentions": {} }, alone({ mention: false }), "wake echo by listening"],
    ["is woken by @room", "@room hello", {}, alone({ mention: false }), "wake echo by listening"],
    [
      "is woken by a mention of Bob and itself",
      "hello",
      mentions("@bob:hs.test", ECHO_ID),
      alone({ mention: false }),
      "wake echo by mention",
    ],
    ["is woken by a mention in code", "`@bob:hs.test`", {}, alone({ mention: false }), "wake echo by listening"],
    ["is woken in a thread of users", "hello", inThread(), alone({ mention: false }), "wake echo by listening"],
    [
      "is not woken by a stranger",
      "hello",
      {},
      alone({ mention: false, users: ["@bob:hs.test"] }),
      "ignore not_permitted, about echo",
    ],
    ["does not listen by default", "hello", {}, alone(), NONE],
  ])("%s", verdictIs);
});

const chat = (over: FactsOver = {}) => inDirectChat({}, over);
const plainRoom = (joinedCount: number, invitedDirectly: boolean, direct?: boolean) =>
  alone({}, { room: { joinedCount, ...(direct === undefined ? {} : { direct }) } }, { invitedDirectly });

describe("a direct chat", () => {
  const DIRECT = "wake echo by direct";
  test.for<Row>([
    ["is where the agent was invited to one", "hello", {}, chat(), DIRECT],
    ["is where no other user has joined yet", "hello", {}, plainRoom(1, true), DIRECT],
    ["is no room of two (OpenClaw #17771, Hermes #54461)", "hello", {}, plainRoom(2, false), NONE],
    ["is no room of one", "hello", {}, plainRoom(1, false), NONE],
    ["ends when a third member joins (OpenClaw #85017)", "hello", {}, plainRoom(3, true), NONE],
    ["is a room with direct: true", "hello", {}, plainRoom(2, false, true), DIRECT],
    ["is no room with direct: false", "hello", {}, plainRoom(2, true, false), NONE],
    ["is a room with direct: true, of any size", "hello", {}, plainRoom(3, false, true), DIRECT],
    ["needs no mention", "hello", { "m.mentions": {} }, chat(), DIRECT],
    ["wakes the agent by a mention of another user", "hello", mentions("@bob:hs.test"), chat(), DIRECT],
    ["wakes the agent by its name in the sentence", "I like Echo", {}, chat(), DIRECT],
    ["records a mention as the reason", "hello", mentions(ECHO_ID), chat(), "wake echo by mention"],
    ["records a reply as the reason", "why?", repliesTo(), chat({ repliedAgent: ECHO }), "wake echo by reply"],
    ["is the reason before a thread", "and?", inThread(), chat(held()), DIRECT],
    ["is the reason before listening", "hello", {}, inDirectChat({ mention: false }), DIRECT],
  ])("%s", verdictIs);

  test("is one with the agent that was invited to it, not with the other", () => {
    const present = [concerned("echo", {}, { invitedDirectly: true }), concerned("guide")];
    const seen = facts({ present, room: { joinedCount: 2 } });
    expect(inWords(verdictOn(aMessage("hello"), seen))).toBe("wake echo by direct");
  });

  test("is noted in the turn", () => {
    const direct = (seen: Facts) => {
      const verdict = verdictOn(aMessage("hello", { content: mentions(ECHO_ID) }), seen);
      return verdict.kind === "wake" && verdict.woken.map(({ conversation }) => conversation.direct);
    };
    expect(direct(chat())).toEqual([true]);
    expect(direct(plainRoom(2, false))).toEqual([false]);
    expect(direct(plainRoom(3, true))).toEqual([false]);
  });
});

describe("the verdict wake", () => {
  test("has the agents, the reason, the prompt and the conversation", () => {
    const given = facts();
    const [echo] = given.present;
    const { id: origin } = given.room;
    expect(verdictOn(aMessage("Echo: hello"), given)).toEqual({
      kind: "wake",
      woken: [
        {
          concerned: echo,
          because: "mention",
          text: "hello",
          conversation: {
            agent: echo?.agent,
            origin,
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
  test("names the agents the sender may talk to, and no other", () => {
    const present = [concerned("echo", { users: [] }), concerned("guide")];
    const event = aMessage("hello", { content: mentions(ECHO_ID, GUIDE_ID) });
    expect(inWords(verdictOn(event, facts({ present })))).toBe("wake guide by mention");
  });
  test("becomes ignore, about the first agent, where the sender may talk to none", () => {
    const present = [concerned("echo", { users: [] }), concerned("guide", { rooms: "disabled" })];
    const event = aMessage("hello", { content: mentions(ECHO_ID, GUIDE_ID) });
    expect(inWords(verdictOn(event, facts({ present })))).toBe("ignore not_permitted, about echo");
  });
});
