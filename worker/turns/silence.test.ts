/** An agent may decline to answer: from the first letter on nobody sees any of it. */
import { describe, expect, test } from "vitest";
import type { Agent } from "#core/configuration/agent.ts";
import { type Layer, resolve } from "#core/configuration/settings.ts";
import { unknownRoom } from "#core/gate/facts.ts";
import { UserId } from "#core/protocol/ids.ts";
import { err, ok } from "#core/result.ts";
import { NOTHING_TO_SAY, STOPPED } from "#core/strings/replies.ts";
import type { Backend, TurnEvent, TurnRequest } from "#core/turn/backend.ts";
import type { Turn } from "#core/turn/turn.ts";
import type { Delivery } from "#ports/delivery.ts";
import type { Ghosts, Intent } from "#ports/homeserver.ts";
import type { Running } from "#ports/lanes.ts";
import type { Ledger } from "#ports/ledger.ts";
import type { Lack } from "#ports/turns.ts";
import { aTurn, ECHO, NAMESPACE, ROOM } from "#testing/ledger-rows.ts";
import { systemClock } from "../clock.ts";
import { type AttemptNeeds, attempt } from "./attempt.ts";
import { conclude } from "./conclude.ts";
import { type Outcome, Words } from "./words.ts";

const delta = (text: string): TurnEvent => ({ type: "text-delta", id: "0", delta: text });
const FINISH: TurnEvent = { type: "finish", finishReason: "stop" };
const ended = (...events: TurnEvent[]): { words: Words; outcome: Outcome | undefined } => {
  const words = new Words();
  let outcome: Outcome | undefined;
  for (const value of events) outcome ??= words.take({ done: false, value });
  return { words, outcome };
};

describe("words", () => {
  test.for(["NO_REPLY", " NO_REPLY\n", "[SILENT]"])("%j is none", (text) =>
    expect(ended(delta(text), FINISH).outcome).toEqual({ kind: "silent" }),
  );
  test.for(["NO_REPLY.", "no_reply", "NO_REPLY NO_REPLY", "I say NO_REPLY", "NO", "[SILENT", ""])(
    "%j is an answer",
    (text) => expect(ended(delta(text), FINISH).outcome).toEqual({ kind: "answered", text }),
  );
  test.for<[text: string, visible: string]>([
    ["N", ""],
    [" NO_RE", ""],
    ["NO_REPLY\n", ""],
    ["[SI", ""],
    ["No", "No"],
    ["NO ", "NO "],
    ["NO_REPLY to you", "NO_REPLY to you"],
    ["[link]", "[link]"],
  ])("of %j people see %j", ([text, visible]) => expect(ended(delta(text)).words.visible).toBe(visible));
  test("that broke off before they could be told from none were never seen", () => {
    const error: TurnEvent = { type: "error", errorText: "gone", code: "disconnected", retryable: true };
    expect(ended(delta("NO_RE"), error).outcome).toMatchObject({ kind: "failed", shown: "" });
  });
});

const turn: Turn = { ...aTurn(), ...{ hop: 0, seq: 1, state: "running", attempt: 1, failures: 0 } };
const agentWith = (layer: Layer = {}): Agent => ({
  ...{ id: ECHO, name: "Echo", backend: { use: "fake" } },
  ...resolve([layer], {}),
  everywhere: { admins: [], commands: {} },
});
const running: Running = {
  lease: { lane: "session:mx.echo.1", fence: 1 },
  lost: new AbortController().signal,
  rung: () => new Promise(() => undefined),
};
/** Stands where nothing may be asked of what is not given. */
const only = <T extends object>(given: Partial<T>): T => given as T;

