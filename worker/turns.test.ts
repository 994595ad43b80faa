/** Turns from end to end, on a real ledger: busy agents, stops, failures, lost sends, age, deadlines and limits. */

import { afterEach, describe, expect, test, vi } from "vitest";
import { AgentId, UserId } from "#core/protocol/ids.ts";
import { markdownOf, textOf } from "#core/turn/turn.ts";
import type { Clock } from "#ports/host.ts";
import type { Ledger } from "#ports/ledger.ts";
import type { OpenTurns } from "#ports/turns.ts";
import { type Composed, composed } from "#testing/composed.ts";
import { aMessage, anEvent } from "#testing/events.ts";
import { aSession, aSpec, ROOM } from "#testing/ledger-rows.ts";
import { temporaryLedger } from "#testing/temp-ledger.ts";
import { systemClock } from "./clock.ts";
import { sessionOf } from "./router/new-turn.ts";

const ALICE = "@alice:hs.test";
const GUIDE = "@agent_guide:hs.test";
const ECHO = "@agent_echo:hs.test";
const guide = (turns: object = {}) => ({ guide: { backend: { use: "scripted" }, turns } });
const echo = (turns: object = {}) => ({ echo: { backend: { use: "echo" }, turns } });

let world: Composed;
afterEach(() => world.close());
const begin = async (agents: Record<string, object>, settings: Record<string, unknown> = {}) => {
  world = await composed(agents, settings);
  await world.joined(ALICE, "echo" in agents ? ECHO : GUIDE);
  return world;
};
const soon = { timeout: 4_000, interval: 20 };
const running = () => vi.waitFor(async () => expect((await world.ledger.figures(0)).runningTurns).toBe(1), soon);

describe("while an agent is busy", () => {
  test("a new message waits for its turn", async () => {
    const { push, bodies } = await begin(guide());
    await push(aMessage("slow 1"));
    await running();
    await push(aMessage("error"));
    await vi.waitFor(() => expect(bodies()).toHaveLength(2), soon);
    expect(bodies()[0]).toMatch(/^That took a while/);
  });

  test("waiting messages become one turn, with whileBusy: collect", async () => {
    const { push, bodies, settled, ledger } = await begin(echo({ whileBusy: "collect", debounce: 0.2 }));
    await push(aMessage("one"));
    await push(aMessage("two"), aMessage("three"));
    await vi.waitFor(() => expect(bodies()).toEqual(["echo one\n\ntwo\n\nthree"]), soon);
    await vi.waitFor(settled, soon);
    expect((await ledger.verdicts())["wake_direct"]).toBe(3);
  });

  test("a waiting message that is redacted is not part of that turn", async () => {
    const { push, bodies, settled } = await begin(echo({ debounce: 0.3 }));
    const redacted = aMessage("two");
    await push(aMessage("one"), redacted, aMessage("three"));
    const redaction = { type: "m.room.redaction", sender: ALICE, content: { redacts: redacted.event_id } };
    await push(anEvent({ ...redaction, redacts: redacted.event_id }));
    await vi.waitFor(() => expect(bodies()).toEqual(["echo one\n\nthree"]), soon);
    await vi.waitFor(settled, soon);
  });

  test("a newer message takes over, with whileBusy: interrupt", async () => {
    const { push, bodies } = await begin(guide({ whileBusy: "interrupt" }));
    await push(aMessage("slow 60"));
    await running();
    await push(aMessage("error"));
    await vi.waitFor(() => expect(bodies()).toHaveLength(2), soon);
    expect(bodies()[0]).toBe("*(Interrupted by a newer message.)*");
  });

  test("messages beyond the queue are dropped, and the room is told once", async () => {
    const { push, bodies, ledger } = await begin(guide({ queue: 2 }));
    await push(aMessage("slow 60"));
    await running();
    await push(...["two", "three", "four"].map((text) => aMessage(text)));
    await vi.waitFor(async () => expect((await ledger.verdicts())["queue_full"]).toBe(2), soon);
    await vi.waitFor(
      () => expect(bodies()).toEqual([expect.stringMatching(/^2 messages of this conversation already wait/)]),
      soon,
    );
    await push(aMessage("!stop"));
    await vi.waitFor(() => expect(bodies().slice(1)).toEqual(["*(Stopped.)*"]), soon);
    await vi.waitFor(world.settled, soon);
  });

  test("messages of one sender that come close together are one turn", async () => {
    const { push, bodies } = await begin(echo({ debounce: 0.3 }));
    await push(aMessage("one"));
    await new Promise((resolve) => setTimeout(resolve, 200));
    await push(aMessage("two"));
    await vi.waitFor(() => expect(bodies()).toEqual(["echo one\n\ntwo"]), soon);
  });
});

