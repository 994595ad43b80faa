/** The search costs nothing while there is nothing to find. */
import { afterEach, expect, test, vi } from "vitest";
import { NOW } from "#testing/ledger-rows.ts";
import { temporaryLedger } from "#testing/temp-ledger.ts";
import { systemClock } from "../clock.ts";
import { searchOn } from "./search.ts";

const HOUR_MS = 60 * 60_000;

let close = () => {};
afterEach(() => close());

async function begin() {
  const opened = await temporaryLedger();
  close = opened.close;
  const { client, ledger } = opened;
  const looks = vi.spyOn(ledger, "searchDamaged");
  /** How many parts were looked at by an upkeep of this time. */
  const upkeep = async (nowMs: number) => {
    looks.mockClear();
    await searchOn({ ledger, clock: { ...systemClock, now: () => nowMs }, log: () => {} });
    return looks.mock.calls.length;
  };
  return { client, ledger, upkeep };
}

test("a round that found no unreadable row is the last for an hour, unless a reader meets one", async () => {
  const { client, ledger, upkeep } = await begin();
  expect(await upkeep(NOW)).toBe(1);
  expect(await upkeep(NOW + HOUR_MS - 1)).toBe(0);
  expect(await upkeep(NOW + HOUR_MS)).toBe(1);
  expect(await upkeep(NOW - HOUR_MS)).toBe(1);
  expect(await upkeep(NOW - HOUR_MS + 1)).toBe(0);
  await client.execute("INSERT INTO settings (name, value) VALUES ('defaults', '{')");
  await ledger.configuration();
  expect(await upkeep(NOW - HOUR_MS + 2)).toBe(1);
});

test("while there is an unreadable row, each upkeep looks", async () => {
  const { client, upkeep } = await begin();
  await client.execute("INSERT INTO settings (name, value) VALUES ('defaults', '{')");
  expect([await upkeep(NOW), await upkeep(NOW + 1), await upkeep(NOW + 2)]).toEqual([1, 1, 1]);
});
