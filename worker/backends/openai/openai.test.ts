/** The backend on the wire, against a mock of a model's server. */
import { LLMock } from "@copilotkit/aimock";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { InputMessage } from "#core/turn/backend.ts";
import { aContext, aRequest, backendContract, eventsOf, textOf } from "../backend.contract.ts";
import { OpenAi, openai } from "./openai.ts";

const KEY = "sk-a-key-nobody-may-see";
const model = new LLMock({ port: 0, logLevel: "silent" });
beforeAll(async () => {
  await model.start();
});
afterAll(async () => {
  await model.stop();
});

const make = (over = {}) =>
  openai(OpenAi.parse({ use: "openai", baseUrl: "$MODEL_URL", apiKey: "$MODEL_KEY", model: "m", ...over }));
const env = (name: string) => ({ MODEL_URL: `${model.url}/v1`, MODEL_KEY: KEY })[name];
const ask = (text: string, over = {}, request = {}) =>
  eventsOf(make(over).startTurn(aRequest(text, request), aContext({ env })));

beforeEach(() => {
  model.reset();
  model.onMessage(
    "fine",
    { content: "It is **fine**, and takes a few words to say so." },
    { chunkSize: 8, latency: 5 },
  );
  model.onMessage("endless", { content: "word ".repeat(2_000) }, { chunkSize: 5, latency: 50 });
  model.onMessage("broken", { error: { message: `do not print ${KEY}`, type: "server_error" }, status: 500 });
});

backendContract("openai", { make, fine: "fine", failing: "broken", slow: "endless", context: { env } });

describe("openai", () => {
  test("says the model's words as they come, and sends key, model and instructions", async () => {
    const shown: Array<string | null> = [];
    const context = aContext({
      env,
      fetch: (input, init) => {
        shown.push(new Headers(init?.headers).get("authorization"));
        return fetch(input, init);
      },
    });
    const events = await eventsOf(make().startTurn(aRequest("fine"), context));
    expect(shown).toEqual([`Bearer ${KEY}`]);
    expect(textOf(events)).toBe("It is **fine**, and takes a few words to say so.");
    expect(events.filter(({ type }) => type === "text-delta").length).toBeGreaterThan(3);
    const [asked] = model.getRequests();
    expect(asked?.body).toMatchObject({
      model: "m",
      stream: true,
      messages: [{ role: "system" }, { role: "user", content: "fine" }],
    });
  });

  test.for<[status: number, code: string, retryable: boolean]>([
    [400, "bad_request", false],
    [401, "auth", false],
    [402, "quota", false],
    [403, "auth", false],
    [404, "not_found", false],
    [408, "timeout", true],
    [409, "busy", true],
    [413, "unsupported_input", false],
    [415, "unsupported_input", false],
    [429, "rate_limit", true],
    [500, "upstream", true],
    [503, "upstream", true],
    [504, "timeout", true],
  ])("takes %i for %s, worth another try: %s", async ([status, code, retryable]) => {
    model.onMessage("refused", { error: { message: "no", type: "error" }, status });
    expect((await ask("refused")).at(-2)).toMatchObject({ type: "error", status, code, retryable });
  });

  test("never repeats the key, not even when the server does", async () => {
    expect(JSON.stringify(await ask("broken"))).not.toContain(KEY);
  });

  test("that is cut in the middle has lost its connection", async () => {
    model.onMessage("cut", { content: "word ".repeat(200) }, { chunkSize: 5, latency: 2, truncateAfterChunks: 20 });
    const events = await ask("cut");
    expect(textOf(events)).toMatch(/^word /);
    expect(events.at(-2)).toMatchObject({ type: "error", code: "disconnected", retryable: true });
  });

  test("that cannot be reached has lost its connection", async () => {
    expect((await ask("x", { baseUrl: "http://127.0.0.1:9/v1" })).at(-2)).toMatchObject({
      code: "disconnected",
      retryable: true,
    });
  });

  test("says so when its address is none", async () => {
    expect((await ask("x", { baseUrl: "localhost:11434/v1" })).at(-2)).toMatchObject({
      code: "not_configured",
      retryable: false,
      errorText: expect.stringContaining("baseUrl"),
    });
  });

  test("names the variable that is not set", async () => {
    const events = await ask("x", { baseUrl: "$NOT_SET" });
    expect(events.at(-2)).toMatchObject({
      code: "not_configured",
      retryable: false,
      errorText: expect.stringContaining("$NOT_SET"),
    });
  });

  test("sends earlier messages, and in a room of several who said them", async () => {
    const past: InputMessage[] = [
      { role: "user", id: "$0", parts: [{ type: "text", text: "before" }], sender: { userId: "@bob:hs.test" }, ts: 0 },
      { role: "assistant", id: "t0", parts: [{ type: "text", text: "answered" }], ts: 0 },
    ];
    await ask("fine", {}, { history: async () => past, room: { id: "!room", direct: false } });
    expect(model.getRequests()[0]?.body).toMatchObject({
      messages: [
        { role: "system" },
        { role: "user", content: "@bob:hs.test: before" },
        { role: "assistant", content: "answered" },
        { role: "user", content: "@alice:hs.test: fine" },
      ],
    });
  });

  test("sends the messages of one turn as one, each with its sender in a room of several", async () => {
    const said = (id: string, text: string, userId: string): InputMessage => {
      return { role: "user", id, parts: [{ type: "text", text }], sender: { userId }, ts: 0 };
    };
    const input = [
      said("$1", "one", "@alice:hs.test"),
      said("$2", "two", "@bob:hs.test"),
      said("$3", "fine", "@alice:hs.test"),
    ];
    const expectSent = async (direct: boolean, content: string) => {
      model.reset();
      model.onMessage(/fine/, { content: "ok" });
      await ask("", {}, { input, room: { id: "!room", direct } });
      const messages = [{ role: "system" }, { role: "user", content }];
      expect(model.getRequests()[0]?.body).toMatchObject({ messages });
    };
    await expectSent(false, "@alice:hs.test: one\n\n@bob:hs.test: two\n\n@alice:hs.test: fine");
    await expectSent(true, "one\n\ntwo\n\nfine");
  });
});

