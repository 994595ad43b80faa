/** Rows that were written while the clock was ahead keep nothing that lies behind them. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { BOUNDS } from "#core/bounds.ts";
import { pruned } from "#testing/pruned.ts";
import { type TemporaryLedger, temporaryLedger } from "#testing/temp-ledger.ts";

const DAY_MS = 24 * 60 * 60_000;
const NOW = 1_000 * DAY_MS;
const AHEAD = NOW + 365 * DAY_MS;
const KEEP = { contentsMs: DAY_MS, eventIdsMs: 30 * DAY_MS, turnsMs: 90 * DAY_MS };
/** More than one step looks at. */
const MANY = BOUNDS.forgottenAtOnce.max + 100;

let database: TemporaryLedger;
beforeEach(async () => {
  database = await temporaryLedger();
});
afterEach(() => database.close());

const TABLES = {
  events: (seq: number, atMs: number) =>
    `INSERT INTO events (seq, event_id, room_id, received_at_ms, verdict, event)
     VALUES (${seq}, '$e${seq}', '!here', ${atMs}, 'notice', '{}')`,
  turns: (seq: number, atMs: number) =>
    `INSERT INTO turns (seq, id, session, agent, room_id, direct, event_id, sender, prompt, sent_at_ms, state, attempt,
       not_before_ms, asked_at_ms)
     VALUES (${seq}, 't${seq}', 's', 'echo', '!here', 0, '$t${seq}', '@a:x', 'p', 0, 'delivered', 0, 0, ${atMs})`,
  outbox: (seq: number, atMs: number) =>
    `INSERT INTO outbox (seq, key, lane, turn_id, agent, user_id, device_id, path, body, state, attempt, not_before_ms, at_ms)
     VALUES (${seq}, 'k${seq}', 'out:@agent_echo:hs.test|!here', NULL, 'echo', '@agent_echo:hs.test', '', '', '', 'sent', 0, 0,
       ${atMs})`,
};
const fill = (row: (seq: number, atMs: number) => string, times: readonly number[]) =>
  database.client.batch(
    times.map((atMs, at) => row(at + 1, atMs)),
    "write",
  );
const count = async (rows: string) =>
  Number((await database.client.execute(`SELECT count(*) FROM ${rows}`)).rows[0]?.[0]);

test("an event from ahead does not keep the contents behind it", async () => {
  const times = Array.from({ length: MANY }, () => NOW);
  await fill(TABLES.events, [...times, AHEAD, ...times]);
  await pruned(database.ledger, NOW, KEEP);
  await pruned(database.ledger, NOW + 2 * DAY_MS, KEEP);
  await pruned(database.ledger, NOW + 4 * DAY_MS, KEEP);
  expect(await count("events WHERE event <> ''")).toBe(0);
});

test.for(Object.entries(TABLES))("many rows of %s from ahead are all forgotten in their time", async ([table, row]) => {
  await fill(
    row,
    Array.from({ length: 3 * MANY }, () => AHEAD),
  );
  await pruned(database.ledger, NOW, KEEP);
  await pruned(database.ledger, NOW + 91 * DAY_MS, KEEP);
  expect(await count(table)).toBe(0);
});
