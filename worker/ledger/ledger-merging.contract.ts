/** The part of the ledger's contract about turns that are merged into an earlier one and keep their rows. */
import { describe, expect, test } from "vitest";
import { BOUNDS } from "#core/bounds.ts";
import { UserId } from "#core/protocol/ids.ts";
import type { Lease } from "#core/turn/lane.ts";
import { askedIn, promptsOf, type Turn, textOf } from "#core/turn/turn.ts";
import type { Ledger } from "#ports/ledger.ts";
import {
  anAnswer,
  aPrompt,
  aSession,
  aTurn,
  aTurnId,
  CAPS,
  currentTurn,
  leaseOf,
  NOW,
  OUT_LANE,
  queued,
  ROOM,
  settled,
  startAttempt,
} from "#testing/ledger-rows.ts";
import { pruned } from "#testing/pruned.ts";

type Make = () => Promise<Ledger>;

const BOB = UserId.parse("@bob:hs.test");
const asking = (text: string, sender?: UserId) => aTurn({ prompt: aPrompt(text, sender ? { sender } : {}) });

const textsOf = (turn: Turn | undefined): string[] => (turn ? promptsOf(turn).map(({ parts }) => textOf(parts)) : []);

async function first(ledger: Ledger, lease: Lease): Promise<Turn> {
  const turn = await currentTurn(ledger, lease);
  if (!turn) throw new Error("there is no turn");
  return turn;
}

/** Three turns of one session, the second and third merged into the first. */
async function merged(ledger: Ledger) {
  const turns = [asking("one"), asking("two", BOB), asking("three")] as const;
  const lease = await queued(ledger, ...turns);
  expect(await ledger.merge(lease, await first(ledger, lease), "all")).toBe(2);
  return { lease, turns };
}

export function mergingContract(make: Make): void {
  describe("turns that are merged", () => mergeContract(make));
  describe("a redaction among merged turns", () => redactionContract(make));
}

function mergeContract(make: Make): void {
  test("are messages of the turn they were merged into, those of its sender or all", async () => {
    const ledger = await make();
    const turns = [asking("one"), asking("two"), asking("three", BOB), asking("four")];
    const lease = await queued(ledger, ...turns, aTurn({ session: "mx.echo.2" }));
    expect(await ledger.merge(lease, await first(ledger, lease), "sender")).toBe(2);
    expect(textsOf(await first(ledger, lease))).toEqual(["one", "two", "four"]);
    expect(await ledger.merge(lease, await first(ledger, lease), "all")).toBe(1);
    const whole = await first(ledger, lease);
    expect(promptsOf(whole)).toEqual(turns.map(({ prompt }) => prompt));
    expect(await ledger.merge(lease, whole, "all")).toBe(0);
    await ledger.endTurn(lease, whole.id, { ending: "late" }, NOW);
    expect(await currentTurn(ledger, lease)).toBeUndefined();
  });

  test("are as many as may be read as one text; the others are merged into the next turn", async () => {
    const ledger = await make();
    const long = "é".repeat(BOUNDS.mergedPrompts.max / 10);
    const lease = await queued(ledger, ...Array.from({ length: 12 }, () => asking(long)));
    for (const [merged, together] of [
      [4, 5],
      [4, 5],
      [1, 2],
    ]) {
      expect(await ledger.merge(lease, await first(ledger, lease), "all")).toBe(merged);
      const turn = await first(ledger, lease);
      expect(await ledger.merge(lease, turn, "all")).toBe(0);
      expect(promptsOf(turn)).toHaveLength(together ?? 0);
      await ledger.endTurn(lease, turn.id, { ending: "late" }, NOW);
    }
    expect(await currentTurn(ledger, lease)).toBeUndefined();
  });

  test("are merged into no turn that has a reply", async () => {
    const ledger = await make();
    const turn = asking("one");
    const lease = await queued(ledger, turn, asking("two"));
    const open = await first(ledger, lease);
    await ledger.storeAnswer(lease, turn.id, anAnswer());
    expect(await ledger.merge(lease, open, "all")).toBe(0);
    expect(await ledger.waitingIn(aSession("mx.echo.1"))).toMatchObject({ count: 2 });
  });

  test("neither wait nor hold their turn back any more", async () => {
    const ledger = await make();
    const held = (text: string) => ({ ...asking(text), notBeforeMs: NOW + 100 });
    const lease = await queued(ledger, held("one"), held("two"));
    const turn = await first(ledger, lease);
    expect(await ledger.heldBackUntil(lease, turn)).toBe(NOW + 100);
    await ledger.merge(lease, turn, "sender");
    expect(await ledger.heldBackUntil(lease, turn)).toBe(0);
    expect(await ledger.waitingIn(aSession("mx.echo.1"))).toMatchObject({ count: 1, oldest: turn.id });
  });

  test("are in the history as messages of their own", async () => {
    const ledger = await make();
    const { lease, turns } = await merged(ledger);
    await ledger.storeAnswer(lease, turns[0].id, anAnswer());
    await ledger.markDelivered(lease, turns[0], OUT_LANE);
    const transcript = await ledger.transcript(aSession("mx.echo.1"), 5);
    expect(transcript.map(promptsOf)).toEqual([turns.map(({ prompt }) => prompt)]);
  });

  test("are asked again with their turn when that is played again", async () => {
    const ledger = await make();
    const { lease, turns } = await merged(ledger);
    await ledger.endTurn(lease, turns[0].id, { ending: "timeout" }, NOW);
    expect(await ledger.replay(turns[1].id, aTurnId("again"), NOW)).toBeUndefined();
    expect(await ledger.replay(turns[0].id, aTurnId("again"), NOW)).toBe("mx.echo.1");
    const again = await first(ledger, lease);
    expect([again.id, ...textsOf(again)]).toEqual(["again", "one", "two", "three"]);
  });

  test("go along with their turn into an earlier one that is played again", async () => {
    const ledger = await make();
    const turns = [asking("one"), asking("two"), asking("three")] as const;
    const lease = await queued(ledger, turns[0]);
    await ledger.endTurn(lease, turns[0].id, { ending: "timeout" }, NOW);
    await queued(ledger, turns[1], turns[2]);
    const again = await leaseOf(ledger, lease.lane);
    await ledger.merge(again, await first(ledger, again), "all");
    await ledger.replay(turns[0].id, aTurnId("again"), NOW);
    expect(await ledger.merge(again, await first(ledger, again), "all")).toBe(1);
    expect(textsOf(await first(ledger, again))).toEqual(["one", "two", "three"]);
  });

  test("are not forgotten before their turn is over", async () => {
    const ledger = await make();
    const { lease, turns } = await merged(ledger);
    const keep = { contentsMs: 0, eventIdsMs: 0, turnsMs: 0 };
    await pruned(ledger, NOW * 2, keep);
    expect(textsOf(await first(ledger, lease))).toEqual(["one", "two", "three"]);
    await ledger.endTurn(lease, turns[0].id, { ending: "late" }, NOW);
    await pruned(ledger, NOW * 2, keep);
    expect(await ledger.transcript(aSession("mx.echo.1"), 5)).toEqual([]);
  });
}

