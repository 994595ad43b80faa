import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { RoomId } from "#core/protocol/ids.ts";
import type { LaneId } from "#core/turn/lane.ts";
import type { Clock } from "#ports/host.ts";
import type { Running, Work } from "#ports/lanes.ts";
import type { Ledger } from "#ports/ledger.ts";
import { aMessage } from "#testing/events.ts";
import { temporaryLedger } from "#testing/temp-ledger.ts";
import { systemClock } from "../clock.ts";
import { createPump } from "./pump.ts";
import { sweep } from "./sweep.ts";

const NOW = 1_000_000;
const ROOM = RoomId.parse("!room");
const LANE: LaneId = `room:${ROOM}`;
let ledger: Ledger;
let close: () => void;
let logged: string[];
beforeEach(async () => {
  ({ ledger, close } = await temporaryLedger());
  logged = [];
});
afterEach(() => close());

const store = (body: string) => ledger.accept({ events: [aMessage(body)], deadLetters: [], nowMs: Date.now() });
/** Decides everything that is there, and says what it was. */
const deciding =
  (seen: unknown[]): Work =>
  async ({ lease }) => {
    for (const event of await ledger.nextEvents(lease, 100)) {
      seen.push(event.event.content["body"]);
      await ledger.ignore(lease, [{ seq: event.seq, reason: "notice" }]);
    }
  };
const pumpOf = (
  work: Work,
  over: { runner?: string; clock?: Clock; mayBegin?: () => boolean; random?: () => number; ledger?: Ledger } = {},
) =>
  createPump({
    ledger,
    clock: systemClock,
    random: () => 0,
    runner: "me",
    log: (event) => void logged.push(event),
    work: () => work,
    ...over,
  });

