/** The Worker in workerd: requests, queue, lanes' objects, cron. The homeserver is unreachable. */
import {
  applyD1Migrations,
  createExecutionContext,
  createMessageBatch,
  createScheduledController,
  type D1Migration,
  getQueueResult,
  runDurableObjectAlarm,
  runInDurableObject,
  waitOnExecutionContext,
} from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { RoomId, UserId } from "#core/protocol/ids.ts";
import type { LaneId } from "#core/turn/lane.ts";
import { aMessage } from "#testing/events.ts";
import { dueAt } from "#testing/ledger-rows.ts";
import worker from "../index.ts";
import { createLedger } from "../ledger/ledger.ts";
import { d1Database } from "../ledger/sql/d1.ts";

const NAMESPACE = { serverName: "hs.test", ghostPrefix: "agent_", botLocalpart: "troupe" };
const ROOM = RoomId.parse("!room");
const { TEST_MIGRATIONS, HS_TOKEN } = env as unknown as { TEST_MIGRATIONS: D1Migration[]; HS_TOKEN: string };
const ledger = createLedger(d1Database(env.DB, NAMESPACE));

beforeEach(async () => {
  await applyD1Migrations(env.DB, TEST_MIGRATIONS);
});

type Fetch = Parameters<typeof worker.fetch>[0];
const fetchWorker = (path: string, init: RequestInit = {}, bindings = env, context = createExecutionContext()) =>
  worker.fetch(new Request(`http://troupe.test${path}`, init) as Fetch, bindings, context);
const push = (events: unknown[], bindings?: Env, context?: ExecutionContext) => {
  const headers = { authorization: `Bearer ${HS_TOKEN}` };
  const init = { method: "PUT", headers, body: JSON.stringify({ events }) };
  return fetchWorker("/_matrix/app/v1/transactions/1", init, bindings, context);
};

/** The homeserver would be asked about a room in which none of ours is. */
const entered = (room: RoomId) =>
  ledger.setMembers(
    room,
    ["@alice:hs.test", "@troupe:hs.test"].map((id) => ({ userId: UserId.parse(id), membership: "join" as const })),
  );

describe("the Worker", () => {
  test("is healthy once its database exists", async () => expect((await fetchWorker("/health")).status).toBe(200));

  test("answers a transaction when it is stored, and the room's object then decides its events", async () => {
    await entered(ROOM);
    const answer = await push([aMessage("x")]);
    expect([answer.status, await answer.text()]).toEqual([200, "{}"]);
    await vi.waitFor(async () => expect(await ledger.verdicts()).toEqual({ no_agent: 1 }), { timeout: 5_000 });
  });

  test("gives a ring that is slower than the answer to the runtime to finish", async () => {
    const slow: Partial<Env> = {
      LANE: new Proxy(env.LANE, {
        get: (lanes, name) =>
          name === "getByName"
            ? (lane: string) => ({
                ring: async (id: LaneId) => {
                  await scheduler.wait(600);
                  await lanes.getByName(lane).ring(id);
                },
              })
            : Reflect.get(lanes, name),
      }),
    };
    const room_id = RoomId.parse("!slow-ring");
    const lane = () =>
      runInDurableObject(env.LANE.getByName(`room:${room_id}`), (_object, state) => state.storage.kv.get("lane"));
    const context = createExecutionContext();
    const answer = await push([aMessage("x", { room_id })], { ...env, ...slow }, context);
    expect(answer.status).toBe(200);
    expect(await lane()).toBeUndefined();
    await waitOnExecutionContext(context);
    expect(await lane()).toBe(`room:${room_id}`);
  });

  test("rings the lanes of a batch, and acknowledges each message", async () => {
    const lane: LaneId = "room:!from-the-queue";
    const batch = createMessageBatch("troupe-doorbell", [
      { id: "1", timestamp: new Date(), attempts: 1, body: { lane } },
    ]);
    const context = createExecutionContext();
    await worker.queue(batch, env, createExecutionContext());
    expect((await getQueueResult(batch, context)).explicitAcks).toEqual(["1"]);
    const kept = await runInDurableObject(env.LANE.getByName(lane), (_object, state) => state.storage.kv.get("lane"));
    expect(kept).toBe(lane);
  });

  test("forgets an object that was not rung since it was loaded, and for which nothing is due", async () => {
    const object = env.LANE.getByName("room:!idle");
    await runInDurableObject(object, async (_object, state) => {
      state.storage.kv.put("lane", "room:!idle");
      await state.storage.setAlarm(Date.now() + 60_000);
    });
    expect(await runDurableObjectAlarm(object)).toBe(true);
    const left = await runInDurableObject(object, async (_object, state) => [
      state.storage.kv.get("lane"),
      await state.storage.getAlarm(),
    ]);
    expect(left).toEqual([undefined, null]);
  });

  test("keeps an object for a day after its last ring", async () => {
    const object = env.LANE.getByName("room:!rung");
    await object.ring("room:!rung");
    const alarm = () => runInDurableObject(object, (_object, state) => state.storage.getAlarm());
    await vi.waitFor(async () => expect(await alarm()).toBeGreaterThan(Date.now() + 23 * 3_600_000), {
      timeout: 5_000,
    });
    await object.ring("room:!rung");
    const kept = await runInDurableObject(object, (_object, state) => state.storage.kv.get("lane"));
    expect(kept).toBe("room:!rung");
  });

  test("answers /health without a token and /metrics with the operator's, as JSON", async () => {
    const health = await fetchWorker("/health", {});
    expect(await health.json()).toMatchObject({ ok: true, openTurns: 0 });
    expect((await fetchWorker("/metrics", {})).status).toBe(401);
    const metrics = await fetchWorker("/metrics", { headers: { authorization: "Bearer admin-token-of-the-tests" } });
    expect(await metrics.json()).toMatchObject({ troupe_open_turns: 0, troupe_verdicts_total: expect.any(Object) });
  });

  test("only logs the messages of the dead-letter queue", async () => {
    const lane: LaneId = "room:!given-up";
    const batch = createMessageBatch("troupe-doorbell-dead", [
      { id: "1", timestamp: new Date(), attempts: 9, body: { lane } },
    ]);
    await worker.queue(batch, env, createExecutionContext());
    const kept = await runInDurableObject(env.LANE.getByName(lane), (_object, state) => state.storage.kv.get("lane"));
    expect(kept).toBeUndefined();
  });

  test("sweeps at its cron, also while the homeserver does not answer", async () => {
    const room_id = RoomId.parse("!swept");
    await entered(room_id);
    // Stored without a ring.
    await ledger.accept({ events: [aMessage("y", { room_id })], deadLetters: [], nowMs: Date.now() });
    await worker.scheduled(createScheduledController(), env, createExecutionContext());
    await vi.waitFor(async () => expect(await dueAt(ledger, "room:!swept")).toBeUndefined(), { timeout: 5_000 });
  });

  test("kind 9: runs the upkeep at its cron without the bot, which no homeserver gives it", async () => {
    await env.DB.exec("DELETE FROM marks");
    await worker.scheduled(createScheduledController(), env, createExecutionContext());
    expect(JSON.parse((await ledger.mark("homeserver")) ?? "")).toMatchObject({ reachable: false });
    const answer = await fetchWorker("/health");
    expect(await answer.json()).toMatchObject({ ok: true, problems: [expect.stringContaining("cannot be reached")] });
  });
});
