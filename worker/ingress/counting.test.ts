/** Transaction ids that are counted: the homeserver that counts from 1 again may have lost its queue. */
import { Hono } from "hono";
import { afterEach, beforeEach, expect, test } from "vitest";
import { anEvent } from "#testing/events.ts";
import { type TemporaryLedger, temporaryLedger } from "#testing/temp-ledger.ts";
import { systemClock } from "../clock.ts";
import { transactions } from "./transactions.ts";

const MARK = "doubt";
let temporary: TemporaryLedger;
beforeEach(async () => {
  temporary = await temporaryLedger();
});
afterEach(() => temporary.close());

/** Pushes a transaction to a door that is composed anew, as it is for each request on the Worker. */
async function push(id: string, ...events: object[]): Promise<void> {
  const { ledger } = temporary;
  const door = transactions({
    ledger,
    doorbell: { ring: async () => undefined },
    clock: systemClock,
    log: () => undefined,
    doubtMark: MARK,
  });
  const answer = await new Hono()
    .put("/:txnId", door)
    .request(`/${id}`, { method: "PUT", body: JSON.stringify({ events }) });
  expect(answer.status).toBe(200);
}
const doubt = () => temporary.ledger.mark(MARK);

test("a lower number than the last one's is a doubt, also for a process that has not seen the last one", async () => {
  await push("7", anEvent());
  await push("7", anEvent());
  await push("8");
  await push("9", anEvent());
  expect(await doubt()).toBeUndefined();
  await push("1", anEvent());
  expect(await doubt()).toBe("due");
  await temporary.ledger.setMark(MARK, "done");
  await push("2", anEvent());
  expect(await doubt()).toBe("done");
});

test("ids that are no numbers, and events that were read back, are no doubt", async () => {
  const first = anEvent();
  await push("5", first);
  await push("m1766.1", anEvent());
  const missed = [first, anEvent(), anEvent()];
  const among = missed.map((event) => event.event_id);
  await temporary.ledger.accept({ events: missed.slice(1), deadLetters: [], nowMs: 0, among });
  await push("6", anEvent());
  expect(await doubt()).toBeUndefined();
  await push("5", anEvent());
  expect(await doubt()).toBe("due");
});