describe("open turns", () => {
  test.for<[of: keyof OpenTurns, open: OpenTurns]>([
    ["sender", { sender: 1_000, room: 1_000, all: 1_000 }],
    ["room", { sender: 1, room: 2_000, all: 2_000 }],
    ["all", { sender: 1, room: 1, all: 20_000 }],
  ])("have a limit, of %s: what is beyond it is dropped, and the room is told once", async ([of, open]) => {
    const given = await temporaryLedger();
    await given.ledger.setAgents([aSpec("echo")]);
    const ledger: Ledger = {
      ...given.ledger,
      epoch: async (...asked) => ({ ...(await given.ledger.epoch(...asked)), open }),
    };
    world = await composed({}, {}, systemClock, { ...given, ledger });
    await world.joined(ALICE, ECHO);
    await world.push(aMessage("one"), aMessage("two"));
    await vi.waitFor(async () => expect(await ledger.verdicts()).toEqual({ too_many_turns: 2 }), soon);
    await vi.waitFor(() => expect(world.bodies()).toEqual([expect.stringMatching(/^Too many messages wait/)]), soon);
    const [verdict] = await ledger.verdictsIn(ROOM, 1);
    expect(verdict).toMatchObject({ evidence: { of } });
    expect((await ledger.figures(0)).openTurns).toBe(0);
  });
});

describe("a turn is stopped", () => {
  const reaction = (eventId: string, key = "🛑") =>
    anEvent({
      ...{ type: "m.reaction", sender: ALICE },
      content: { "m.relates_to": { rel_type: "m.annotation", event_id: eventId, key } },
    });

  test("by a stop reaction to its prompt, within two seconds, and by no other reaction", async () => {
    const { push, bodies } = await begin(guide());
    const question = aMessage("slow 60");
    await push(question);
    await running();
    await push(reaction(question.event_id, "👍"), reaction("$something-else"));
    await push(reaction(question.event_id));
    const askedAt = Date.now();
    await vi.waitFor(() => expect(bodies()).toEqual(["*(Stopped.)*"]), soon);
    expect(Date.now() - askedAt).toBeLessThan(2_000);
  });

  test("by a stop reaction to its draft", async () => {
    const { push, bodies, server } = await begin(guide());
    await push(aMessage("stream 500"));
    await vi.waitFor(() => expect(bodies()).toHaveLength(1), soon);
    await push(reaction(server.sent[0]?.eventId ?? ""));
    await vi.waitFor(() => expect(bodies().at(-1)).toMatch(/\*\(Stopped\.\)\*$/), soon);
  });

  test("also when it runs in another process, which cannot be rung", async () => {
    const { another, push, bodies, ledger } = await begin(guide());
    // Its lease is renewed every tenth of a second.
    const sleep: Clock["sleep"] = (ms, signal) => systemClock.sleep(ms / 100, signal);
    const other = another("second", undefined, { now: () => Date.now(), sleep });
    await ledger.accept({ events: [aMessage("slow 120")], deadLetters: [], nowMs: Date.now() });
    await other.pump.run(`room:${ROOM}`);
    await running();
    await push(aMessage("!stop"));
    await vi.waitFor(() => expect(bodies()).toEqual(["*(Stopped.)*"]), soon);
  });

  test("and those behind it at once, also while an answer before them cannot be sent; nothing runs in circles", async () => {
    const { push, calls, server, ledger } = await begin(guide());
    server.refusals.push(Response.json({ errcode: "M_LIMIT_EXCEEDED", retry_after_ms: 60_000 }, { status: 429 }));
    await push(aMessage("error"));
    await vi.waitFor(() => expect(world.lines.join()).toContain("send_retried"), soon);
    await push(aMessage("stream 1"), aMessage("stream 2"));
    await vi.waitFor(async () => expect((await ledger.figures(0)).openTurns).toBe(3), soon);
    await push(aMessage("!stop"));
    await vi.waitFor(async () => expect((await ledger.figures(0)).openTurns).toBe(1), soon);
    const before = calls.length;
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    const claims = calls.slice(before).filter(({ method }) => method === "claim");
    expect(claims.length).toBeLessThan(5);
  });

  test("before it begins when its prompt is redacted", async () => {
    const { push, bodies, settled } = await begin(guide());
    const [first, second] = [aMessage("slow 1"), aMessage("error")];
    await push(first);
    await running();
    await push(second);
    const redaction = { type: "m.room.redaction", sender: ALICE, content: { redacts: second.event_id } };
    await push(anEvent({ ...redaction, redacts: second.event_id }));
    await vi.waitFor(settled, soon);
    expect(bodies()).toEqual([expect.stringMatching(/^That took a while/)]);
  });
});

