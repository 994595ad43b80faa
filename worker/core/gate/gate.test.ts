/** What the gate takes for something said, and what becomes of all the rest. Its other tables stand beside this one. */
import { describe, expect, test } from "vitest";
import { aMembership, aMessage, anEvent } from "#testing/events.ts";
import {
  alone,
  both,
  concerned,
  ECHO,
  ECHO_ID,
  facts,
  GUIDE,
  GUIDE_ID,
  GUIDE_SPEAKS,
  inDirectChat,
  inWords,
  mentions,
  verdictOn,
} from "#testing/gate-facts.ts";
import type { RoomEvent } from "../protocol/event.ts";
import type { Facts } from "./facts.ts";

type Row = [name: string, event: RoomEvent, seen: Facts, expected: string];
const check = ([, event, seen, expected]: Row) => expect(inWords(verdictOn(event, seen))).toBe(expected);

const CALL = mentions(ECHO_ID);
const call = (body: string, content: Record<string, unknown>, over: Record<string, unknown> = {}) =>
  aMessage(body, { ...over, content: { ...CALL, ...content } });
const edit = {
  "m.relates_to": { rel_type: "m.replace", event_id: "$original" },
  "m.new_content": { msgtype: "m.text", body: "hello", ...CALL },
};

describe("a message", () => {
  const YES = "wake echo by mention";
  test.for<Row>([
    ["of text is heard", call("hello", {}), facts(), YES],
    ["of an emote is heard", call("waves", { msgtype: "m.emote" }), facts(), YES],
    [
      "of an unknown kind says what it is in its body",
      call("a poll: 1 or 2?", { msgtype: "org.new.kind" }),
      facts(),
      YES,
    ],
    ["with a caption is heard", call("what is this?", { msgtype: "m.image", filename: "a.png" }), facts(), YES],
    ["with a caption to a file is heard", call("read this", { msgtype: "m.file", filename: "a.pdf" }), facts(), YES],
    ["with a caption to a video is heard", call("watch this", { msgtype: "m.video", filename: "a.mp4" }), facts(), YES],
    ["with a caption to a voice is heard", call("listen", { msgtype: "m.audio", filename: "a.ogg" }), facts(), YES],
    ["of a picture has no text", call("a.png", { msgtype: "m.image" }), facts(), "ignore no_text"],
    [
      "of a picture that names its file has no text",
      call("a.png", { msgtype: "m.image", filename: "a.png" }),
      facts(),
      "ignore no_text",
    ],
    [
      "of a picture with an odd file name has no text",
      call("a.png", { msgtype: "m.image", filename: 5 }),
      facts(),
      "ignore no_text",
    ],
    ["of a voice has no text", call("voice.ogg", { msgtype: "m.audio" }), facts(), "ignore no_text"],
    [
      "in a direct chat, of a picture",
      aMessage("a.png", { content: { msgtype: "m.image" } }),
      inDirectChat(),
      "ignore no_text",
    ],
    ["of blanks has no text", call(" \n\t ", {}), facts(), "ignore no_text"],
    ["of nothing has no text", call("", {}), facts(), "ignore no_text"],
    ["without a body has no text", anEvent({ content: { msgtype: "m.text" } }), facts(), "ignore no_text"],
    [
      "with a number for a body has no text",
      anEvent({ content: { msgtype: "m.text", body: 5 } }),
      facts(),
      "ignore no_text",
    ],
    ["without a kind has no text", anEvent({ content: { body: "hello", ...CALL } }), facts(), "ignore no_text"],
    ["that was redacted has no text", anEvent({ content: {} }), facts(), "ignore no_text"],
    ["that is a notice", call("hello", { msgtype: "m.notice" }), facts(), "ignore notice"],
    [
      "that is a notice, in a direct chat",
      aMessage("hello", { content: { msgtype: "m.notice" } }),
      inDirectChat(),
      "ignore notice",
    ],
    ["that is a notice with a command", call("!stop", { msgtype: "m.notice" }), facts(), "ignore notice"],
    [
      "that asks to verify a device",
      call("hello", { msgtype: "m.key.verification.request" }),
      inDirectChat(),
      "ignore verification",
    ],
    ["that is an edit", call("* hello", edit), facts(), "ignore edit"],
    ["that is an edit in a direct chat", aMessage("* hello", { content: edit }), inDirectChat(), "ignore edit"],
    [
      "that is an edit to a command",
      call("* !stop", { ...edit, "m.new_content": { msgtype: "m.text", body: "!stop" } }),
      facts(),
      "ignore edit",
    ],
    [
      "that is an edit without new content",
      call("* hello", { "m.relates_to": edit["m.relates_to"] }),
      facts(),
      "ignore edit",
    ],
    [
      "whose relation is odd is no edit",
      call("hello", { "m.relates_to": { rel_type: 5, event_id: {} } }),
      facts(),
      YES,
    ],
    ["that was held back", call("hello", {}), facts({ softFailed: true }), "ignore soft_failed"],
    [
      "that was held back, in a direct chat",
      aMessage("hello"),
      inDirectChat({}, { softFailed: true }),
      "ignore soft_failed",
    ],
    ["where no agent is", call("hello", {}), facts({ present: [] }), "ignore no_agent"],
    ["with a command where no agent is", aMessage("!stop"), facts({ present: [] }), "ignore no_agent"],
    [
      "of our bot",
      call("hello", {}, { sender: "@troupe:hs.test" }),
      facts({ sender: { isOurs: true } }),
      "ignore own_event",
    ],
    [
      "of an agent without an end",
      call("hello", {}, { sender: GUIDE_ID }),
      both({ bots: true }, { sender: GUIDE_SPEAKS }),
      "ignore own_event",
    ],
    ["to nobody", aMessage("hello"), facts(), "ignore not_addressed"],
    [
      "with a state key is state",
      anEvent({ state_key: "", content: { msgtype: "m.text", body: "hello", ...CALL } }),
      facts(),
      "ignore state",
    ],
  ])("%s", check);
});

