/** The facts an event needs. */
import { describe, expect, test } from "vitest";
import { aMembership, aMessage, anEvent } from "#testing/events.ts";
import { ECHO_ID, GUIDE_ID, inThread, mentions, ourMark, pill, repliesTo } from "#testing/gate-facts.ts";
import { readMessage } from "../message/message.ts";
import type { RoomEvent } from "../protocol/event.ts";
import { needsOf } from "./needs.ts";

const NOTHING = { room: false, named: [], someoneLeft: false };
const MESSAGE = { ...NOTHING, room: true };

describe("the facts needed for", () => {
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
      "an edit, by its new content",
      aMessage("* x", {
        content: {
          "m.relates_to": { rel_type: "m.replace", event_id: "$a" },
          "m.new_content": { msgtype: "m.text", body: "x", ...mentions(ECHO_ID) },
        },
      }),
      { ...MESSAGE, named: [ECHO_ID] },
    ],
    ["an encrypted event", anEvent({ type: "m.room.encrypted", content: {} }), MESSAGE],
    [
      "a reaction",
      anEvent({
        type: "m.reaction",
        content: { "m.relates_to": { rel_type: "m.annotation", event_id: "$a", key: "x" } },
      }),
      { ...MESSAGE, target: "$a" },
    ],
    [
      "a reaction that annotates nothing",
      anEvent({ type: "m.reaction", content: { "m.relates_to": { rel_type: "m.thread", event_id: "$a", key: "x" } } }),
      NOTHING,
    ],
    ["a reaction to nothing", anEvent({ type: "m.reaction", content: {} }), NOTHING],
    ["a redaction", anEvent({ type: "m.room.redaction", content: {}, redacts: "$a" }), NOTHING],
    ["an unknown event", anEvent({ type: "org.x", content: mentions(ECHO_ID) }), NOTHING],
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
      "an invitation whose is_direct is a string",
      aMembership(ECHO_ID, "invite", { content: { membership: "invite", is_direct: "true" } }),
      { ...NOTHING, invitee: ECHO_ID, membership: { userId: ECHO_ID, membership: "invite", direct: false } },
    ],
    [
      "a user who leaves",
      aMembership("@bob:hs.test", "leave"),
      { ...NOTHING, someoneLeft: true, membership: { userId: "@bob:hs.test", membership: "leave", direct: false } },
    ],
    [
      "a user who is banned",
      aMembership("@bob:hs.test", "ban"),
      { ...NOTHING, someoneLeft: true, membership: { userId: "@bob:hs.test", membership: "ban", direct: false } },
    ],
    ["an invalid membership", aMembership("@bob:hs.test", "nonsense"), NOTHING],
    ["a membership of no user id", aMembership("bob", "join"), NOTHING],
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
    ["state that is not kept", anEvent({ type: "m.room.message", state_key: "", content: mentions(ECHO_ID) }), NOTHING],
  ])("%s", ([, event, asked]) => expect(needsOf(readMessage(event))).toEqual(asked));
});