describe("a turn that fails", () => {
  test("is given up with one apology and a dead letter, and can be replayed", async () => {
    const { push, bodies, ledger, operator, settled } = await begin(guide());
    await push(aMessage("error"));
    await vi.waitFor(settled, soon);
    expect(bodies()).toHaveLength(1);
    const [letter] = await ledger.deadLetters(5);
    expect(letter).toMatchObject({ kind: "turn", reason: expect.stringContaining("the script was asked to fail") });
    expect((await operator("POST", "/admin/turns/nobody/replay")).status).toBe(404);
    expect((await operator("POST", `/admin/turns/${letter?.raw}/replay`)).status).toBe(200);
    await vi.waitFor(() => expect(bodies()).toHaveLength(2), soon);
  });

  test("after its draft was shown goes on at the next runner", async () => {
    const { app, another, push, bodies, settled } = await begin(guide());
    await push(aMessage("stream 500"));
    await vi.waitFor(() => expect(bodies()).toHaveLength(1), soon);
    await app.pump.stop(0);
    const successor = another("second");
    await successor.sweep();
    // The scripted backend is idempotent, so it is asked again and the draft is completed.
    await vi.waitFor(() => expect(bodies().length).toBeGreaterThan(1), soon);
    await push(aMessage("!stop"));
    await successor.sweep();
    await vi.waitFor(settled, soon);
  });
});

describe("a send whose answer is lost", () => {
  test("is confirmed by our own event when that comes back, and not repeated", async () => {
    const { push, bodies, server, settled } = await begin(echo());
    server.loseAnswers = 1;
    await push(aMessage("hello"));
    await vi.waitFor(() => expect(bodies()).toEqual(["echo hello"]), soon);
    const [sent] = server.sent;
    const puts = () => server.requests.filter((request) => request.includes("/send/")).length;
    expect(puts()).toBe(1);
    await push(
      anEvent({ type: "m.room.message", event_id: sent?.eventId, sender: ECHO, content: sent?.content ?? {} }),
    );
    await vi.waitFor(settled, soon);
    expect(puts()).toBe(1);
  });
});