describe("an event that is no message", () => {
  const tombstone = (content: Record<string, unknown>, over = {}) =>
    anEvent({ type: "m.room.tombstone", state_key: "", content, ...over });
  test.for<Row>([
    ["a sticker", anEvent({ type: "m.sticker", content: { body: "hello" } }), facts(), "ignore not_a_message"],
    ["a poll", anEvent({ type: "m.poll.start", content: {} }), facts(), "ignore not_a_message"],
    ["a call", anEvent({ type: "m.call.invite", content: {} }), facts(), "ignore not_a_message"],
    ["nothing anybody knows", anEvent({ type: "org.example.x", content: {} }), facts(), "ignore not_a_message"],
    ["a type of an object's own words", anEvent({ type: "constructor", content: {} }), facts(), "ignore not_a_message"],
    ["a name", anEvent({ type: "m.room.name", state_key: "", content: { name: "Echo: hi" } }), facts(), "ignore state"],
    ["power levels", anEvent({ type: "m.room.power_levels", state_key: "", content: {} }), facts(), "ignore state"],
    [
      "a topic of ours",
      anEvent({ type: "m.room.topic", state_key: "", content: {} }),
      facts({ sender: { isOurs: true } }),
      "ignore own_event",
    ],
    [
      "what is encrypted, which one says something about",
      anEvent({ type: "m.room.encrypted", content: {} }),
      facts(),
      "encrypted, says echo",
    ],
    [
      "what is encrypted, in a muted room",
      anEvent({ type: "m.room.encrypted", content: {} }),
      facts({ room: { muted: true } }),
      "ignore encrypted",
    ],
    [
      "what is encrypted, where no agent is",
      anEvent({ type: "m.room.encrypted", content: {} }),
      facts({ present: [] }),
      "ignore encrypted",
    ],
    [
      "what is encrypted and ours",
      anEvent({ type: "m.room.encrypted", content: {} }),
      facts({ sender: GUIDE_SPEAKS }),
      "ignore own_event",
    ],
    [
      "what is encrypted and held back",
      anEvent({ type: "m.room.encrypted", content: {} }),
      facts({ softFailed: true }),
      "ignore soft_failed",
    ],
    ["a tombstone", tombstone({ replacement_room: "!new:hs.test" }), facts(), "follow to !new:hs.test"],
    [
      "a tombstone to a room of version 12",
      tombstone({ replacement_room: "!31hneApxJ_1o" }),
      facts(),
      "follow to !31hneApxJ_1o",
    ],
    ["a tombstone to nowhere", tombstone({ body: "gone" }), facts(), "ignore state"],
    ["a tombstone to an alias", tombstone({ replacement_room: "#new:hs.test" }), facts(), "ignore state"],
    [
      "a tombstone where no agent is",
      tombstone({ replacement_room: "!new:hs.test" }),
      facts({ present: [] }),
      "ignore state",
    ],
    [
      "a tombstone with a state key",
      tombstone({ replacement_room: "!new:hs.test" }, { state_key: "x" }),
      facts(),
      "ignore state",
    ],
    [
      "a tombstone held back",
      tombstone({ replacement_room: "!new:hs.test" }),
      facts({ softFailed: true }),
      "ignore soft_failed",
    ],
    [
      "a tombstone sent as a message",
      anEvent({ type: "m.room.tombstone", content: { replacement_room: "!new:hs.test" } }),
      facts(),
      "ignore not_a_message",
    ],
  ])("%s", check);
});

