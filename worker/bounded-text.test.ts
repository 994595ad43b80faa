import { expect, test } from "vitest";
import { boundedText } from "./bounded-text.ts";

/** A body in pieces of one byte; `read` counts those that were taken. */
function pieces(text: string) {
  let read = 0;
  async function* body() {
    for (const byte of new TextEncoder().encode(text)) {
      read++;
      yield Uint8Array.of(byte);
    }
  }
  return { body: body(), read: () => read };
}

test("a body is read whole up to its bound, also where a character comes in pieces", async () => {
  expect(await boundedText(pieces("é🎉x").body, 7)).toBe("é🎉x");
});

test("a longer one is refused, and no more of it is read", async () => {
  const { body, read } = pieces("x".repeat(100));
  await expect(boundedText(body, 10)).rejects.toThrow("more than 10 bytes");
  expect(read()).toBe(11);
});