describe("what is told beside the words", () => {
  const sent = () => model.getRequests()[0]?.body as { model: string; messages: { role: string; content: string }[] };
  test("is in the system message where it is the operator's, and with the question where it quotes the room", async () => {
    const past: InputMessage[] = [
      { role: "user", id: "$0", parts: [{ type: "text", text: "before" }], sender: { userId: "@bob:hs.test" }, ts: 0 },
      { role: "assistant", id: "t0", parts: [{ type: "text", text: "answered" }], ts: 0 },
    ];
    const request = { instructions: "Be brief.", context: "<room-data>\n</room-data>", history: async () => past };
    await ask("fine", {}, { ...request, room: { id: "!room", direct: false } });
    expect(sent().messages.map(({ role }) => role)).toEqual(["system", "user", "assistant", "user"]);
    expect(sent().messages[0]?.content).toMatch(/^Be brief\.\n\nYou are Agent/);
    expect(sent().messages[3]?.content).toBe("<room-data>\n</room-data>\n\n@alice:hs.test: fine");
  });

  test("counts, and never falls victim to the budget", async () => {
    const past: InputMessage[] = [{ role: "user", id: "$0", parts: [{ type: "text", text: "before" }], ts: 0 }];
    const context = "x".repeat(1_000);
    await ask("fine", { historyTokens: 100 }, { context, history: async () => past });
    expect(sent().messages.slice(1)).toEqual([{ role: "user", content: `${context}\n\nfine` }]);
  });

  test("may be another model, which is taken as it stands", async () => {
    await ask("fine", { model: "$NOT_SET" }, { model: "$MODEL_KEY" });
    expect(sent().model).toBe("$MODEL_KEY");
  });
});