describe("a redaction", () => {
  const redaction = (over: Record<string, unknown>) => anEvent({ type: "m.room.redaction", content: {}, ...over });
  test.for<Row>([
    ["as rooms before version 11 have it", redaction({ redacts: "$prompt" }), facts(), "redaction of $prompt"],
    [
      "as rooms from version 11 on have it",
      redaction({ content: { redacts: "$prompt" } }),
      facts(),
      "redaction of $prompt",
    ],
    [
      "in both forms, the homeserver's own counts",
      redaction({ redacts: "$a", content: { redacts: "$b" } }),
      facts(),
      "redaction of $a",
    ],
    ["of nothing", redaction({}), facts(), "ignore not_a_message"],
    ["of what is no event", redaction({ content: { redacts: "@alice:hs.test" } }), facts(), "ignore not_a_message"],
    ["of an agent's own", redaction({ redacts: "$prompt" }), facts({ sender: GUIDE_SPEAKS }), "ignore own_event"],
    ["held back", redaction({ redacts: "$prompt" }), facts({ softFailed: true }), "ignore soft_failed"],
    [
      "in a muted room, too",
      redaction({ redacts: "$prompt" }),
      facts({ room: { muted: true } }),
      "redaction of $prompt",
    ],
  ])("%s", check);
});

const reaction = (key: unknown, over: Record<string, unknown> = {}) =>
  anEvent({
    type: "m.reaction",
    content: { "m.relates_to": { rel_type: "m.annotation", event_id: "$answer", key } },
    ...over,
  });

