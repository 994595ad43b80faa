import { expect, test } from "vitest";
import { BOUNDS } from "#core/bounds.ts";
import { boundedBody } from "./bounded-body.ts";

/** An answer that never ends; `given` says how many bytes were taken of it. */
function endless(status: number) {
  const chunk = new Uint8Array(64 * 1_024).fill(0x20);
  let given = 0;
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      given += chunk.byteLength;
      controller.enqueue(chunk);
    },
  });
  return { body: boundedBody(new Response(body, { status })), given: () => given, chunk };
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
