/** What has to be looked up for an event, and what it means for a thread. */
import { describe, expect, test } from "vitest";
import { aMembership, aMessage, anEvent } from "#testing/events.ts";
import {
  anEventId,
  both,
  ECHO,
  ECHO_ID,
  type FactsOver,
  facts,
  GUIDE,
  GUIDE_ID,
  GUIDE_SPEAKS,
  inThread,
  mentions,
  NOW_MS,
  ourMark,
  pill,
  repliesTo,
} from "#testing/gate-facts.ts";
import type { RoomEvent } from "../protocol/event.ts";
import { UserId } from "../protocol/ids.ts";
import { asks, threadNews } from "./asks.ts";
import type { ThreadHold } from "./facts.ts";
import { gate } from "./gate.ts";

const NOTHING = { room: false, named: [], someoneLeft: false };
const MESSAGE = { ...NOTHING, room: true };

describe("asks", () => {
  test.for<[name: string, event: RoomEvent, asked: object]>([
    ["a message: the room", aMessage("hello"), MESSAGE],
    [
      "mentions: who they are",
      aMessage("x", { content: mentions(ECHO_ID, "@bob:hs.test") }),
      { ...MESSAGE, named: [ECHO_ID, "@bob:hs.test"] },
    ],
    [
      "mentions: ids and nothing else",
      aMessage("x", { content: { "m.mentions": { user_ids: [ECHO_ID, 7, "echo"] } } }),
      { ...MESSAGE, named: [ECHO_ID] },
    ],
    ["a pill", aMessage("x", { content: pill(GUIDE_ID) }), { ...MESSAGE, named: [GUIDE_ID] }],
    ["an id in the text", aMessage(`(${GUIDE_ID})`), { ...MESSAGE, named: [GUIDE_ID], opening: "(@agent_guide" }],
    ["what may be a name", aMessage("Guide: hello"), { ...MESSAGE, opening: "guide" }],
    ["what may be a name, with an @", aMessage("  @Echo Two, hello"), { ...MESSAGE, opening: "echo two" }],
    ["no name where mentions are said", aMessage("Guide: hello", { content: { "m.mentions": {} } }), MESSAGE],
    ["no name that is too long", aMessage(`${"x".repeat(300)}: hello`), MESSAGE],
    ["no name on the second line", aMessage("hello\nGuide: hello"), MESSAGE],
    ["a reply", aMessage("x", { content: repliesTo("$before") }), { ...MESSAGE, target: "$before" }],
    [
      "a thread, whose fallback is no reply",
      aMessage("x", { content: inThread("$root") }),
      { ...MESSAGE, threadRoot: "$root", target: "$root" },
    ],
    [
      "a reply in a thread",
      aMessage("x", { content: inThread("$root", { is_falling_back: false }) }),
      { ...MESSAGE, threadRoot: "$root", target: "$last" },
    ],
    ["a mark of ours", aMessage("x", { content: ourMark() }), { ...MESSAGE, ownKey: "t1.0.0" }],
    [
      "odd relations and mentions",
      aMessage("x", { content: { "m.relates_to": { rel_type: 5, event_id: {} }, "m.mentions": "all" } }),
      MESSAGE,
    ],
    [
      "an edit, by what it puts in place",
      aMessage("* x", {
        content: {
          "m.relates_to": { rel_type: "m.replace", event_id: "$a" },
          "m.new_content": { msgtype: "m.text", body: "x", ...mentions(ECHO_ID) },
        },
      }),
      { ...MESSAGE, named: [ECHO_ID] },
    ],
    ["what is encrypted", anEvent({ type: "m.room.encrypted", content: {} }), MESSAGE],
    [
      "a reaction",
      anEvent({ type: "m.reaction", content: { "m.relates_to": { event_id: "$a", key: "x" } } }),
      { ...MESSAGE, target: "$a" },
    ],
    ["a reaction to nothing", anEvent({ type: "m.reaction", content: {} }), NOTHING],
    ["a redaction", anEvent({ type: "m.room.redaction", content: {}, redacts: "$a" }), NOTHING],
    ["nothing anybody knows", anEvent({ type: "org.x", content: mentions(ECHO_ID) }), NOTHING],
    [
      "an invitation",
      aMembership(ECHO_ID, "invite"),
      { ...NOTHING, invitee: ECHO_ID, membership: { userId: ECHO_ID, membership: "invite", direct: false } },
    ],
    [
      "an invitation to a direct chat",
      aMembership(ECHO_ID, "invite", { content: { membership: "invite", is_direct: true } }),
      { ...NOTHING, invitee: ECHO_ID, membership: { userId: ECHO_ID, membership: "invite", direct: true } },
    ],
    [
      "an invitation that says so in a word, which is none",
      aMembership(ECHO_ID, "invite", { content: { membership: "invite", is_direct: "true" } }),
      { ...NOTHING, invitee: ECHO_ID, membership: { userId: ECHO_ID, membership: "invite", direct: false } },
    ],
    [
      "somebody who leaves",
      aMembership("@bob:hs.test", "leave"),
      { ...NOTHING, someoneLeft: true, membership: { userId: "@bob:hs.test", membership: "leave", direct: false } },
    ],
    [
      "somebody who is banned",
      aMembership("@bob:hs.test", "ban"),
      { ...NOTHING, someoneLeft: true, membership: { userId: "@bob:hs.test", membership: "ban", direct: false } },
    ],
    ["a membership that is no word", aMembership("@bob:hs.test", "nonsense"), NOTHING],
    ["a membership of nobody", aMembership("bob", "join"), NOTHING],
    [
      "a name of the room",
      anEvent({ type: "m.room.name", state_key: "", content: { name: "Team" } }),
      { ...NOTHING, state: { name: "Team" } },
    ],
    [
      "a tombstone",
      anEvent({ type: "m.room.tombstone", state_key: "", content: { replacement_room: "!new" } }),
      { ...MESSAGE, state: { replacement: "!new" } },
    ],
    ["state nobody keeps", anEvent({ type: "m.room.message", state_key: "", content: mentions(ECHO_ID) }), NOTHING],
  ])("%s", ([, event, asked]) => expect(asks(event)).toEqual(asked));
});