describe("the age of a message", () => {
  test("is measured by the homeserver, not by the sender's clock; old messages are context", async () => {
    const { push, bodies, ledger } = await begin(echo());
    const day = 86_400_000;
    await push(
      aMessage("old", { unsigned: { age: 16 * 60_000 } }),
      aMessage("from tomorrow", { origin_server_ts: Date.now() + day, unsigned: { age: 5 } }),
      aMessage("from yesterday", { origin_server_ts: Date.now() - day, unsigned: { age: 5 } }),
    );
    await vi.waitFor(() => expect(bodies()).toEqual(["echo from tomorrow", "echo from yesterday"]), soon);
    expect((await ledger.verdicts())["too_old"]).toBe(1);
  });

  test("makes it history of the next question when it is too old", async () => {
    const { push, bodies, ledger } = await begin(echo());
    await push(aMessage("old", { unsigned: { age: 16 * 60_000 } }));
    await vi.waitFor(async () => expect((await ledger.verdicts())["too_old"]).toBe(1), soon);
    await push(aMessage("new"));
    await vi.waitFor(() => expect(bodies()).toEqual(["echo new"]), soon);
    const agent = await ledger.agent(AgentId.parse("echo"));
    const { session } = agent
      ? await sessionOf(ledger, {
          agent,
          origin: ROOM,
          sender: UserId.parse("@alice:hs.test"),
          direct: true,
          opened: false,
          answersIn: undefined,
        })
      : { session: aSession("none") };
    const transcript = await ledger.transcript(session, 10);
    expect(transcript.map(({ prompt, reply }) => [textOf(prompt.parts), reply && markdownOf(reply.parts)])).toEqual([
      ["new", "echo new"],
      ["old", undefined],
    ]);
  });

  test("has a limit that each agent can set", async () => {
    const { push, bodies } = await begin(echo({ eventAge: 3_600 }));
    await push(
      aMessage("older", { unsigned: { age: 50 * 60_000 } }),
      aMessage("old", { unsigned: { age: 61 * 60_000 } }),
    );
    await vi.waitFor(() => expect(bodies()).toEqual(["echo older"]), soon);
  });

  test("has a limit for the reply too: a later one is not sent, and leaves a dead letter", async () => {
    const { push, bodies, ledger, settled } = await begin(echo({ eventAge: 3_600, replyAge: 60 }));
    await push(aMessage("x", { unsigned: { age: 120_000 } }));
    await vi.waitFor(settled, soon);
    expect(bodies()).toEqual([]);
    expect(await ledger.deadLetters(5)).toMatchObject([{ kind: "turn", reason: expect.stringContaining("late") }]);
  });
});

describe("a deadline", () => {
  test("for the first text ends the turn, and the room is told", async () => {
    const { push, bodies, ledger } = await begin(guide({ firstText: 1 }));
    await push(aMessage("slow 60"));
    await vi.waitFor(() => expect(bodies()).toEqual([expect.stringMatching(/took too long/)]), soon);
    expect(await ledger.deadLetters(5)).toMatchObject([{ reason: expect.stringContaining("timeout") }]);
  });

  test("for the whole turn ends it, and a line completes the draft", async () => {
    const { push, bodies } = await begin(guide({ turnTime: 2 }));
    await push(aMessage("stream 500"));
    await vi.waitFor(() => expect(bodies().at(-1)).toMatch(/^\* 1\. A troupe.*interrupted here\.\)\*$/s), soon);
  });
});

describe("the limit of turns", () => {
  test("makes a sender wait, who still gets every answer", async () => {
    const { push, bodies } = await begin(echo(), { SENDER_TURNS_PER_MINUTE: 40 });
    await push(...Array.from({ length: 19 }, (_, n) => aMessage(`${n}`)));
    await vi.waitFor(() => expect(bodies()).toHaveLength(19), soon);
    await push(...Array.from({ length: 19 }, (_, n) => aMessage(`${n + 19}`)));
    await vi.waitFor(() => expect(bodies()).toHaveLength(38), soon);
    await push(...Array.from({ length: 4 }, (_, n) => aMessage(`${n + 38}`)));
    await vi.waitFor(() => expect(bodies().length).toBeGreaterThanOrEqual(40), soon);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(bodies().length).toBeLessThan(42);
    await vi.waitFor(() => expect(bodies()).toHaveLength(42), { timeout: 8_000, interval: 50 });
    expect(bodies()).toEqual(Array.from({ length: 42 }, (_, n) => `echo ${n}`));
  }, 20_000);
});
