/** How the tables of servers are run: an answer byte for byte, and what becomes of it. */
import { expect, test } from "vitest";
import type { ErrorCode, FinishReason } from "#core/turn/backend.ts";
import { aContext, aRequest, eventsOf, textOf } from "../backend.contract.ts";
import { openai } from "./openai.ts";
import { OpenAi } from "./settings.ts";

interface Shape {
  name: string;
  /** Where it was written down or seen. */
  source: string;
  /** 200 where it is not said. */
  status?: number;
  headers?: Record<string, string>;
  body: string;
  /** The answer, or the failure. */
  is: string | { ended: FinishReason } | { code: ErrorCode; retryAfterMs?: number; retryable?: boolean };
}

/** The records of a stream. A text is written as it is. */
export const stream = (...records: (object | string)[]): string =>
  records.map((record) => `data: ${typeof record === "string" ? record : JSON.stringify(record)}\n\n`).join("");

export const delta = (content: string, finish: string | null = null): object => ({
  id: "c",
  object: "chat.completion.chunk",
  created: 1,
  model: "m",
  choices: [{ index: 0, delta: { content }, finish_reason: finish }],
});
export const error = (message: string, more: object = {}): string => JSON.stringify({ error: { message, ...more } });
export const DONE = "[DONE]";

export function shapesOf(server: string, shapes: readonly Shape[]): void {
  test.for(shapes)(`${server}: $name`, async ({ status = 200, headers = {}, body, is, source }) => {
    expect(source).toMatch(/^https:\/\//);
    const backend = openai(OpenAi.parse({ use: "openai", baseUrl: "http://model.test/v1", model: "m" }));
    const fetch = async () => new Response(body, { status, headers });
    const events = await eventsOf(backend.startTurn(aRequest("x"), aContext({ fetch, patienceMs: 0 })));
    if (typeof is === "object" && "code" in is) {
      expect(events.at(-2)).toMatchObject({ type: "error", ...is });
    } else {
      expect(events.filter(({ type }) => type === "error")).toEqual([]);
      if (typeof is === "string") expect(textOf(events)).toBe(is);
      expect(events.at(-1)).toMatchObject({ type: "finish", finishReason: typeof is === "string" ? "stop" : is.ended });
    }
  });
  test(`${server}: at least three shapes`, () => expect(shapes.length).toBeGreaterThanOrEqual(3));
}
