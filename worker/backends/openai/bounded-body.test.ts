import { expect, test } from "vitest";
import { BOUNDS } from "#core/bounds.ts";
import { boundedBody } from "./bounded-body.ts";

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
  return { body: boundedBody(new Response(body, { status }), atOnce), given: () => given, chunk };
}

test("a stream without end is broken off at its bound", async () => {
  const { body, given, chunk } = endless(200);
  const read = async () => {
    for await (const _ of body ?? []);
  };
  await expect(read()).rejects.toThrow(`more than ${BOUNDS.backendStream.max} bytes`);
  expect(given()).toBeLessThan(BOUNDS.backendStream.max + 10 * chunk.byteLength);
});

test("a page of an error without end is cut at its bound", async () => {
  const { body, given, chunk } = endless(500);
  expect(await new Response(body).text()).toHaveLength(BOUNDS.backendError.max);
  expect(given()).toBeLessThan(BOUNDS.backendError.max + 10 * chunk.byteLength);
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
  const body = boundedBody(new Response(source), giveWay);
  for await (const slice of body ?? []) {
    expect(slice.byteLength).toBeLessThanOrEqual(BOUNDS.backendSlice.max);
    taken += slice.byteLength;
  }
  expect(taken).toBe(chunks * bytes);
  expect(breaks).toBeGreaterThan(20);
});