function redactionContract(make: Make): void {
  test("takes one merged message out of its turn and leaves the others", async () => {
    const ledger = await make();
    const { lease, turns } = await merged(ledger);
    await settled(ledger, { redacted: turns[1].prompt.eventId });
    expect(textsOf(await first(ledger, lease))).toEqual(["one", "three"]);
    expect(await ledger.waitingIn(aSession("mx.echo.1"))).toMatchObject({ count: 1 });
  });

  test("lets merged messages wait for themselves again when the message before them is taken out", async () => {
    const ledger = await make();
    const { lease, turns } = await merged(ledger);
    await settled(ledger, { redacted: turns[0].prompt.eventId });
    const second = await first(ledger, lease);
    expect([second.id, ...textsOf(second)]).toEqual([turns[1].id, "two"]);
    expect(await ledger.merge(lease, second, "all")).toBe(1);
    expect(textsOf(await first(ledger, lease))).toEqual(["two", "three"]);
  });

  test("leaves a turn that runs the messages of others, and takes its own and a merged one out", async () => {
    const ledger = await make();
    const { lease, turns } = await merged(ledger);
    await startAttempt(ledger, lease, turns[0], CAPS);
    for (const { prompt } of turns.slice(0, 2)) await settled(ledger, { redacted: prompt.eventId });
    expect(askedIn(await first(ledger, lease)).map(({ parts }) => textOf(parts))).toEqual(["three"]);
  });

  test("takes merged messages out of their own room only", async () => {
    const ledger = await make();
    const { lease, turns } = await merged(ledger);
    await settled(ledger, { redacted: turns[1].prompt.eventId }, { room_id: "!other" });
    await settled(ledger, { redacted: turns[0].prompt.eventId }, { room_id: "!other" });
    expect(textsOf(await first(ledger, lease))).toEqual(["one", "two", "three"]);
    expect((await first(ledger, lease)).roomId).toBe(ROOM);
  });
}
