/** `/health`: 200 exactly while transactions can be stored, and at the same cost however much is stored. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Clock } from "#ports/host.ts";
import { type Composed, composed } from "#testing/composed.ts";
import { aMessage } from "#testing/events.ts";
import { type TemporaryLedger, temporaryLedger } from "#testing/temp-ledger.ts";

let world: Composed;
let database: TemporaryLedger;
let nowMs: number;
let tries: number;
beforeEach(async () => {
  nowMs = Date.now();
  tries = 0;
  database = await temporaryLedger();
  const { tryWrite } = database.ledger;
  const counting = {
    ...database.ledger,
    tryWrite(at: number) {
      tries++;
      return tryWrite(at);
    },
  };
  const clock: Clock = { now: () => nowMs, sleep: () => Promise.resolve() };
  world = await composed({}, {}, clock, { ...database, ledger: counting });
});
afterEach(() => world.close());

const health = async (): Promise<[status: number, problems: string[]]> => {
  const answer = await world.app.http.request("/health");
  const { problems } = (await answer.json()) as { problems: string[] };
  return [answer.status, problems];
};
const push = async (text: string): Promise<number> => {
  const answer = await world.app.http.request(`/_matrix/app/v1/transactions/${text.length}`, {
    method: "PUT",
    headers: { authorization: "Bearer hs-token-of-tests" },
    body: JSON.stringify({ events: [aMessage(text)] }),
  });
  return answer.status;
};
/** No page can be added to the database, as on a full disk, and no page in it is free. */
const fill = async () => {
  await database.client.execute("VACUUM");
  await database.client.execute("PRAGMA max_page_count = 1");
};
const makeRoom = () => database.client.execute("PRAGMA max_page_count = 1000000");
const FULL = [503, [expect.stringContaining("transactions cannot be stored")]];
const LONG = "word ".repeat(5_000);

describe("while the database is full", () => {
  test("says 503 as soon as a transaction was refused, and 200 as soon as one is stored", async () => {
    expect([await push(LONG), await health()]).toEqual([200, [200, []]]);
    await fill();
    expect([await push(`${LONG}1`), await health()]).toEqual([500, FULL]);
    await makeRoom();
    expect([await push(`${LONG}2`), await health()]).toEqual([200, [200, []]]);
    expect(tries).toBe(0);
  });

  test("says 503 without any transaction, by a try of its own", async () => {
    await fill();
    expect(await health()).toEqual(FULL);
    await makeRoom();
    nowMs += 10_000;
    expect([await health(), tries]).toEqual([[200, []], 2]);
  });

  test("tries at most every ten seconds, whoever asks and however many at a time", async () => {
    for (let n = 0; n < 9; n++) {
      await Promise.all(Array.from({ length: 20 }, health));
      nowMs += 1_100;
    }
    const first = tries;
    nowMs += 100;
    await Promise.all(Array.from({ length: 20 }, health));
    expect([first, tries]).toEqual([1, 2]);
    // A clock that was set back by a year starts no more tries, and does not end them.
    nowMs -= 365 * 24 * 3_600_000;
    await Promise.all(Array.from({ length: 20 }, health));
    expect(tries).toBe(3);
  });
});

describe("kind 10: transactions that are refused", () => {
  const REFUSED = expect.stringContaining("transactions of the homeserver were answered with an error");
  /** As for a connection that is broken while others are well: our own try succeeds. */
  const breakAccepting = async () =>
    database.client.execute("CREATE TRIGGER no BEFORE INSERT ON events BEGIN SELECT raise(ABORT, 'broken'); END");

  test("are a problem when they are three in a row, until one is stored", async () => {
    await breakAccepting();
    for (const text of ["a", "bb", "ccc"]) {
      nowMs += 20_000;
      expect((await health())[1]).not.toContainEqual(REFUSED);
      expect(await push(text)).toBe(500);
    }
    nowMs += 20_000;
    expect(await health()).toEqual([200, [REFUSED]]);
    await database.client.execute("DROP TRIGGER no");
    expect([await push("dddd"), await health()]).toEqual([200, [200, []]]);
  });

  test("are asked for again by one ping, when the database is well", async () => {
    const { server, app } = world;
    await breakAccepting();
    await app.sweep();
    expect(server.pings).toHaveLength(0);
    await push("a");
    await app.sweep();
    await app.sweep();
    expect(server.pings).toHaveLength(1);
    await push("bb");
    await database.client.execute("DROP TRIGGER no");
    await app.sweep();
    expect(server.pings).toHaveLength(2);
    expect(await push("bb")).toBe(200);
    await app.sweep();
    expect(server.pings).toHaveLength(2);
  });

  test("for what is no fault of ours are none", async () => {
    const headers = { authorization: "Bearer hs-token-of-tests" };
    for (const init of [{ body: "{" }, { body: "{}", headers: {} }, {}, {}]) {
      await world.app.http.request("/_matrix/app/v1/transactions/1", { method: "PUT", headers, ...init });
    }
    expect(await health()).toEqual([200, []]);
  });
});

test("counts no more rows than its bound, however many there are", async () => {
  const many = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)";
  for (const insert of [
    `INSERT INTO dead_letters (kind, reason, raw, created_at_ms) ${many} SELECT 'turn', 'r', 'x', 1 FROM n`,
    `INSERT INTO events (event_id, room_id, received_at_ms, event) ${many} SELECT '$' || i, '!r', 1, '{}' FROM n`,
    `INSERT INTO outbox (key, lane, agent, user_id, device_id, path, body, state, attempt, not_before_ms)
      ${many} SELECT i, 'out:x', 'a', 'u', 'd', '', '', 'queued', 0, 0 FROM n`,
  ]) {
    await database.client.execute(insert);
  }
  const counted = { deadLetters: 1_000, undecidedEvents: 1_000, outboxRows: 1_000, outboxDepth: 1_000 };
  expect(await (await world.app.http.request("/health")).json()).toMatchObject(counted);
  const metrics = await (await world.operator("GET", "/metrics")).text();
  expect(metrics).toContain("troupe_dead_letters 3000\n");
});
