/** The contract of every backend. A new backend is complete when this suite passes for it. */
import { describe, expect, test } from "vitest";
import type { Backend, TurnContext, TurnEvent, TurnRequest } from "#core/turn/backend.ts";
import { NOTHING_LEARNT } from "#core/turn/learnt.ts";
import { systemClock } from "../clock.ts";

export const aRequest = (text: string, over: Partial<TurnRequest> = {}): TurnRequest => ({
  turnId: "turn1",
  agentId: "agent",
  agentName: "Agent",
  session: { key: "mx.agent.abc", scope: "dm" },
  kind: "message",
  instructions: "",
  context: "",
  model: "",
  input: [{ role: "user", id: "$1", parts: [{ type: "text", text }], sender: { userId: "@alice:hs.test" }, ts: 1 }],
  history: async () => [],
  room: { id: "!room", direct: true },
  ...over,
});

export const aContext = (over: Partial<TurnContext> = {}): TurnContext => {
  const signal = over.signal ?? new AbortController().signal;
  return {
    signal,
    fetch: (input, init) => fetch(input, init),
    now: () => systemClock.now(),
    sleep: (ms) => systemClock.sleep(ms, signal),
    patienceMs: 300_000,
    learnt: NOTHING_LEARNT,
    learn: async () => undefined,
    env: () => undefined,
    ...over,
  };
};

export async function eventsOf(stream: AsyncIterable<TurnEvent>): Promise<TurnEvent[]> {
  const events: TurnEvent[] = [];
  for await (const event of stream) events.push(event);
  return events;
}

export const textOf = (events: readonly TurnEvent[]): string =>
  events.map((event) => (event.type === "text-delta" ? event.delta : "")).join("");

interface Cases {
  make: () => Backend;
  /** A prompt that is answered. */
  fine: string;
  /** A prompt that fails. */
  failing?: string;
  /** A prompt whose answer takes much longer than 100 ms. */
  slow?: string;
  context?: Partial<TurnContext>;
}

/** There is one ending, which is the last event; an error stands right before its finish; every text is closed. */
function expectWellFormed(events: TurnEvent[]): void {
  const [first] = events;
  expect(first?.type).toBe("start");
  const endings = events.filter(({ type }) => type === "finish" || type === "abort");
  expect(endings).toEqual([events.at(-1)]);
  const open = new Set<string>();
  for (const event of events) {
    if (event.type === "text-start") open.add(event.id);
    if (event.type === "text-delta") expect(open).toContain(event.id);
    if (event.type === "text-end") expect(open.delete(event.id)).toBe(true);
  }
  expect([...open]).toEqual([]);
  const failed = events.findIndex(({ type }) => type === "error");
  if (failed !== -1) expect(events.slice(failed + 1)).toEqual([{ type: "finish", finishReason: "error" }]);
}

export function backendContract(name: string, { make, fine, failing, slow, context = {} }: Cases): void {
  describe(`${name} as a backend`, () => {
    test("answers: a start, text, one ending", async () => {
      const events = await eventsOf(make().startTurn(aRequest(fine), aContext(context)));
      expectWellFormed(events);
      expect(textOf(events)).not.toBe("");
      expect(events.at(-1)).toMatchObject({ type: "finish", finishReason: "stop" });
    });

    test("ends with abort when it is stopped before it begins", async () => {
      const signal = AbortSignal.abort();
      const events = await eventsOf(make().startTurn(aRequest(fine), aContext({ ...context, signal })));
      expectWellFormed(events);
      expect(events.at(-1)?.type).toBe("abort");
    });

    if (slow)
      test("ends with abort soon after it is stopped", async () => {
        const stop = new AbortController();
        const stream = make().startTurn(aRequest(slow), aContext({ ...context, signal: stop.signal }));
        setTimeout(() => stop.abort(), 100);
        const events = await eventsOf(stream);
        expectWellFormed(events);
        expect(events.at(-1)?.type).toBe("abort");
      });

    if (failing)
      test("ends with abort, not with an error, when a failing prompt is stopped", async () => {
        const stream = make().startTurn(aRequest(failing), aContext({ ...context, signal: AbortSignal.abort() }));
        const events = await eventsOf(stream);
        expectWellFormed(events);
        expect(events.at(-1)?.type).toBe("abort");
      });

    if (failing)
      test("fails with an error and a finish, and throws nothing", async () => {
        const events = await eventsOf(make().startTurn(aRequest(failing), aContext(context)));
        expectWellFormed(events);
        expect(events.at(-2)?.type).toBe("error");
        expect(events.at(-1)).toEqual({ type: "finish", finishReason: "error" });
      });

    test("declares capabilities that the contract knows", () => {
      const { capabilities } = make();
      expect(["client", "server"]).toContain(capabilities.history);
      expect(["disconnect", "request", "none"]).toContain(capabilities.cancel);
    });
  });
}
