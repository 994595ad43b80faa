import { describe, expect, test } from "vitest";
import { aMembership, aMessage, anEvent } from "#testing/events.ts";
import { asks, type Facts, gate, promptText } from "./gate.ts";
import { AgentId } from "./protocol/ids.ts";

const ECHO = AgentId.parse("echo");
const GUIDE = AgentId.parse("guide");
/** A room of two, a local sender, just now. */
const FACTS: Facts = {
  senderIsOurs: false,
  senderIsLocal: true,
  ageMs: 20,
  eventAgeMs: () => 15 * 60_000,
  softFailed: false,
  mentioned: [],
  joinedAgents: [ECHO],
  joinedCount: 2,
};
const EDIT = { "m.relates_to": { rel_type: "m.replace", event_id: "$original" } };
const INVITED = { invited: { agent: ECHO, known: true } };
const invite = aMembership("@agent_echo:hs.test", "invite");

describe("gate", () => {
  test.for<[name: string, event: ReturnType<typeof anEvent>, facts: Partial<Facts>, reason: string]>([
    ["our own ghost", aMessage("x"), { senderIsOurs: true }, "own_event"],
    ["our own ghost's invitation of another", invite, { senderIsOurs: true, ...INVITED }, "own_event"],
    ["what the homeserver would not show", aMessage("x"), { softFailed: true }, "soft_failed"],
    ["a stranger from another server", aMessage("x"), { senderIsLocal: false }, "not_permitted"],
    ["a stranger's invitation", invite, { senderIsLocal: false, ...INVITED }, "not_permitted"],
    ["an invitation for no agent of ours", invite, { invited: { agent: ECHO, known: false } }, "unknown_agent"],
    ["an invitation for somebody else", invite, {}, "membership"],
    ["somebody who leaves", aMembership("@bob:hs.test", "leave"), {}, "membership"],
    ["what it cannot open", anEvent({ type: "m.room.encrypted", content: {} }), {}, "encrypted"],
    ["a reaction", anEvent({ type: "m.reaction", content: {} }), {}, "not_a_message"],
    ["a state event of a message's type", anEvent({ state_key: "" }), {}, "not_a_message"],
    ["an edit", aMessage("* x", { content: EDIT }), {}, "edit"],
    ["another bot's notice", aMessage("x", { content: { msgtype: "m.notice" } }), {}, "notice"],
    ["a request to verify", aMessage("x", { content: { msgtype: "m.key.verification.request" } }), {}, "verification"],
    ["a picture without a caption", aMessage("a.png", { content: { msgtype: "m.image" } }), {}, "no_text"],
    ["a message without a body", anEvent({ content: { msgtype: "m.text" } }), {}, "no_text"],
    ["a room without agents", aMessage("x"), { joinedAgents: [] }, "not_addressed"],
    ["!stop where there is no agent", aMessage("!stop"), { joinedAgents: [] }, "not_addressed"],
    ["a word among several", aMessage("x"), { joinedCount: 3 }, "not_addressed"],
    ["two agents alone", aMessage("x"), { joinedAgents: [ECHO, GUIDE] }, "not_addressed"],
  ])("ignores %s", ([, event, facts, reason]) => {
    expect(gate(event, { ...FACTS, ...facts })).toEqual({ kind: "ignore", reason });
  });

  test("takes what is too old for an agent as context for it, and wakes those for whom it is not", () => {
    const old = { ageMs: 900_001 };
    expect(gate(aMessage("x"), { ...FACTS, ...old })).toEqual({ kind: "context", agents: [ECHO] });
    const mentioned = [ECHO, GUIDE];
    const eventAgeMs = (agent: AgentId) => (agent === ECHO ? 1 : 3_600_000);
    expect(gate(aMessage("x"), { ...FACTS, ...old, mentioned, eventAgeMs })).toMatchObject({
      kind: "wake",
      agents: [GUIDE],
    });
    expect(gate(invite, { ...FACTS, ...old, ...INVITED })).toEqual({ kind: "join", agent: ECHO });
  });
  test("wakes the agent of a room of two", () => {
    expect(gate(aMessage("x"), FACTS)).toEqual({ kind: "wake", agents: [ECHO], reason: "direct" });
  });
  test("wakes whoever is mentioned, before anybody else", () => {
    const facts = { ...FACTS, mentioned: [GUIDE], repliedAgent: ECHO };
    expect(gate(aMessage("x"), facts)).toEqual({ kind: "wake", agents: [GUIDE], reason: "mention" });
  });
  test("wakes whoever is replied to", () => {
    expect(gate(aMessage("x"), { ...FACTS, joinedCount: 3, repliedAgent: GUIDE })).toEqual({
      kind: "wake",
      agents: [GUIDE],
      reason: "reply",
    });
  });
  test("follows a local invitation", () => {
    expect(gate(invite, { ...FACTS, ...INVITED })).toEqual({ kind: "join", agent: ECHO });
  });
  test("hears !stop", () => expect(gate(aMessage(" !STOP "), { ...FACTS, joinedCount: 3 })).toEqual({ kind: "stop" }));
});

describe("asks", () => {
  test("about mentions that are user ids, and nothing else in the list", () => {
    const event = aMessage("x", { content: { "m.mentions": { user_ids: ["@agent_echo:hs.test", 7, "echo"] } } });
    expect(asks(event)).toEqual({ room: true, mentions: ["@agent_echo:hs.test"] });
  });
  test("about a reply, but not about a thread's fallback", () => {
    const inThread = { rel_type: "m.thread", event_id: "$root", "m.in_reply_to": { event_id: "$last" } };
    const ask = (relation: object) => asks(aMessage("x", { content: { "m.relates_to": relation } }));
    expect(ask(inThread)).toMatchObject({ threadRoot: "$root", repliedTo: "$last" });
    expect(ask({ ...inThread, is_falling_back: true })).toEqual({ room: true, mentions: [], threadRoot: "$root" });
  });
  test("about who is invited, and remembers every membership", () => {
    const membership = { userId: "@agent_echo:hs.test", membership: "invite" };
    expect(asks(invite)).toEqual({ room: false, mentions: [], invitee: "@agent_echo:hs.test", membership });
    expect(asks(aMembership("@bob:hs.test", "leave"))).toMatchObject({ membership: { membership: "leave" } });
    expect(asks(aMembership("@bob:hs.test", "nonsense"))).toEqual({ room: false, mentions: [] });
  });
  test("nothing for odd relations and mentions", () => {
    const content = { "m.relates_to": { rel_type: 5, event_id: {} }, "m.mentions": "all" };
    expect(asks(aMessage("x", { content }))).toEqual({ room: true, mentions: [] });
  });
});

describe("promptText", () => {
  const reply = { "m.relates_to": { "m.in_reply_to": { event_id: "$x" } } };
  test.for<[name: string, event: ReturnType<typeof anEvent>, text: string]>([
    ["is the body", aMessage("  hello "), "hello"],
    [
      "is without an old client's reply fallback",
      aMessage("> <@a:hs.test> one\n> two\n\nthree", { content: reply }),
      "three",
    ],
    ["keeps a quotation that is no fallback", aMessage("> quoted\nsaid", { content: reply }), "> quoted\nsaid"],
    ["is a file's caption", aMessage("look", { content: { msgtype: "m.image", filename: "a.png" } }), "look"],
    ["is the body of an unknown kind of message", aMessage("x", { content: { msgtype: "org.new" } }), "x"],
  ])("%s", ([, event, text]) => expect(promptText(event)).toBe(text));
});
