/** The out lane on a real ledger, with users and a homeserver of a few lines. */
import { afterEach, describe, expect, test } from "vitest";
import type { HomeserverError } from "#core/protocol/errcode.ts";
import { BOT, UserId } from "#core/protocol/ids.ts";
import { err, ok } from "#core/result.ts";
import type { Lease } from "#core/turn/lane.ts";
import type { OpenOutboxRow, OutboxRow } from "#ports/delivery.ts";
import type { Ghosts } from "#ports/homeserver.ts";
import type { Ledger } from "#ports/ledger.ts";
import { anIntent } from "#testing/intent.ts";
import {
  anUtterance,
  aRequest,
  aRow,
  aSpec,
  aTurn,
  leaseOf,
  NOW,
  OUT_LANE,
  queued,
  settled,
} from "#testing/ledger-rows.ts";
import { temporaryLedger } from "#testing/temp-ledger.ts";
import { outLane } from "./out-lane.ts";

const AWAY: HomeserverError = { status: 0, errcode: "M_UNREACHABLE", message: "away" };
const REFUSED: HomeserverError = { status: 403, errcode: "M_FORBIDDEN", message: "not in the room" };
const { userId: GHOST } = aRow();

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

interface Put {
  userId: UserId;
  deviceId: string;
  path: string;
  body: string;
}

async function world(...rows: OutboxRow[]) {
  const { ledger, close } = await temporaryLedger();
  closing.push(close);
  await ledger.setAgents([aSpec("echo")]);
  await ledger.setGhost({ userId: GHOST, deviceId: "PHONE" });
  await ledger.queueOut(await leaseOf(ledger, OUT_LANE), rows);
  const puts: Put[] = [];
  const answers: (HomeserverError | "crash")[] = [];
  const made: string[] = [];
  const existing = (userId: UserId, deviceId: string) =>
    anIntent(async ({ path, body }) => {
      puts.push({ userId, deviceId, path, body: String(body) });
      const answer = answers.shift();
      if (answer === "crash") throw new Error("the process dies");
      return answer ? err(answer) : ok({ event_id: `$${puts.length}` });
    });
  return { ledger, puts, answers, made, existing };
}
type World = Awaited<ReturnType<typeof world>>;

interface Over {
  ledger?: Ledger;
  lease?: Lease;
  first?: OpenOutboxRow | undefined;
  nowMs?: number;
  random?: number;
  /** Why no user can be made. */
  trouble?: HomeserverError;
  lost?: AbortSignal;
}

/** Runs the lane once. */
async function run({ ledger, made, existing }: World, over: Over = {}): Promise<void> {
  const make = async (name: string) => {
    made.push(name);
    return over.trouble ? err(over.trouble) : ok({ deviceId: "NEW" });
  };
  const work = outLane({
    ledger: over.ledger ?? ledger,
    ghosts: { existing, intent: ({ id }: Parameters<Ghosts["intent"]>[0]) => make(id), bot: () => make("bot") },
    clock: { now: () => over.nowMs ?? NOW, sleep: async () => undefined },
    log: () => undefined,
    random: () => over.random ?? 0,
    ring: async () => undefined,
    sendFloorMs: 0,
  });
  const lease = over.lease ?? (await leaseOf(ledger, OUT_LANE));
  const running = {
    lease,
    lost: over.lost ?? new AbortController().signal,
    rung: async () => undefined,
    release: <T>(write: () => Promise<T>) => write(),
  };
  await work(running, over.first ?? (await ledger.nextOut(lease)));
}

const reasons = async ({ ledger }: World) => (await ledger.deadLetters(5)).map(({ reason }) => reason);

describe("a plain row", () => {
  test("is rendered with the device of its user, and sent", async () => {
    const row = aRow({ key: "t.0.0", utterance: anUtterance("**hi**") });
    const it = await world(row);
    await run(it);
    const path = "/_matrix/client/v3/rooms/!room/send/m.room.message/t.0.0";
    expect(it.puts).toMatchObject([{ userId: GHOST, deviceId: "PHONE", path }]);
    const formatted_body = "<p><strong>hi</strong></p>";
    expect(JSON.parse(it.puts[0]?.body ?? "")).toMatchObject({ msgtype: "m.text", body: "**hi**", formatted_body });
    expect(await it.ledger.outboxRow(row.key)).toEqual({ state: "sent", eventId: "$1" });
  });

  test.for(["crash", AWAY] as const)("is sent again byte for byte after %j, whatever has changed", async (answer) => {
    const it = await world(aRow());
    it.answers.push(answer);
    await run(it).catch(() => undefined);
    await it.ledger.setGhost({ userId: GHOST, deviceId: "OTHER" });
    await run(it, { nowMs: NOW + 60_000 });
    expect(it.puts).toHaveLength(2);
    expect(it.puts[1]).toEqual(it.puts[0]);
  });

  test("that was frozen before a crash is sent as it was frozen", async () => {
    const it = await world(aRow());
    const lease = await leaseOf(it.ledger, OUT_LANE);
    const request = aRequest({ deviceId: "OLD", path: "/_matrix/old", body: "{}" });
    await it.ledger.freezeOut(lease, (await it.ledger.nextOut(lease))?.seq ?? -1, request);
    await run(it);
    expect(it.puts).toEqual([{ ...request, userId: GHOST }]);
  });

  test("is not sent by a runner that lost its lease before it could freeze it", async () => {
    const it = await world(aRow());
    const stale = await leaseOf(it.ledger, OUT_LANE);
    const row = await it.ledger.nextOut(stale);
    await leaseOf(it.ledger, OUT_LANE);
    await run(it, { lease: stale, first: row });
    expect(it.puts).toEqual([]);
  });

  test("that cannot be read is a dead letter with its text, and the next one is sent", async () => {
    const next = aRow();
    const it = await world(aRow(), next);
    const first = await it.ledger.nextOut(await leaseOf(it.ledger, OUT_LANE));
    if (!first || first.frozen) throw new Error("there is no plain row");
    await run(it, { first: { ...first, plain: "{no JSON" } });
    expect(await it.ledger.deadLetters(5)).toMatchObject([
      { kind: "outbox", reason: expect.stringContaining("could not be rendered"), raw: "{no JSON" },
    ]);
    expect(it.puts).toHaveLength(1);
    expect(await it.ledger.outboxRow(next.key)).toMatchObject({ state: "sent" });
  });
});

