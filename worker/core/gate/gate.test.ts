/** Which messages the gate lets pass, and how old they may be. The other tables stand beside this one. */
import { describe, expect, test } from "vitest";
import { aMembership, aMessage, anEvent } from "#testing/events.ts";
import {
  alone,
  both,
  concerned,
  ECHO,
  ECHO_ID,
  facts,
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
const verdictIs = ([, event, seen, expected]: Row) => expect(inWords(verdictOn(event, seen))).toBe(expected);

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
    ["that was soft-failed", call("hello", {}), facts({ softFailed: true }), "ignore soft_failed"],
    [
      "that was soft-failed, in a direct chat",
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
      "of an agent that is not its complete answer",
      call("hello", {}, { sender: GUIDE_ID }),
      both({ bots: true }, { sender: GUIDE_SPEAKS }),
      "ignore own_event",
    ],
    ["to no agent", aMessage("hello"), facts(), "ignore not_addressed"],
    [
      "with a state key is state",
      anEvent({ state_key: "", content: { msgtype: "m.text", body: "hello", ...CALL } }),
      facts(),
      "ignore state",
    ],
  ])("%s: $3", verdictIs);
});

describe("a message that is too old", () => {
  const EVENT_AGE_MS = 15 * 60_000;
  test.for<[name: string, event: RoomEvent, seen: Facts, expected: string]>([
    ["by no millisecond is asked", call("hello", {}), facts({ ageMs: EVENT_AGE_MS }), "wake echo by mention"],
    ["by a millisecond is context", call("hello", {}), facts({ ageMs: EVENT_AGE_MS + 1 }), "too_old echo by mention"],
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
      "does not include an invitation, which is followed",
      aMembership(ECHO_ID, "invite"),
      facts({
        ageMs: 10 * EVENT_AGE_MS,
        invited: {
          agent: ECHO,
          settings: concerned("echo").agent.settings,
          direct: false,
          follows: false,
          paired: false,
          isMade: true,
        },
      }),
      "join echo",
    ],
  ])("%s", verdictIs);

  test("for one agent and not for another wakes the other", () => {
    const present = [concerned("echo", { turns: { eventAge: 1 } }), concerned("guide", { turns: { eventAge: 3_600 } })];
    const event = call("hello", mentions(ECHO_ID, GUIDE_ID));
    expect(inWords(verdictOn(event, facts({ present, ageMs: EVENT_AGE_MS })))).toBe("wake guide by mention");
  });

  test("is never found by the sender's clock", () => {
    for (const origin_server_ts of [0, -1, 8_640_000_000_000_000]) {
      expect(inWords(verdictOn(call("hello", {}, { origin_server_ts }), facts()))).toBe("wake echo by mention");
    }
  });
});
