/**
 * Streams whose records are dropped, doubled, reordered, mixed with unknown ones and cut at any byte. What was sent whole is
 * said, what ended well is not asked again, and what was cut is not called whole.
 */
import { describe, expect, test } from "vitest";
import { Dice } from "#testing/chance.ts";
import { aContext, aRequest, eventsOf, textOf } from "../backend.contract.ts";
import { openai } from "./openai.ts";
import { OpenAi } from "./settings.ts";

/** What is sent, what it says, and whether the answer ends with it. */
interface Sent {
  text: string;
  says: string;
  ends: boolean;
}

const chunk = (delta: object, finish: string | null = null): string =>
  `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", choices: [{ index: 0, delta, finish_reason: finish }] })}`;
const says = (words: string): Sent => ({ text: chunk({ content: words }), says: words, ends: false });
const silent = (text: string): Sent => ({ text, says: "", ends: false });
const STOP: Sent = { text: chunk({}, "stop"), says: "", ends: true };
const DONE: Sent = { text: "data: [DONE]", says: "", ends: true };
const USAGE = silent('data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":5,"total_tokens":8}}');

const UNKNOWN: readonly Sent[] = [
  ": keep-alive",
  "data:",
  "data: {}",
  "data: []",
  "data: null",
  "data: 42",
  'data: "words"',
  "data: {not json",
  'data: {"choices":null}',
  'data: {"choices":[{"index":0,"delta":null}]}',
  'data: {"object":"chat.completion.chunk","usage":{"prompt_tokens":3}}',
  'data: {"error":null,"timings":{"predicted_ms":NaN}}',
  'event: tool.progress\ndata: {"tool":"search","pct":50}',
  'event: ping\ndata: {"type":"ping"}',
  'event: tool.error\ndata: {"tool":"search","error":"no network"}',
  "id: 7\nretry: 1000",
  "<!-- a proxy was here -->",
].map(silent);

const WORDS = ["Grüße ", "aus 🎉 ", '"dem" ', "\\Feld{}[]\n", "data: und\n\n", "zurück."];
const ROLE = silent(chunk({ role: "assistant", content: "" }));
const THOUGHT = silent(chunk({ reasoning_content: "hm" }));
const STREAMS: Record<string, readonly Sent[]> = {
  "as OpenAI streams": [ROLE, ...WORDS.map(says), STOP, USAGE, DONE],
  "with thoughts between": [ROLE, THOUGHT, ...WORDS.flatMap((words) => [says(words), THOUGHT]), STOP],
  "without a finish reason": [...WORDS.map(says), DONE],
  "with the end in the last word": [
    ...WORDS.map(says),
    { text: chunk({ content: "Ende" }, "stop"), says: "Ende", ends: true },
  ],
  "as one completion": [
    {
      text: JSON.stringify({ object: "chat.completion", choices: [{ message: { content: WORDS.join("") } }] }, null, 2),
      says: WORDS.join(""),
      ends: true,
    },
  ],
};

function mangled(sent: readonly Sent[], dice: Dice): Sent[] {
  const records = sent.flatMap((record) => {
    if (dice.oneIn(10)) return [];
    return dice.oneIn(10) ? [record, record] : [record];
  });
  for (let swaps = dice.below(3); swaps > 0 && records.length > 1; swaps--) {
    const at = dice.below(records.length - 1);
    records.splice(at, 2, ...records.slice(at, at + 2).reverse());
  }
  for (let more = dice.below(4); more > 0; more--) {
    records.splice(dice.below(records.length + 1), 0, dice.pick(UNKNOWN));
  }
  return records;
}

const encoder = new TextEncoder();

/** The bytes of the records up to the cut, and what was sent whole by then. */
function cutAt(records: readonly Sent[], newline: string, part: number) {
  const separated = records.map(({ text }) => `${text}\n\n`.replaceAll("\n", newline));
  const bytes = encoder.encode(separated.join(""));
  const end = Math.round(bytes.length * part);
  let before = 0;
  const whole = records.filter((_record, index) => {
    const text = separated[index] ?? "";
    const isWhole = before + encoder.encode(text.trimEnd()).length <= end;
    before += encoder.encode(text).length;
    return isWhole;
  });
  return { bytes: bytes.slice(0, end), whole };
}

/** The answer in pieces of random size, which then ends or breaks. */
function served(bytes: Uint8Array<ArrayBuffer>, dice: Dice, breaks: boolean): Response {
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (let at = 0; at < bytes.length; ) {
        const next = at + 1 + dice.below(60);
        controller.enqueue(bytes.subarray(at, next));
        at = next;
      }
    },
    pull(controller) {
      if (breaks) controller.error(new Error("reset"));
      else controller.close();
    },
  });
  const type = dice.oneIn(2) ? "text/event-stream" : "application/json";
  return new Response(body, { headers: { "content-type": type } });
}

const backend = openai(OpenAi.parse({ use: "openai", baseUrl: "http://model.test/v1", model: "m" }));

async function ask(response: Response) {
  const events = await eventsOf(backend.startTurn(aRequest("x"), aContext({ fetch: async () => response })));
  return { text: textOf(events), failure: events.find(({ type }) => type === "error"), ending: events.at(-1) };
}

describe.for(Object.entries(STREAMS))("a stream %s", ([, sent]) => {
  test.for([...Array(60).keys()])("is read rightly however it is mangled and cut, seed %i", async (seed) => {
    const dice = new Dice(seed);
    // A completion has one record: another one beside it is another answer.
    const records = sent.length === 1 ? [...sent] : mangled(sent, dice);
    const newline = dice.pick(["\n", "\r\n", "\r"]);
    const isCut = !dice.oneIn(3);
    const { bytes, whole } = cutAt(records, newline, isCut ? dice.below(1_000) / 1_000 : 1);
    const { text, failure, ending } = await ask(served(bytes, dice, isCut && dice.oneIn(2)));

    expect(text).toBe(whole.map((record) => record.says).join(""));
    if (whole.some(({ ends }) => ends)) {
      expect(failure).toBeUndefined();
      expect(ending).toMatchObject({ type: "finish", finishReason: "stop" });
    } else {
      expect(failure).toMatchObject({ retryable: true });
    }
  });
});
