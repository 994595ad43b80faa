/** The part of the ledger's contract about controls: what a stop and an interrupt end, and when they are forgotten. */
import { describe, expect, test } from "vitest";
import type { Lease } from "#core/turn/lane.ts";
import type { NewTurn } from "#core/turn/turn.ts";
import type { Ledger } from "#ports/ledger.ts";
import type { ControlKind, Granted } from "#ports/turns.ts";
import {
  anAnswer,
  aPrompt,
  aSession,
  aTurn,
  CAPS,
  controlsOf,
  currentTurn,
  dueAt,
  isDelivered,
  leaseOf,
  NOW,
  OUT_LANE,
  queued,
  SESSION_LANE,
  settled,
  startAttempt,
} from "#testing/ledger-rows.ts";

type Make = () => Promise<Ledger>;

const SESSION = aSession("mx.echo.1");
const say = (ledger: Ledger, kind: ControlKind, turns: NewTurn[] = []) =>
  settled(ledger, { controls: [{ session: SESSION, kind }], turns });

/** A turn that runs, and one that waits behind it. */
async function busy(ledger: Ledger): Promise<{ lease: Lease; running: NewTurn; waits: NewTurn }> {
  const [running, waits] = [aTurn(), aTurn()];
  const lease = await queued(ledger, running, waits);
  await startAttempt(ledger, lease, running, CAPS);
  return { lease, running, waits };
}

export function controlsContract(make: Make): void {
  describe("a stop", () => stopContract(make));
  describe("a control", () => controlContract(make));
}

function stopContract(make: Make): void {
  test("ends what waited when it was said, at once, and not what comes later", async () => {
    const ledger = await make();
    const { lease, running } = await busy(ledger);
    const later = aTurn();
    await say(ledger, "stop");
    expect(await ledger.waitingIn(SESSION)).toMatchObject({ count: 1, oldest: running.id });
    await settled(ledger, { turns: [later] });
    expect(await ledger.currentTurn(lease)).toMatchObject({ hasControls: true, turn: { id: running.id } });
    await ledger.endTurn(lease, running.id, { ending: "stopped" }, NOW);
    expect(await ledger.currentTurn(lease)).toMatchObject({
      hasControls: false,
      turn: { id: later.id, state: "queued" },
    });
  });

  test("ends what waits behind an answer that cannot be sent, and makes nothing due by that", async () => {
    const ledger = await make();
    const { lease, running } = await busy(ledger);
    await ledger.storeAnswer(lease, running.id, anAnswer());
    await ledger.postpone(lease, running.id, NOW + 1_000, NOW);
    await say(ledger, "stop");
    expect(await ledger.waitingIn(SESSION)).toMatchObject({ count: 1, oldest: running.id });
    expect(await dueAt(ledger, SESSION_LANE)).toBe(NOW + 1_000);
    const later = aTurn();
    await settled(ledger, { turns: [later] });
    expect(await isDelivered(ledger, lease, running)).toBe(true);
    expect(await ledger.currentTurn(lease)).toMatchObject({ hasControls: false, turn: { id: later.id } });
  });

  test("ends no turn of another session", async () => {
    const ledger = await make();
    await busy(ledger);
    await settled(ledger, { turns: [aTurn({ session: "mx.echo.2" }), aTurn({ session: "mx.echo.2" })] });
    await say(ledger, "stop");
    expect(await ledger.waitingIn(aSession("mx.echo.2"))).toMatchObject({ count: 2 });
    expect(await controlsOf(ledger, await leaseOf(ledger, "session:mx.echo.2"))).toEqual([]);
  });

  test("ends no turn when it is repeated after its verdict", async () => {
    const ledger = await make();
    const { lease, running } = await busy(ledger);
    await say(ledger, "stop");
    await ledger.endTurn(lease, running.id, { ending: "stopped" }, NOW);
    await say(ledger, "stop", [aTurn({ prompt: aPrompt("later") })]);
    expect(await ledger.currentTurn(lease)).toMatchObject({ hasControls: false });
  });
}

