/** The length of a body is bounded, at the homeserver's door and at the operator's; a long one is stored in slices. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { BOUNDS } from "#core/bounds.ts";
import { type Composed, composed } from "#testing/composed.ts";
import { anEvent } from "#testing/events.ts";

let world: Composed;
beforeEach(async () => {
  world = await composed({});
});
afterEach(() => world.close());

const PUSH = "/_matrix/app/v1/transactions/1";
const tokens = { [PUSH]: "hs-token-of-tests", "/admin/agents": "admin-of-tests" };

/** A body that arrives piece by piece; `read` says how much of it was taken. */
function streamed(bytes: number): { body: ReadableStream<Uint8Array>; read: () => number } {
  const piece = new Uint8Array(1_024 * 1_024).fill(0x20);
  let given = 0;
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (given >= bytes) return controller.close();
      given += piece.length;
      controller.enqueue(piece);
    },
  });
  return { body, read: () => given };
}

describe.each([
  { path: PUSH, bytes: BOUNDS.transactionBody.max, error: { errcode: "M_TOO_LARGE" } },
  { path: "/admin/agents", bytes: BOUNDS.apiBody.max, error: { errors: [expect.stringContaining("more than")] } },
] as const)("a body for $path", ({ path, bytes, error }) => {
  const put = (headers: Record<string, string>, body: BodyInit, token: string = tokens[path]) =>
    world.app.http.request(path, {
      method: "PUT",
      headers: { ...headers, authorization: `Bearer ${token}` },
      body,
      duplex: "half",
    } as RequestInit);

  test("that says it is too long is refused before it is read", async () => {
    const { body, read } = streamed(bytes);
    const answer = await put({ "content-length": String(bytes + 1) }, body);
    expect([answer.status, await answer.json()]).toEqual([413, expect.objectContaining(error)]);
    expect(read()).toBeLessThan(4 * 1_024 * 1_024);
  });

  test("that does not say how long it is is cut where it gets too long", async () => {
    const { body, read } = streamed(10 * bytes);
    const answer = await put({}, body);
    expect([answer.status, await answer.json()]).toEqual([413, expect.objectContaining(error)]);
    expect(read()).toBeLessThan(bytes + 4 * 1_024 * 1_024);
  });

  test("with a wrong token is not read", async () => {
    const { body, read } = streamed(bytes);
    expect([401, 403]).toContain((await put({}, body, "wrong")).status);
    expect(read()).toBeLessThan(4 * 1_024 * 1_024);
  });
});

test("a transaction with more events than a slice is stored whole, in its order, and repeated without effect", async () => {
  const events = Array.from({ length: 2 * BOUNDS.eventsInASlice.max + 1 }, () => anEvent({ room_id: "!far" }));
  const push = () =>
    world.app.http.request(PUSH, {
      method: "PUT",
      headers: { authorization: `Bearer ${tokens[PUSH]}` },
      body: JSON.stringify({ events: [...events.slice(0, 700), { no: "event" }, ...events.slice(700)] }),
    });
  for (const answer of [await push(), await push()]) expect(answer.status).toBe(200);
  const known = await world.ledger.known(events.map(({ event_id }) => event_id));
  const places = events.map(({ event_id }) => known.get(event_id) ?? 0);
  expect(known.size).toBe(events.length);
  expect([...places].sort((a, b) => a - b)).toEqual(places);
  expect((await world.ledger.deadLetters(10))[0]?.reason).toContain("Event 700 ");
});