describe("a reaction", () => {
  const TO_ECHO = { repliedAgent: ECHO };
  const ONLY_ALICE = { users: ["@alice:hs.test"] };
  test.for<Row>([
    ["🛑 to an agent's message", reaction("🛑"), facts(TO_ECHO), "stop at $answer"],
    ["🛑 as a picture", reaction("🛑\ufe0f"), facts(TO_ECHO), "stop at $answer"],
    ["🛑 to the question an agent was asked", reaction("🛑"), facts({ askedAgents: [GUIDE] }), "stop at $answer"],
    ["🛑 by another user of the agent", reaction("🛑", { sender: "@bob:hs.test" }), facts(TO_ECHO), "stop at $answer"],
    [
      "🛑 by an admin who is no user",
      reaction("🛑"),
      alone({ users: [], admins: ["@alice:hs.test"] }, TO_ECHO),
      "stop at $answer",
    ],
    ["🛑 in a muted room", reaction("🛑"), facts({ ...TO_ECHO, room: { muted: true } }), "stop at $answer"],
    ["🛑 in a direct chat", reaction("🛑"), inDirectChat({}, TO_ECHO), "stop at $answer"],
    [
      "🛑 by somebody paired",
      reaction("🛑", { sender: "@carol:hs.test" }),
      alone(ONLY_ALICE, TO_ECHO, { paired: true }),
      "stop at $answer",
    ],
    [
      "🛑 by a stranger",
      reaction("🛑", { sender: "@bob:hs.test" }),
      alone(ONLY_ALICE, TO_ECHO),
      "ignore not_permitted, about echo",
    ],
    [
      "🛑 by a stranger with power",
      reaction("🛑", { sender: "@bob:hs.test" }),
      alone(ONLY_ALICE, { ...TO_ECHO, sender: { power: 100 } }),
      "ignore not_permitted, about echo",
    ],
    [
      "🛑 by whom a pattern ignores",
      reaction("🛑"),
      alone({ ignore: ["^@alice:"] }, TO_ECHO),
      "ignore not_permitted, about echo",
    ],
    [
      "🛑 by whom one of the two asked listens to",
      reaction("🛑", { sender: "@bob:hs.test" }),
      facts({ present: [concerned("echo", ONLY_ALICE), concerned("guide")], askedAgents: [ECHO, GUIDE] }),
      "stop at $answer",
    ],
    [
      "🛑 by an agent of ours",
      reaction("🛑", { sender: GUIDE_ID }),
      both({ bots: true }, { ...TO_ECHO, sender: GUIDE_SPEAKS }),
      "ignore own_event",
    ],
    ["🛑 to a person's message", reaction("🛑"), facts(), "ignore not_addressed"],
    ["🛑 to an agent that has left", reaction("🛑"), alone({}, { repliedAgent: GUIDE }), "ignore not_addressed"],
    ["🛑 held back", reaction("🛑"), facts({ ...TO_ECHO, softFailed: true }), "ignore soft_failed"],
    ["👍", reaction("👍"), facts(TO_ECHO), "ignore not_a_message"],
    ["🛑 twice", reaction("🛑🛑"), facts(TO_ECHO), "ignore not_a_message"],
    ["the word", reaction("stop"), facts(TO_ECHO), "ignore not_a_message"],
    ["no key", reaction(undefined), facts(TO_ECHO), "ignore not_a_message"],
    [
      "another relation",
      anEvent({ type: "m.reaction", content: { "m.relates_to": { rel_type: "m.thread", event_id: "$a", key: "🛑" } } }),
      facts(TO_ECHO),
      "ignore not_a_message",
    ],
    ["no relation", anEvent({ type: "m.reaction", content: {} }), facts(TO_ECHO), "ignore not_a_message"],
  ])("%s", check);
});

describe("what is too old", () => {
  const EVENT_AGE_MS = 15 * 60_000;
  test.for<[name: string, event: RoomEvent, seen: Facts, expected: string]>([
    ["by nothing is asked", call("hello", {}), facts({ ageMs: EVENT_AGE_MS }), "wake echo by mention"],
    ["by a moment is context", call("hello", {}), facts({ ageMs: EVENT_AGE_MS + 1 }), "too_old echo by mention"],
    [
      "in a direct chat is context",
      aMessage("hello"),
      inDirectChat({}, { ageMs: EVENT_AGE_MS + 1 }),
      "too_old echo by direct",
    ],
    [
      "for a shorter eventAge is context",
      call("hello", {}),
      alone({ turns: { eventAge: 1 } }, { ageMs: 1_001 }),
      "too_old echo by mention",
    ],
    [
      "for a longer eventAge is asked",
      call("hello", {}),
      alone({ turns: { eventAge: 86_400 } }, { ageMs: 86_400_000 }),
      "wake echo by mention",
    ],
    [
      "of a stranger is not even context",
      call("hello", {}),
      alone({ users: [] }, { ageMs: EVENT_AGE_MS + 1 }),
      "ignore not_permitted, about echo",
    ],
    [
      "of an invitation is still one",
      aMembership(ECHO_ID, "invite"),
      facts({
        ageMs: 10 * EVENT_AGE_MS,
        invited: {
          agent: ECHO,
          settings: concerned("echo").agent.settings,
          direct: false,
          follows: false,
          paired: false,
        },
      }),
      "join echo",
    ],
  ])("%s", check);

  test("for one and not for the other wakes the other", () => {
    const present = [concerned("echo", { turns: { eventAge: 1 } }), concerned("guide", { turns: { eventAge: 3_600 } })];
    const event = call("hello", mentions(ECHO_ID, GUIDE_ID));
    expect(inWords(verdictOn(event, facts({ present, ageMs: EVENT_AGE_MS })))).toBe("wake guide by mention");
  });

  test("is never decided by the sender's clock", () => {
    for (const origin_server_ts of [0, -1, 8_640_000_000_000_000]) {
      expect(inWords(verdictOn(call("hello", {}, { origin_server_ts }), facts()))).toBe("wake echo by mention");
    }
  });
});
