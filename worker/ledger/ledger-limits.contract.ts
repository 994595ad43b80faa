/** The part of the ledger's contract about limits: how many turns run, how many messages wait, and token buckets. */
import { describe, expect, test } from "vitest";
import { BOUNDS } from "#core/bounds.ts";
import { textReply } from "#core/turn/turn.ts";
import type { Ledger } from "#ports/ledger.ts";
import { aRow, aTurn, CAPS, isDelivered, leaseOf, NOW, OUT_LANE, queued, startAttempt } from "#testing/ledger-rows.ts";

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
    expect(await startAttempt(ledger, { ...second, fence: -1 }, two, CAPS)).toBe("changed");
  });

  test("a history of the longest replies is read only as far back as it is bounded", async () => {
    const ledger = await make();
    const long = BOUNDS.storedReply.max;
    const turns = Array.from({ length: 8 }, () => aTurn());
    const lease = await queued(ledger, ...turns);
    for (const turn of turns) {
      await startAttempt(ledger, lease, turn);
      const reply = textReply("reply", "x".repeat(long));
      await ledger.storeAnswer(lease, turn.id, { reply, rows: [], lack: undefined, nowMs: NOW });
      await isDelivered(ledger, lease, turn);
    }
    const { session } = aTurn();
    const newest = turns.map(({ id }) => id).reverse();
    const read = (await ledger.transcript(session, 50)).map(({ id }) => id);
    expect(read).toEqual(newest.slice(0, Math.floor(BOUNDS.transcript.max / (long + 100))));
    expect((await ledger.transcript(session, 2)).map(({ id }) => id)).toEqual(newest.slice(0, 2));
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

  test("a turn takes its tokens before it waits for a place, and keeps them; it takes none where it is not decided", async () => {
    const ledger = await make();
    const turns = [aTurn(), aTurn({ session: "mx.echo.2" }), aTurn({ session: "mx.echo.3" })] as const;
    const first = await queued(ledger, ...turns);
    const second = await leaseOf(ledger, "session:mx.echo.2");
    const third = await leaseOf(ledger, "session:mx.echo.3");
    const buckets = [
      { key: "sender", perMinute: 2, spreadMs: 0 },
      { key: "room", perMinute: 60, spreadMs: 0 },
    ];
    const caps = { ...CAPS, buckets };
    expect(await startAttempt(ledger, { ...first, fence: -1 }, turns[0], caps)).toBe("changed");
    expect(await startAttempt(ledger, first, turns[0], { ...caps, all: 0 })).toBe("full");
    expect(await startAttempt(ledger, first, turns[0], CAPS)).toBe("started");
    expect(await startAttempt(ledger, second, turns[1], caps)).toBe("started");
    expect(await startAttempt(ledger, third, turns[2], caps)).toEqual({ tokensInMs: 30_000 });
    expect(await startAttempt(ledger, third, turns[2], { ...caps, nowMs: NOW + 30_000 })).toBe("started");
    // The bucket of the room was full again when the third turn took its token.
    const takeOfRoom = () => ledger.takeTokens(buckets.slice(1), NOW + 30_000);
    for (let token = 0; token < 59; token++) expect(await takeOfRoom()).toBe(0);
    expect(await takeOfRoom()).toBeGreaterThan(0);
  });

  test("an attempt starts only from the attempt before it", async () => {
    const ledger = await make();
    const turn = aTurn();
    const lease = await queued(ledger, turn);
    expect(await startAttempt(ledger, lease, { ...turn, attempt: 1 })).not.toBe("started");
    expect(await startAttempt(ledger, lease, turn)).toBe("started");
    expect(await startAttempt(ledger, lease, turn)).not.toBe("started");
    expect(await startAttempt(ledger, lease, { ...turn, attempt: 1 })).toBe("started");
  });

  test("a late owner takes no token for the attempt that its successor started", async () => {
    const ledger = await make();
    const turn = aTurn();
    const late = await queued(ledger, turn);
    const holder = await leaseOf(ledger, late.lane);
    const bucket = { key: "sender", perMinute: 2 };
    expect(await startAttempt(ledger, holder, turn, CAPS)).toBe("started");
    expect(await startAttempt(ledger, late, turn, { ...CAPS, buckets: [{ ...bucket, spreadMs: 0 }] })).toBe("changed");
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
