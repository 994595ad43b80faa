import { describe, expect, test } from "vitest";
import { BOUNDS } from "#core/bounds.ts";
import type { Agent } from "#core/configuration/agent.ts";
import { type Layer, resolve } from "#core/configuration/settings.ts";
import { UNKNOWN_SENDER, unknownRoom } from "#core/gate/facts.ts";
import { err, ok } from "#core/result.ts";
import type { Backend, TurnEvent, TurnRequest } from "#core/turn/backend.ts";
import type { Running } from "#ports/lanes.ts";
import { anIntent } from "#testing/intent.ts";
import { aStoredTurn, ECHO, NAMESPACE, ROOM } from "#testing/ledger-rows.ts";
import { systemClock } from "../clock.ts";
import { type AttemptNeeds, attempt } from "./attempt.ts";

const delta = (text: string): TurnEvent => ({ type: "text-delta", id: "0", delta: text });
const FINISH: TurnEvent = { type: "finish", finishReason: "stop" };
const turn = aStoredTurn({ state: "running", attempt: 1 });
const agentWith = (layer: Layer = {}): Agent => ({
  id: ECHO,
  name: "Echo",
  backend: { use: "fake" },
  ...resolve([layer], {}),
  everywhere: { admins: [], commands: {} },
});
const running: Running = {
  lease: { lane: "session:mx.echo.1", fence: 1 },
  lost: new AbortController().signal,
  rung: () => new Promise(() => undefined),
  release: (write) => write(),
};
/** One attempt at a turn with a backend that gives these events: what was shown, and what the backend was asked. */
async function attempted(
  events: TurnEvent[],
  {
    layer = {},
    decrypts = true,
    context = true,
    settings = {},
  }: { layer?: Layer; decrypts?: boolean; context?: boolean; settings?: object } = {},
) {
  const looked: (string | undefined)[] = [];
  let patienceMs = 0;
  let pauses = 0;
  const shown: string[] = [];
  const asked: TurnRequest[] = [];
  const backend: Backend = {
    capabilities: { history: "server", context, streaming: true, reasoning: false, cancel: "none", idempotent: false },
    async *startTurn(request, { env, ...context }) {
      asked.push(request);
      patienceMs = context.patienceMs;
      looked.push(...["OPENAI_API_KEY", "OTHER_API_KEY", "AS_TOKEN"].map(env));
      yield* events;
    },
  };
  const needs: AttemptNeeds = {
    ledger: {
      room: async () => ({ ...unknownRoom(ROOM), direct: false, joinedCount: 3 }),
      event: async () => undefined,
      isFirst: async () => true,
      chatter: async () => [],
      transcript: async () => [],
      sender: async () => UNKNOWN_SENDER,
      setLearnt: async () => undefined,
      controls: async () => [],
    },
    delivery: { draft: () => ({ show: (text) => void shown.push(text()), close: async () => "unused" as const }) },
    backends: {
      create: (spec) => (spec["decrypted"] ? ok(backend) : err("encrypted")),
      digest: async () => "digest",
    },
    cipher: { decrypt: async (spec) => (decrypts ? ok({ ...spec, ...settings, decrypted: true }) : err("no key")) },
    clock: {
      now: systemClock.now,
      sleep(ms, signal) {
        pauses += ms > 0 ? 0 : 1;
        return systemClock.sleep(ms, signal);
      },
    },
    log: () => undefined,
    namespace: NAMESPACE,
    fetch,
    env: (name) => `value of ${name}`,
    agentEnv: { patterns: ["*_API_KEY"], ofFile: [] },
    turnMsMax: 60_000,
  };
  const intent = anIntent(async () => ok({}));
  const { outcome } = await attempt(needs, running, turn, { agent: agentWith(layer), learnt: [] }, intent);
  return { outcome, asked, looked, patienceMs, pauses, visible: shown.filter((text) => text !== "") };
}

describe("an attempt", () => {
  test("gives way to other work while a backend that never waits goes on", async () => {
    const { max } = BOUNDS.streamEventsAtOnce;
    const { pauses, outcome } = await attempted([...Array.from({ length: 10 * max }, () => delta("word ")), FINISH]);
    expect(outcome).toMatchObject({ kind: "answered" });
    expect(pauses).toBe(10);
  });
  test("is ended where the answer has no end, and people are told", async () => {
    const { outcome } = await attempted(Array.from({ length: 30 }, () => delta("x".repeat(BOUNDS.reply.max / 20))));
    expect(outcome).toMatchObject({ kind: "tooLong", shown: "x".repeat(BOUNDS.reply.max) });
  });
  test("shows nothing of a decline", async () => {
    const events = [..."NO_REPLY"].map(delta);
    expect(await attempted([...events, FINISH])).toMatchObject({ outcome: { kind: "silent" }, visible: [] });
  });
  test("shows an answer that only began like a decline", async () => {
    const { outcome, visible } = await attempted([delta("NO"), delta(" way"), FINISH]);
    expect(outcome).toEqual({ kind: "answered", text: "NO way" });
    expect(visible[0]).toBe("NO way");
  });
  test("gives the backend the agent's settings in this room, and the room", async () => {
    const { asked } = await attempted([delta("x"), FINISH], { layer: { prompt: "Be brief.", model: "m2" } });
    expect(asked).toMatchObject([{ instructions: "Be brief.", model: "m2", session: { scope: "room" } }]);
    expect(asked[0]?.context).toContain('{"what":"room","id":"!room"}');
  });
  test("kind 6: tells the backend how long its first text may take", async () => {
    const turns = (firstText: number) => attempted([FINISH], { layer: { turns: { firstText } } });
    expect([(await turns(20)).patienceMs, (await turns(900)).patienceMs]).toEqual([20_000, 60_000]);
  });
  test("gathers no context for a backend that does not read it", async () => {
    const { asked } = await attempted([delta("x"), FINISH], { context: false });
    expect(asked).toMatchObject([{ context: "" }]);
  });
  test("lets the backend read the variables its settings name, and no others", async () => {
    const { looked } = await attempted([FINISH], { settings: { apiKey: "$OPENAI_API_KEY" } });
    expect(looked).toEqual(["value of OPENAI_API_KEY", undefined, undefined]);
  });
  test.for<[name: string, detail: string]>([
    ["AWS_SECRET_ACCESS_KEY", "AGENT_ENV=*_API_KEY,AWS_SECRET_ACCESS_KEY"],
    ["AS_TOKEN", "settings of the bridge"],
    ["as_token", "settings of the bridge"],
    ["LIBSQL_URL", "settings of the bridge"],
  ])("asks no backend whose settings name %s, and says why", async ([name, detail]) => {
    const { outcome, asked } = await attempted([FINISH], { settings: { headers: [`$${name}`] } });
    expect(outcome).toMatchObject({ code: "not_configured", detail: expect.stringContaining(detail) });
    expect(asked).toEqual([]);
  });
  test("fails when the backend's secrets cannot be decrypted", async () => {
    const { outcome } = await attempted([FINISH], { decrypts: false });
    expect(outcome).toMatchObject({ kind: "failed", code: "not_configured", detail: "no key", retryable: false });
  });
});