describe("the pump", () => {
  test("runs a lane once where nothing is due, and releases it", async () => {
    const work = vi.fn(async () => undefined);
    expect(await pumpOf(work).run(LANE)).toEqual({});
    expect(work).toHaveBeenCalledTimes(1);
    expect(await ledger.claim(LANE, "another", Date.now(), 1)).toBeDefined();
  });

  test("runs a lane until nothing is due, and releases it", async () => {
    const seen: unknown[] = [];
    await store("one");
    expect(await pumpOf(deciding(seen)).run(LANE)).toEqual({});
    expect(seen).toEqual(["one"]);
    expect(await ledger.claim(LANE, "another", Date.now(), 1)).toBeDefined();
  });

  test("runs again for a row stored during the work, without another ring", async () => {
    const seen: unknown[] = [];
    await store("one");
    const work = deciding(seen);
    const pump = pumpOf(async (running, first) => {
      await work(running, first);
      if (seen.length === 1) await store("two");
    });
    await pump.run(LANE);
    expect(seen).toEqual(["one", "two"]);
  });

  test("joins a second run of a lane to the first", async () => {
    const seen: unknown[] = [];
    await store("one");
    const pump = pumpOf(deciding(seen));
    await Promise.all([pump.run(LANE), pump.run(LANE), pump.run(LANE)]);
    expect(seen).toEqual(["one"]);
  });

  test("leaves a leased lane alone until the lease expires", async () => {
    await store("one");
    await ledger.claim(LANE, "another", Date.now(), 30_000);
    const seen: unknown[] = [];
    const { dueAtMs } = await pumpOf(deciding(seen)).run(LANE);
    expect([seen, (dueAtMs ?? 0) > Date.now()]).toEqual([[], true]);
  });

  test("wakes work that waits for a ring", async () => {
    await store("one");
    let running: Running | undefined;
    let woken = 0;
    const seen: unknown[] = [];
    const pump = pumpOf(async (given, first) => {
      running ??= given;
      if (woken === 0) await given.rung();
      woken++;
      return deciding(seen)(given, first);
    });
    expect(pump.nudge(LANE)).toBe(false);
    const run = pump.run(LANE);
    await vi.waitFor(() => expect(running).toBeDefined());
    expect(pump.nudge(LANE)).toBe(true);
    await run;
    expect(seen).toEqual(["one"]);
  });

  test("gives the work the rows that were read with the claim", async () => {
    await store("one");
    const seen: unknown[] = [];
    await pumpOf(async ({ lease }, first) => {
      seen.push(first);
      await ledger.ignore(lease, [{ seq: 1, reason: "notice" }]);
    }).run(LANE);
    expect(seen).toMatchObject([{ kind: "room", events: [{ seq: 1, event: { content: { body: "one" } } }] }]);
  });

  /** A write that decides all events and releases the lease. */
  const releasing = async ({ lease, release }: Running, write: () => Promise<unknown>): Promise<"released"> => {
    await release(async () => {
      await write();
      await ledger.release(lease);
      return { isReleased: true };
    });
    return "released";
  };
  /** The pauses between renewals are short. */
  const hurried: Clock = { now: () => Date.now(), sleep: (ms, signal) => systemClock.sleep(Math.min(ms, 2), signal) };

  test("does not release a lane again that its work has released", async () => {
    await store("one");
    const release = vi.fn(ledger.release);
    const pump = createPump({
      ledger: { ...ledger, release },
      clock: systemClock,
      random: () => 0,
      runner: "me",
      log: () => undefined,
      work: () => (running) => releasing(running, () => ledger.ignore(running.lease, [{ seq: 1, reason: "notice" }])),
    });
    expect(await pump.run(LANE)).toEqual({});
    expect(release).not.toHaveBeenCalled();
    expect(await ledger.claim(LANE, "another", Date.now(), 1)).toBeDefined();
  });

  test("runs a lane again that was rung while its work released it", async () => {
    let runs = 0;
    const pump = pumpOf((running) => {
      runs++;
      return releasing(running, async () => runs === 1 && pump.nudge(LANE));
    });
    await pump.run(LANE);
    expect(runs).toBe(2);
  });

  test("runs a lane no further for a ring during the work, where nothing is due", async () => {
    let runs = 0;
    const pump = pumpOf(async () => {
      runs++;
      pump.nudge(LANE);
    });
    expect(await pump.run(LANE)).toEqual({});
    expect(runs).toBe(1);
  });

  test("runs a lane again that was rung while it was released after the work", async () => {
    const work = vi.fn(async () => undefined);
    const pump = createPump({
      ledger: {
        ...ledger,
        async release(lease) {
          const dueAtMs = await ledger.release(lease);
          if (work.mock.calls.length === 1) pump.nudge(LANE);
          return dueAtMs;
        },
      },
      clock: systemClock,
      random: () => 0,
      runner: "me",
      log: () => undefined,
      work: () => work,
    });
    expect(await pump.run(LANE)).toEqual({});
    expect(work).toHaveBeenCalledTimes(2);
  });

  test("lets a renewal that has begun finish before a write that may release", async () => {
    const order: string[] = [];
    const pump = createPump({
      ledger: {
        ...ledger,
        async renew(lease, untilMs) {
          order.push("renew");
          await systemClock.sleep(30);
          order.push("renewed");
          return ledger.renew(lease, untilMs);
        },
      },
      clock: hurried,
      random: () => 0,
      runner: "me",
      log: (event) => void logged.push(event),
      work: () => async (running) => {
        await vi.waitFor(() => expect(order).toEqual(["renew"]), { interval: 1 });
        return releasing(running, async () => void order.push("write"));
      },
    });
    await pump.run(LANE);
    expect([order, logged]).toEqual([["renew", "renewed", "write"], []]);
  });

  test("renews no lease while it is being released", async () => {
    const pump = pumpOf((running) => releasing(running, () => systemClock.sleep(50)), { clock: hurried });
    expect(await pump.run(LANE)).toEqual({});
    expect(logged).toEqual([]);
    expect(await ledger.claim(LANE, "another", Date.now(), 1)).toBeDefined();
  });

  test("renews no lease that was released while the work goes on", async () => {
    const pump = pumpOf(
      async (running) => {
        const state = await releasing(running, async () => undefined);
        await systemClock.sleep(50);
        return state;
      },
      { clock: hurried },
    );
    expect(await pump.run(LANE)).toEqual({});
    expect(logged).toEqual([]);
  });

  test("makes up for a renewal that became due during a write that released nothing", async () => {
    let sleeps = 0;
    // The first pause between renewals ends during the write; the second one does not end.
    const clock: Clock = {
      now: () => Date.now(),
      sleep: (ms, signal) => systemClock.sleep(sleeps++ === 0 ? 2 : ms, signal),
    };
    const renew = vi.fn(ledger.renew);
    const pump = createPump({
      ledger: { ...ledger, renew },
      clock,
      random: () => 0,
      runner: "me",
      log: (event) => void logged.push(event),
      work:
        () =>
        async ({ release }) => {
          await release(async () => {
            await systemClock.sleep(30);
            expect(renew).not.toHaveBeenCalled();
            return { isReleased: false };
          });
          await systemClock.sleep(30);
          expect(renew).toHaveBeenCalledTimes(1);
          return undefined;
        },
    });
    await pump.run(LANE);
    expect(logged).toEqual([]);
  });

  test("logs a lane of a kind it does not know, and leaves it alone", async () => {
    const work = vi.fn(async () => undefined);
    expect(await pumpOf(work).run("schedule:daily" as LaneId)).toEqual({});
    expect(work).not.toHaveBeenCalled();
    expect(logged).toEqual(["lane_failed"]);
  });

  test("logs work that throws, and runs the lane again later", async () => {
    await store("one");
    const pump = pumpOf(async () => {
      throw new Error("broken");
    });
    const { dueAtMs } = await pump.run(LANE);
    expect(dueAtMs).toBeGreaterThan(Date.now());
    expect(logged).toEqual(["lane_failed"]);
    expect(await ledger.claim(LANE, "another", Date.now(), 1)).toBeDefined();
  });

  test.for<[what: string, work: Work, taken: boolean]>([
    ["work that throws", () => Promise.reject(new Error("broken")), false],
    ["work that makes no progress", async () => undefined, false],
    ["a lane that is leased", async () => undefined, true],
  ])("spreads out the returns to %s", async ([, work, taken]) => {
    await store("one");
    if (taken) await ledger.claim(LANE, "another", NOW, 1_000);
    const clock = { now: () => NOW, sleep: systemClock.sleep };
    const pauseWith = async (random: number) =>
      ((await pumpOf(work, { clock, random: () => random }).run(LANE)).dueAtMs ?? NOW) - NOW;
    const shortest = await pauseWith(0);
    expect(shortest).toBeGreaterThan(0);
    expect(await pauseWith(1)).toBe(shortest * 1.25);
  });

  test("pauses a lane whose work makes no progress", async () => {
    await store("one");
    const work = vi.fn(async () => undefined);
    expect((await pumpOf(work).run(LANE)).dueAtMs).toBeGreaterThan(0);
    expect(work.mock.calls.length).toBeLessThanOrEqual(100);
  });

  test("leaves a lane that is due for later where no more may begin", async () => {
    await store("one");
    const work = vi.fn(async () => undefined);
    const pump = pumpOf(work, { mayBegin: () => false });
    expect(await pump.run(LANE)).toEqual({ dueAtMs: 0 });
    expect(work).toHaveBeenCalledTimes(1);
  });

  test("logs a renewal that fails, and keeps the lease", async () => {
    await store("one");
    const renew = vi.fn(async () => {
      throw new Error("the database does not answer");
    });
    const pump = pumpOf(
      async ({ lost }) => {
        await vi.waitFor(() => expect(renew).toHaveBeenCalled());
        expect(lost.aborted).toBe(false);
        return undefined;
      },
      { clock: hurried, ledger: { ...ledger, renew } },
    );
    await pump.run(LANE);
    expect(logged).toContain("renewal_failed");
  });

  test("aborts work whose lease was lost", async () => {
    await store("one");
    let lost = false;
    const pump = pumpOf(
      async ({ lost: signal }) => {
        await ledger.voidLeases();
        await vi.waitFor(() => expect(signal.aborted).toBe(true));
        lost = true;
        throw new Error("given up");
      },
      { clock: hurried },
    );
    await pump.run(LANE);
    expect([lost, logged]).toEqual([true, ["lease_lost", "lane_failed"]]);
  });
});

test("the sweep rings the lanes that are due and have no lease", async () => {
  const rung: LaneId[] = [];
  const doorbell = { ring: async (lanes: readonly LaneId[]) => void rung.push(...lanes) };
  expect(await sweep({ ledger, doorbell, clock: systemClock })).toBe(0);
  await store("one");
  expect(await sweep({ ledger, doorbell, clock: systemClock })).toBe(1);
  await ledger.claim(LANE, "another", Date.now(), 30_000);
  expect(await sweep({ ledger, doorbell, clock: systemClock })).toBe(0);
  expect(rung).toEqual([LANE]);
});
