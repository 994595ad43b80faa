/** The part of the ledger's contract about limits: how many turns run, how many messages wait, and token buckets. */
import { describe, expect, test } from "vitest";
import type { Ledger } from "#ports/ledger.ts";
import { aRow, aTurn, CAPS, leaseOf, NOW, OUT_LANE, queued, startAttempt } from "#testing/ledger-rows.ts";

type Make = () => Promise<Ledger>;

const HOUR_MS = 3_600_000;

export function limitContract(make: Make): void {
  describe("limits", () => limitsContract(make));
}

function limitsContract(make: Make): void {
  test("at most so many turns run, of one agent and of all; those whose lease ran out are not counted", async () => {
    const ledger = await make();
    const turns = [aTurn(), aTurn({ session: "mx.echo.2" })];
    const first = await queued(ledger, ...turns);
    const second = await leaseOf(ledger, "session:mx.echo.2");
    const [one, two] = turns;
    if (!one || !two) throw new Error("no turns");
    expect(await startAttempt(ledger, first, one, CAPS)).toBe("started");
    expect(await startAttempt(ledger, second, two, { ...CAPS, agent: 1 })).toBe("full");
    expect(await startAttempt(ledger, second, two, { ...CAPS, all: 1 })).toBe("full");
    expect(await startAttempt(ledger, second, two, { ...CAPS, agent: 1, nowMs: NOW + HOUR_MS })).toBe("started");
    expect(await startAttempt(ledger, { ...second, fence: -1 }, two, CAPS)).toBe("lost");
  });

  test("no turn begins while too many messages wait in its out lane", async () => {
    const ledger = await make();
    const turn = aTurn();
    const lease = await queued(ledger, turn);
    await ledger.queueOut(lease, [aRow(), aRow(), aRow({ lane: "out:another" })]);
    const out = { lane: OUT_LANE, depth: 2 };
    expect(await startAttempt(ledger, lease, turn, { ...CAPS, out })).toBe("full");
    expect(await startAttempt(ledger, lease, turn, { ...CAPS, out: { ...out, depth: 3 } })).toBe("started");
    expect((await ledger.figures(NOW)).outboxDepth).toBe(2);
  });

  test("an attempt takes its tokens only if it starts, and starts only if it can take them", async () => {
    const ledger = await make();
    const turns = [aTurn(), aTurn({ session: "mx.echo.2" }), aTurn({ session: "mx.echo.3" })] as const;
    const first = await queued(ledger, ...turns);
    const second = await leaseOf(ledger, "session:mx.echo.2");
    const third = await leaseOf(ledger, "session:mx.echo.3");
    const caps = {
      ...CAPS,
      buckets: [
        { key: "sender", perMinute: 2 },
        { key: "room", perMinute: 60 },
      ],
    };
    expect(await startAttempt(ledger, first, turns[0], { ...caps, all: 0 })).toBe("full");
    expect(await startAttempt(ledger, { ...first, fence: -1 }, turns[0], caps)).toBe("lost");
    expect(await startAttempt(ledger, first, turns[0], caps)).toBe("started");
    expect(await startAttempt(ledger, second, turns[1], caps)).toBe("started");
    expect(await startAttempt(ledger, third, turns[2], caps)).toEqual({ tokensInMs: 30_000 });
    expect(await startAttempt(ledger, third, turns[2], { ...caps, nowMs: NOW + 30_000 })).toBe("started");
  });

  test("a late owner takes no token for the attempt that its successor started", async () => {
    const ledger = await make();
    const turn = aTurn();
    const late = await queued(ledger, turn);
    const holder = await leaseOf(ledger, late.lane);
    const bucket = { key: "sender", perMinute: 2 };
    expect(await startAttempt(ledger, holder, turn, CAPS)).toBe("started");
    expect(await startAttempt(ledger, late, turn, { ...CAPS, buckets: [bucket] })).toBe("lost");
    for (let token = 0; token < 2; token++) expect(await ledger.takeTokens([bucket], NOW)).toBe(0);
  });

  test("tokens are taken from all buckets or from none, and flow back", async () => {
    const ledger = await make();
    const [sender, room] = [
      { key: "sender", perMinute: 2 },
      { key: "room", perMinute: 60 },
    ];
    expect(await ledger.takeTokens([], NOW)).toBe(0);
    expect(await ledger.takeTokens([sender, room], NOW)).toBe(0);
    expect(await ledger.takeTokens([sender, room], NOW)).toBe(0);
    expect(await ledger.takeTokens([sender, room], NOW)).toBe(30_000);
    expect(await ledger.takeTokens([sender, room], NOW + 29_000)).toBe(1_000);
    expect(await ledger.takeTokens([sender, room], NOW + 30_000)).toBe(0);
    // The failed calls above took no token of the room.
    for (let taken = 0; taken < 60; taken++) expect(await ledger.takeTokens([room], NOW + 60_000)).toBe(0);
    expect(await ledger.takeTokens([room], NOW + 60_000)).toBe(1_000);
  });
}
