/** The verdicts on events that are no messages: state, redactions, reactions, encrypted events. */
import { describe, expect, test } from "vitest";
import { anEvent } from "#testing/events.ts";
import {
  alone,
  both,
  concerned,
  ECHO,
  facts,
  GUIDE,
  GUIDE_ID,
  GUIDE_SPEAKS,
  inDirectChat,
  inWords,
  verdictOn,
} from "#testing/gate-facts.ts";
import type { RoomEvent } from "../protocol/event.ts";
import type { Facts } from "./facts.ts";

type Row = [name: string, event: RoomEvent, seen: Facts, expected: string];
const verdictIs = ([, event, seen, expected]: Row) => expect(inWords(verdictOn(event, seen))).toBe(expected);

describe("an event that is no message", () => {
  const tombstone = (content: Record<string, unknown>, over = {}) =>
    anEvent({ type: "m.room.tombstone", state_key: "", content, ...over });
  test.for<Row>([
    ["a sticker", anEvent({ type: "m.sticker", content: { body: "hello" } }), facts(), "ignore not_a_message"],
    ["a poll", anEvent({ type: "m.poll.start", content: {} }), facts(), "ignore not_a_message"],
    ["a call", anEvent({ type: "m.call.invite", content: {} }), facts(), "ignore not_a_message"],
    ["an unknown type", anEvent({ type: "org.example.x", content: {} }), facts(), "ignore not_a_message"],
    [
      "a type named like a property of objects",
      anEvent({ type: "constructor", content: {} }),
      facts(),
      "ignore not_a_message",
    ],
    ["a name", anEvent({ type: "m.room.name", state_key: "", content: { name: "Echo: hi" } }), facts(), "ignore state"],
    ["power levels", anEvent({ type: "m.room.power_levels", state_key: "", content: {} }), facts(), "ignore state"],
    [
      "a topic of ours",
      anEvent({ type: "m.room.topic", state_key: "", content: {} }),
      facts({ sender: { isOurs: true } }),
      "ignore own_event",
    ],
    [
      "an encrypted event, about which one agent sends a notice",
      anEvent({ type: "m.room.encrypted", content: {} }),
      facts(),
      "encrypted, says echo",
    ],
    [
      "an encrypted event in a muted room",
      anEvent({ type: "m.room.encrypted", content: {} }),
      facts({ room: { muted: true } }),
      "ignore encrypted",
    ],
    [
      "an encrypted event in a room without agents",
      anEvent({ type: "m.room.encrypted", content: {} }),
      facts({ present: [] }),
      "ignore encrypted",
    ],
    [
      "an encrypted event of ours",
      anEvent({ type: "m.room.encrypted", content: {} }),
      facts({ sender: GUIDE_SPEAKS }),
      "ignore own_event",
    ],
    [
      "an encrypted event that was soft-failed",
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
      "a tombstone in a room without agents",
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
      "a tombstone that was soft-failed",
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
  ])("%s: $3", verdictIs);
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
    ["with a state key", redaction({ redacts: "$prompt", state_key: "" }), facts(), "redaction of $prompt"],
    ["without an event", redaction({}), facts(), "ignore not_a_message"],
    ["of an invalid event id", redaction({ content: { redacts: "@alice:hs.test" } }), facts(), "ignore not_a_message"],
    ["by an agent of ours", redaction({ redacts: "$prompt" }), facts({ sender: GUIDE_SPEAKS }), "ignore own_event"],
    ["that was soft-failed", redaction({ redacts: "$prompt" }), facts({ softFailed: true }), "ignore soft_failed"],
    ["in a muted room", redaction({ redacts: "$prompt" }), facts({ room: { muted: true } }), "redaction of $prompt"],
  ])("%s: $3", verdictIs);
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
    ["🛑 with a variation selector", reaction("🛑\ufe0f"), facts(TO_ECHO), "stop at $answer"],
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
      "🛑 by a paired user",
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
      "🛑 by an ignored user",
      reaction("🛑"),
      alone({ ignore: ["^@alice:"] }, TO_ECHO),
      "ignore not_permitted, about echo",
    ],
    [
      "🛑 by a user of one of the two agents that were asked",
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
    ["🛑 that was soft-failed", reaction("🛑"), facts({ ...TO_ECHO, softFailed: true }), "ignore soft_failed"],
    ["👍", reaction("👍"), facts(TO_ECHO), "ignore not_a_message"],
    ["🛑 twice", reaction("🛑🛑"), facts(TO_ECHO), "ignore not_a_message"],
    ["the word stop", reaction("stop"), facts(TO_ECHO), "ignore not_a_message"],
    ["no key", reaction(undefined), facts(TO_ECHO), "ignore not_a_message"],
    [
      "another relation",
      anEvent({ type: "m.reaction", content: { "m.relates_to": { rel_type: "m.thread", event_id: "$a", key: "🛑" } } }),
      facts(TO_ECHO),
      "ignore not_a_message",
    ],
    ["no relation", anEvent({ type: "m.reaction", content: {} }), facts(TO_ECHO), "ignore not_a_message"],
  ])("%s: $3", verdictIs);
});