const hold = (over: Partial<ThreadHold> = {}): FactsOver => ({
  thread: { agent: ECHO, holder: UserId.parse("@alice:hs.test"), shared: false, atMs: NOW_MS, ...over },
});
const ANSWERED_IN = anEventId("$question");

describe("what a message means for a thread", () => {
  const SHARED = { root: "$root", shared: true };
  const ALICES = { root: "$root", hold: { agent: "echo", holder: "@alice:hs.test" } };
  const toEcho = { ...inThread(), ...mentions(ECHO_ID) };
  test.for<[name: string, content: Record<string, unknown>, over: FactsOver, sender: string, news: object | undefined]>(
    [
      ["who wakes an agent in it holds it", toEcho, {}, "@alice:hs.test", ALICES],
      ["who holds it goes on holding it", inThread(), hold(), "@alice:hs.test", ALICES],
      ["who says something in it to nobody ends it for the holder", inThread(), hold(), "@bob:hs.test", SHARED],
      ["who wakes the agent in another's shares it", toEcho, hold(), "@bob:hs.test", SHARED],
      [
        "who wakes another agent in it shares it",
        { ...inThread(), ...mentions(GUIDE_ID) },
        hold(),
        "@alice:hs.test",
        SHARED,
      ],
      [
        "who wakes two agents in it shares it",
        { ...inThread(), ...mentions(ECHO_ID, GUIDE_ID) },
        {},
        "@alice:hs.test",
        SHARED,
      ],
      [
        "who is a stranger to the agent ends it, too",
        inThread(),
        { ...hold(), sender: { isLocal: false } },
        "@mallory:evil.test",
        SHARED,
      ],
      [
        "an agent that speaks in another's ends it",
        { ...inThread(), ...ourMark() },
        { ...hold(), sender: GUIDE_SPEAKS },
        GUIDE_ID,
        SHARED,
      ],
      [
        "the agent's own words end nothing",
        { ...inThread(), ...ourMark() },
        { ...hold({ agent: GUIDE }), sender: GUIDE_SPEAKS },
        GUIDE_ID,
        undefined,
      ],
      ["what is shared is no news", inThread(), hold({ shared: true }), "@bob:hs.test", undefined],
      ["who says something to nobody where nobody holds it", inThread(), {}, "@bob:hs.test", undefined],
      [
        "who wakes an agent whose answer begins one holds that",
        mentions(ECHO_ID),
        {},
        "@alice:hs.test",
        { root: "$question", hold: { agent: "echo", holder: "@alice:hs.test" } },
      ],
    ],
  )("%s", ([, content, over, sender, news]) => {
    const event = aMessage("hello", { sender, content });
    const seen = both({ bots: "mentions" }, over);
    const answersIn = inThreadOf(content) ?? ANSWERED_IN;
    expect(threadNews(event, seen, gate(event, seen), answersIn)).toEqual(news);
  });

  test("nothing, where the answer goes to the room", () => {
    const event = aMessage("hello", { content: mentions(ECHO_ID) });
    expect(threadNews(event, facts(), gate(event, facts()), undefined)).toBeUndefined();
  });
});

const inThreadOf = (content: Record<string, unknown>) => (content["m.relates_to"] ? anEventId("$root") : undefined);