function controlContract(make: Make): void {
  test.for<[how: string, end: (ledger: Ledger, lease: Lease, turn: NewTurn) => Promise<Granted>]>([
    ["answered", (ledger, lease, { id }) => ledger.storeAnswer(lease, id, anAnswer())],
    ["ended", (ledger, lease, { id }) => ledger.endTurn(lease, id, { ending: "stopped" }, NOW)],
  ])("is there until its turn is %s, whoever reads it and dies", async ([, end]) => {
    const ledger = await make();
    const { lease, running } = await busy(ledger);
    await say(ledger, "stop");
    expect(await controlsOf(ledger, lease)).toEqual(["stop"]);
    const next = await leaseOf(ledger, SESSION_LANE, "runner");
    expect([await controlsOf(ledger, lease), await controlsOf(ledger, next)]).toEqual([[], ["stop"]]);
    expect(await ledger.currentTurn(next)).toMatchObject({ hasControls: true, turn: { id: running.id } });
    expect(await end(ledger, next, running)).toEqual([]);
    expect(await controlsOf(ledger, next)).toEqual([]);
    expect(await ledger.renew(next, NOW * 2)).toBe("held");
  });

  test("that comes while another one is found to mean nothing is not forgotten with it", async () => {
    const ledger = await make();
    const lease = await queued(ledger, aTurn());
    await say(ledger, "interrupt");
    expect(await controlsOf(ledger, lease)).toEqual(["interrupt"]);
    await say(ledger, "stop");
    expect(await ledger.dropControls(lease, { session: SESSION })).toBe(true);
    expect(await controlsOf(ledger, lease)).toEqual(["stop"]);
  });

  test("is told by the renewal of the lease", async () => {
    const ledger = await make();
    const { lease } = await busy(ledger);
    expect(await ledger.renew(lease, NOW * 2)).toBe("held");
    await say(ledger, "interrupt");
    expect(await ledger.renew(lease, NOW * 2)).toBe("controls");
  });

  test("that was meant for an earlier turn means nothing to a later one, and makes it not due", async () => {
    const ledger = await make();
    const [first, second] = [aTurn(), aTurn()];
    const lease = await queued(ledger, first);
    await say(ledger, "interrupt", [second]);
    // As a redaction ends it: without a look at its controls.
    await settled(ledger, { redacted: first.prompt.eventId });
    const current = await ledger.currentTurn(lease);
    expect(current).toMatchObject({ hasControls: false, turn: { id: second.id } });
    expect(await controlsOf(ledger, lease, current?.turn.seq)).toEqual([]);
    await ledger.postpone(lease, second.id, NOW + 1_000, NOW);
    expect(await dueAt(ledger, SESSION_LANE)).toBe(NOW + 1_000);
  });

  test("makes a turn due at once that waits", async () => {
    const ledger = await make();
    const turn = aTurn();
    const lease = await queued(ledger, turn);
    await ledger.postponeFailed(lease, turn.id, NOW + 1_000, NOW);
    expect(await currentTurn(ledger, lease)).toMatchObject({ failures: 1, notBeforeMs: NOW + 1_000 });
    expect(await dueAt(ledger, SESSION_LANE)).toBe(NOW + 1_000);
    await say(ledger, "stop");
    expect(await dueAt(ledger, SESSION_LANE)).toBe(0);
  });

  test("for an answered turn is not kept", async () => {
    const ledger = await make();
    const { lease, running } = await busy(ledger);
    await ledger.storeAnswer(lease, running.id, anAnswer());
    await say(ledger, "interrupt");
    expect(await controlsOf(ledger, lease)).toEqual([]);
    expect(await ledger.waitingIn(SESSION)).toMatchObject({ count: 2 });
    expect(await ledger.markDelivered(lease, running, OUT_LANE)).toMatchObject({ isDelivered: true });
  });
}
