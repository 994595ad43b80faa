import { expect, test } from "vitest";
import { BOUNDS } from "#core/bounds.ts";
import { boundedFetch } from "./bounded-fetch.ts";

const atOnce = async () => undefined;

/** An answer that never ends; `given` says how many bytes were taken of it. */
function endless(status: number) {
  const chunk = new TextEncoder().encode("data: {}\n\n".repeat(6_000));
  let given = 0;
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      given += chunk.byteLength;
      controller.enqueue(chunk);
    },
  });
  return { fetch: boundedFetch(async () => new Response(body, { status }), atOnce), given: () => given, chunk };
}

test("a stream without end is broken off at its bound", async () => {
  const { fetch, given, chunk } = endless(200);
  const { body } = await fetch("http://model.test");
  const read = async () => {
    for await (const _ of body ?? []);
  };
  await expect(read()).rejects.toThrow(`more than ${BOUNDS.backendStream.max} bytes`);
  expect(given()).toBeLessThan(BOUNDS.backendStream.max + 10 * chunk.byteLength);
});

test("a page of an error without end is cut at its bound", async () => {
  const { fetch, given, chunk } = endless(500);
  const answer = await fetch("http://model.test");
  expect([answer.status, (await answer.text()).length]).toEqual([500, BOUNDS.backendError.max]);
  expect(given()).toBeLessThan(BOUNDS.backendError.max + 10 * chunk.byteLength);
});

test("an event without end is broken off at its bound, also in lines", async () => {
  for (const line of ["x".repeat(60_000), "data: a\n", "data: a\r\n"]) {
    const many = new TextEncoder().encode(line.repeat(Math.ceil((BOUNDS.backendEvent.max * 1.1) / line.length)));
    const { body } = await boundedFetch(async () => new Response(many), atOnce)("http://model.test");
    const read = async () => {
      for await (const _ of body ?? []);
    };
    await expect(read()).rejects.toThrow(`an event of the answer has more than ${BOUNDS.backendEvent.max} bytes`);
  }
});

test.for<[how: string, chunks: number, bytes: number]>([
  ["in one chunk", 1, 100_000],
  ["in chunks of one byte", 10_000, 1],
])("other work goes on while an answer is read that comes %s", async ([, chunks, bytes]) => {
  let [taken, breaks] = [0, 0];
  const source = new ReadableStream<Uint8Array>({
    start(controller) {
      for (let at = 0; at < chunks; at++) controller.enqueue(new Uint8Array(bytes).fill(0x0a));
      controller.close();
    },
  });
  const giveWay = async () => {
    breaks++;
  };
  const { body } = await boundedFetch(async () => new Response(source), giveWay)("http://model.test");
  for await (const slice of body ?? []) {
    expect(slice.byteLength).toBeLessThanOrEqual(BOUNDS.backendSlice.max);
    taken += slice.byteLength;
  }
  expect(taken).toBe(chunks * bytes);
  expect(breaks).toBeGreaterThan(20);
});
