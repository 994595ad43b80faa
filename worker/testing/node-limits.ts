/** Makes the limits of Node's `fetch` short, so that a test can see who is subject to them. */

/** Where Node's client keeps its limits. */
const PLACE = Symbol.for("undici.globalDispatcher.1");

/** While `use` runs, `fetch` waits half a second for headers and between two pieces of a body, and not five minutes. */
export async function withShortLimits(use: () => Promise<void>): Promise<void> {
  // Node makes it with the first request.
  await fetch("data:,").then((response) => response.text());
  const before = Reflect.get(globalThis, PLACE) as { constructor: new (limits: object) => object };
  Reflect.set(globalThis, PLACE, new before.constructor({ headersTimeout: 500, bodyTimeout: 500 }));
  try {
    await use();
  } finally {
    Reflect.set(globalThis, PLACE, before);
  }
}
