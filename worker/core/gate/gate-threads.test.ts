/** When a message in a thread addresses an agent without a mention. */
import { describe, expect, test } from "vitest";
import { aMessage } from "#testing/events.ts";
import {
  alone,
  both,
  ECHO,
  ECHO_ID,
  facts,
  GUIDE,
  GUIDE_ID,
  GUIDE_SPEAKS,
  inThread,
  inWords,
  mentions,
  NOW_MS,
  ourMark,
  pill,
  verdictOn,
} from "#testing/gate-facts.ts";
import { UserId } from "../protocol/ids.ts";
import type { Facts, ThreadHold } from "./facts.ts";

const NONE = "ignore not_addressed";
type Row = [name: string, body: string, content: Record<string, unknown>, seen: Facts, expected: string];
const verdictIs = ([, body, content, seen, expected]: Row) =>
  expect(inWords(verdictOn(aMessage(body, { content }), seen))).toBe(expected);

const TO_ECHO = facts({ repliedAgent: ECHO });

const held = (over: Partial<ThreadHold> = {}): { thread: ThreadHold } => ({
  thread: { agent: ECHO, holder: UserId.parse("@alice:hs.test"), shared: false, atMs: NOW_MS - 60_000, ...over },
});
const HOUR_MS = 3_600_000;
const BY_THREAD = "wake echo by thread";
/** A real reply, not the fallback for clients without threads. */
const REPLY_IN_THREAD = inThread("$root", { is_falling_back: false });

describe("a thread", () => {
  test.for<Row>([
    ["that no user holds", "and?", inThread(), facts(), NONE],
    ["that begins at the agent's message", "and?", inThread(), TO_ECHO, BY_THREAD],
    [
      "that begins at the agent's message, with sticky: 0",
      "and?",
      inThread(),
      both({ sticky: 0 }, { repliedAgent: ECHO }),
      NONE,
    ],
    [
      "that began at the agent's message, and another user wrote in",
      "and?",
      inThread(),
      facts({ repliedAgent: ECHO, ...held({ shared: true }) }),
      NONE,
    ],
    ["the agent holds with Alice", "and?", inThread(), facts(held()), BY_THREAD],
    ["the other agent holds", "and?", inThread(), facts(held({ agent: GUIDE })), "wake guide by thread"],
    ["that is shared", "and?", inThread(), facts(held({ shared: true })), NONE],
    ["that Bob holds", "and?", inThread(), facts(held({ holder: UserId.parse("@bob:hs.test") })), NONE],
    ["that a longer id holds", "and?", inThread(), facts(held({ holder: UserId.parse("@alice:hs.test2") })), NONE],
    ["held for a day less a moment", "and?", inThread(), facts(held({ atMs: NOW_MS - 24 * HOUR_MS + 1 })), BY_THREAD],
    ["held for a day", "and?", inThread(), facts(held({ atMs: NOW_MS - 24 * HOUR_MS })), NONE],
    [
      "with sticky: 1, within it",
      "and?",
      inThread(),
      both({ sticky: 1 }, held({ atMs: NOW_MS - HOUR_MS + 1 })),
      BY_THREAD,
    ],
    ["with sticky: 1, beyond it", "and?", inThread(), both({ sticky: 1 }, held({ atMs: NOW_MS - HOUR_MS })), NONE],
    ["with sticky: 0", "and?", inThread(), both({ sticky: 0 }, held({ atMs: NOW_MS })), NONE],
    ["with sticky: 720", "and?", inThread(), both({ sticky: 720 }, held({ atMs: NOW_MS - 700 * HOUR_MS })), BY_THREAD],
    ["whose agent has left", "and?", inThread(), alone({}, held({ agent: GUIDE })), NONE],
    ["that is held, for a message outside of it", "and?", {}, facts(held()), NONE],
    ["with empty mentions", "and?", { ...inThread(), "m.mentions": {} }, facts(held()), BY_THREAD],
    ["with a mention of Bob", "and?", { ...inThread(), ...mentions("@bob:hs.test") }, facts(held()), NONE],
    ["with Bob's pill", "and?", { ...inThread(), ...pill("@bob:hs.test") }, facts(held()), NONE],
    ["with Bob's id", "@bob:hs.test and?", inThread(), facts(held()), NONE],
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
  ])("%s: $4", verdictIs);

  test.for<Row>([
    ["no reply", "hello", inThread(), facts(), NONE],
    [
      "no reply to an agent's last word",
      "hello",
      inThread("$root", { "m.in_reply_to": { event_id: "$of_agent" } }),
      facts(),
      NONE,
    ],
    ["a reply where it says so", "why?", REPLY_IN_THREAD, TO_ECHO, "wake echo by reply"],
    [
      "a reply where it says nothing",
      "why?",
      inThread("$root", { is_falling_back: undefined }),
      TO_ECHO,
      "wake echo by reply",
    ],
  ])("its fallback is %s", verdictIs);
});
