/** The part of the ledger's contract about what the servers of backends refuse, and why turns were given up. */
import { describe, expect, test } from "vitest";
import { AgentKey } from "#core/protocol/ids.ts";
import { KEPT_MS } from "#core/retention.ts";
import type { LearntEntries } from "#core/turn/learnt.ts";
import type { Ledger } from "#ports/ledger.ts";
import { aSpec, aTurn, currentTurn, ECHO, leaseOf, NOW, queued, SESSION_LANE } from "#testing/ledger-rows.ts";
import { pruned } from "#testing/pruned.ts";

const ENTRIES: LearntEntries = [{ of: "a", leftOut: ["stream_options"], contextTokens: 5, atMs: NOW }];
const KEEP = { contentsMs: 10 * KEPT_MS.learnt, eventIdsMs: 10 * KEPT_MS.learnt, turnsMs: 10 * KEPT_MS.learnt };

export function learntContract(make: () => Promise<Ledger>): void {
  describe("what was learnt about a server", () => {
    test("is read along with the turn, and replaced by what is learnt later", async () => {
      const ledger = await make();
      await ledger.setAgents([aSpec(ECHO)]);
      const lease = await queued(ledger, aTurn());
      expect(await ledger.currentTurn(lease)).toMatchObject({ learnt: [] });
      await ledger.setLearnt(lease, ECHO, ENTRIES, NOW);
      expect(await ledger.currentTurn(lease)).toMatchObject({ learnt: ENTRIES });
      await ledger.setLearnt(lease, ECHO, [{ ...ENTRIES[0], leftOut: [], of: "b", atMs: NOW }], NOW);
      expect(await ledger.learnt(ECHO)).toMatchObject([{ of: "b" }]);
    });

    test("is shared by the members of a family", async () => {
      const ledger = await make();
      await ledger.setAgents([aSpec(`${ECHO.slice(0, 2)}*`)]);
      const lease = await queued(ledger, aTurn());
      await ledger.setLearnt(lease, `${ECHO.slice(0, 2)}*`, ENTRIES, NOW);
      expect(await ledger.currentTurn(lease)).toMatchObject({ learnt: ENTRIES });
    });

    test("is not written by a late runner", async () => {
      const ledger = await make();
      const late = await queued(ledger, aTurn());
      await leaseOf(ledger, SESSION_LANE, "other", NOW + 3_600_000);
      await ledger.setLearnt(late, ECHO, ENTRIES, NOW);
      expect(await ledger.learnt(ECHO)).toEqual([]);
    });

    test("is forgotten after a week", async () => {
      const ledger = await make();
      await ledger.setLearnt(await queued(ledger, aTurn()), ECHO, ENTRIES, NOW);
      await pruned(ledger, NOW + KEPT_MS.learnt - 1, KEEP);
      expect(await ledger.learnt(ECHO)).toEqual(ENTRIES);
      await pruned(ledger, NOW + KEPT_MS.learnt + 1, KEEP);
      expect(await ledger.learnt(ECHO)).toEqual([]);
    });
  });

  test("the last failure of an agent, or of its family, is known", async () => {
    const ledger = await make();
    await ledger.setAgents([aSpec(ECHO)]);
    const lease = await queued(ledger, aTurn());
    const turn = await currentTurn(ledger, lease);
    const reason = "it is gone";
    const deadLetter = { kind: "turn" as const, reason, raw: turn?.id ?? "" };
    expect(await ledger.lastFailure(AgentKey.parse(ECHO))).toBeUndefined();
    if (turn) await ledger.endTurn(lease, turn.id, { ending: "late", deadLetter }, NOW);
    await ledger.addDeadLetter({ kind: "event", reason: "of an event", raw: "{}" }, NOW);
    for (const key of [ECHO, `${ECHO.slice(0, 2)}*`, `*${ECHO.slice(-2)}`]) {
      expect(await ledger.lastFailure(AgentKey.parse(key))).toEqual({ reason, createdAtMs: NOW });
    }
    for (const key of ["guide", `${ECHO}2*`, `*x${ECHO.slice(-2)}`]) {
      expect(await ledger.lastFailure(AgentKey.parse(key))).toBeUndefined();
    }
  });
}