/** An attempt against a backend that says these events; what was shown, what it was asked. */
async function attempted(events: TurnEvent[], { layer = {}, opens = true }: { layer?: Layer; opens?: boolean } = {}) {
  const shown: string[] = [];
  const asked: TurnRequest[] = [];
  const backend: Backend = {
    capabilities: { history: "server", streaming: true, reasoning: false, cancel: "none", idempotent: false },
    async *startTurn(request) {
      asked.push(request);
      yield* events;
    },
  };
  const needs: AttemptNeeds = {
    ledger: only<Ledger>({
      room: async () => ({ ...unknownRoom(ROOM), direct: false, joinedCount: 3 }),
      event: async () => undefined,
    }),
    delivery: only<Delivery>({
      draft: () => ({ show: (text) => void shown.push(text), close: async () => undefined }),
    }),
    ghosts: only<Ghosts>({}),
    backends: { check: (spec) => (spec["decrypted"] ? ok(backend) : err("encrypted")) },
    cipher: {
      encrypt: async (spec) => ok(spec),
      decrypt: async (spec) => (opens ? ok({ ...spec, decrypted: true }) : err("no key")),
      masked: (spec) => spec,
    },
    clock: systemClock,
    log: () => undefined,
    namespace: NAMESPACE,
    fetch,
    env: () => undefined,
    turnMsMax: 60_000,
  };
  const intent = only<Intent>({ userId: UserId.parse("@agent_echo:hs.test"), typing: async () => ok({}) });
  const outcome = await attempt(needs, running, turn, agentWith(layer), intent);
  return { outcome, asked, visible: shown.filter((text) => text !== "") };
}

describe("an attempt", () => {
  test("shows nothing of an answer that is none", async () => {
    const events = [..."NO_REPLY"].map(delta);
    expect(await attempted([...events, FINISH])).toMatchObject({ outcome: { kind: "silent" }, visible: [] });
  });
  test("shows an answer that only began like that", async () => {
    const { outcome, visible } = await attempted([delta("NO"), delta(" way"), FINISH]);
    expect(outcome).toEqual({ kind: "answered", text: "NO way" });
    expect(visible[0]).toBe("NO way");
  });
  test("tells the backend what holds for the agent here, and where it is", async () => {
    const { asked } = await attempted([delta("x"), FINISH], { layer: { prompt: "Be brief.", model: "m2" } });
    expect(asked).toMatchObject([{ instructions: "Be brief.", model: "m2", session: { scope: "room" } }]);
    expect(asked[0]?.context).toContain('{"what":"room","id":"!room"}');
  });
  test("fails where the backend's secrets cannot be opened", async () => {
    const { outcome } = await attempted([FINISH], { opens: false });
    expect(outcome).toMatchObject({ kind: "failed", code: "not_configured", detail: "no key", retryable: false });
  });
});

describe("a turn with nothing said", () => {
  async function concluded(outcome: Outcome, draft: boolean) {
    const done: unknown[] = [];
    const ledger = only<Ledger>({
      outboxRow: async () => (draft ? { state: "sent" as const } : undefined),
      endTurn: async (_lease, _id, lack: Lack) => done.push(["ended", lack]) > 0,
      answered: async (_lease, _id, reply) => done.push(["answered", reply]) > 0,
    });
    const delivery = only<Delivery>({ draftKey: () => "key", rows: () => [] });
    const how = await conclude({ ledger, delivery, log: () => undefined }, running, turn, agentWith(), outcome);
    return { how, done };
  }
  test("ends, and nobody is told", async () =>
    expect(await concluded({ kind: "silent" }, false)).toEqual({
      how: "silent",
      done: [["ended", { ending: "silent" }]],
    }));
  test("says so where somebody has seen the beginning of something", async () =>
    expect(await concluded({ kind: "silent" }, true)).toEqual({
      how: "stored",
      done: [["answered", { kind: "notice", markdown: NOTHING_TO_SAY }]],
    }));
  test("says so where the answer is empty, as ever", async () =>
    expect((await concluded({ kind: "answered", text: " " }, false)).done).toEqual([
      ["answered", { kind: "notice", markdown: NOTHING_TO_SAY }],
    ]));
  test("says that it was stopped where it was", async () =>
    expect((await concluded({ kind: "stopped", shown: "" }, false)).done).toEqual([
      ["answered", { kind: "notice", markdown: STOPPED }],
    ]));
});
