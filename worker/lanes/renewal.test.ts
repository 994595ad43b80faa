/** The renewal of a lease over a database that hangs. */
import { afterEach, expect, test } from "vitest";
import { type TemporaryLedger, temporaryLedger } from "#testing/temp-ledger.ts";
import { virtualClock } from "#testing/virtual-clock.ts";
import { createPump } from "./pump.ts";

/** The time-out of a request to a database over HTTP, and a little more. */
const HANGS_MS = 10_100;

let opened: TemporaryLedger | undefined;
afterEach(() => opened?.close());

test("a renewal that hangs until its time-out is repeated while the lease lasts", async () => {
  opened = await temporaryLedger();
  const { ledger } = opened;
  const clock = virtualClock();
  const logged: string[] = [];
  const triedAtMs: number[] = [];
  const startedAtMs = clock.now();
  const pump = createPump({
    clock,
    random: () => 0,
    runner: "me",
    log: (event) => void logged.push(event),
    work: () => async () => {
      await clock.sleep(45_000);
    },
    ledger: {
      ...ledger,
      async renew(...given) {
        triedAtMs.push(clock.now() - startedAtMs);
        if (triedAtMs.length > 1) return ledger.renew(...given);
        await clock.sleep(HANGS_MS);
        throw new Error("the database did not answer");
      },
    },
  });
  let isOver = false;
  void pump.run("room:!room").then(() => {
    isOver = true;
  });
  await clock.until(() => isOver);
  // A lease lasts for 30 seconds.
  expect(triedAtMs[1]).toBeLessThan(25_000);
  expect(logged).toEqual(["renewal_failed"]);
});