describe("a row of a user that does not exist yet", () => {
  const other = UserId.parse("@agent_guide:hs.test");
  test.for<[name: string, row: Partial<OutboxRow>, made: string]>([
    ["of an agent", { userId: other }, "echo"],
    ["of the bot", { userId: other, agent: BOT }, "bot"],
  ])("makes the user and uses its device: %s", async ([, over, name]) => {
    const it = await world(aRow(over));
    await run(it);
    expect(it.made).toEqual([name]);
    expect(it.puts).toMatchObject([{ userId: other, deviceId: "NEW" }]);
  });

  test("waits while the homeserver is away, and stays plain", async () => {
    const it = await world(aRow({ userId: other }));
    await run(it, { trouble: AWAY });
    expect(await it.ledger.nextOut(await leaseOf(it.ledger, OUT_LANE))).toMatchObject({
      plain: expect.any(String),
      attempt: 1,
      notBeforeMs: NOW + 1_000,
    });
  });

  test("is a dead letter where the homeserver refuses the user, or its agent is retired", async () => {
    const it = await world(aRow({ userId: other }));
    await run(it, { trouble: REFUSED });
    expect(await reasons(it)).toEqual([expect.stringContaining("403 M_FORBIDDEN")]);
    await it.ledger.setAgents([]);
    await it.ledger.queueOut(await leaseOf(it.ledger, OUT_LANE), [aRow({ userId: other })]);
    await run(it);
    expect(await reasons(it)).toEqual([expect.stringContaining("is retired"), expect.anything()]);
    expect(it.puts).toEqual([]);
  });
});

describe("a row", () => {
  test("that is refused for good is a dead letter, and does not hold up the next one", async () => {
    const it = await world(aRow(), aRow());
    it.answers.push(REFUSED);
    await run(it);
    expect(await reasons(it)).toEqual([
      `The homeserver refused a message of ${GHOST}: 403 M_FORBIDDEN not in the room`,
    ]);
    expect(it.puts).toHaveLength(2);
  });

  test("that comes too long after its question is a dead letter, unless it ends a draft", async () => {
    const turn = aTurn();
    const it = await world(
      aRow({ key: "t.1.0", turnId: turn.id }),
      aRow({ key: "t.0.final", turnId: turn.id }),
      aRow({ key: "n.0.0" }),
    );
    await queued(it.ledger, turn);
    await run(it, { nowMs: NOW + 24 * 3_600_000 });
    expect(await reasons(it)).toEqual([`A message of ${GHOST} would have come too long after the question`]);
    expect(it.puts.map(({ path }) => path.split("/").at(-1))).toEqual(["t.0.final", "n.0.0"]);
  });

  test("comes back spread out when it is to be sent again, at a rate limit too", async () => {
    const limited = { status: 429, errcode: "M_LIMIT_EXCEEDED", message: "", retryAfterMs: 2_000 };
    for (const [answer, shortest] of [
      [AWAY, 1_000],
      [limited, 2_000],
    ] as const) {
      for (const random of [0, 1]) {
        const it = await world(aRow());
        it.answers.push(answer);
        await run(it, { random });
        const waits = await it.ledger.nextOut(await leaseOf(it.ledger, OUT_LANE));
        expect(waits?.notBeforeMs).toBe(NOW + shortest * (1 + random / 4));
      }
    }
  });

  test("that is not due yet waits, also behind another one", async () => {
    const it = await world(aRow(), aRow());
    const lease = await leaseOf(it.ledger, OUT_LANE);
    const { seq = -1 } = (await it.ledger.nextOut(lease)) ?? {};
    await it.ledger.retryOut(lease, seq + 1, NOW + 1, "500 M_UNKNOWN");
    await run(it);
    expect(it.puts).toHaveLength(1);
    await run(it);
    expect(it.puts).toHaveLength(1);
    await run(it, { nowMs: NOW + 1 });
    expect(it.puts).toHaveLength(2);
  });

  test("is not sent by a runner whose lease is lost", async () => {
    const it = await world(aRow());
    await run(it, { lost: AbortSignal.abort() });
    expect(it.puts).toEqual([]);
  });

  test("that our own event confirms while it waits is not sent again", async () => {
    const row = aRow();
    const it = await world(row);
    it.answers.push(AWAY);
    await run(it);
    await settled(it.ledger, { confirmed: { key: row.key, userId: GHOST, eventId: aTurn().prompt.eventId } });
    await run(it, { nowMs: NOW + 60_000 });
    expect(it.puts).toHaveLength(1);
  });
});
