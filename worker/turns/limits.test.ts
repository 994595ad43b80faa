/** What the start of an attempt asks the ledger for, and for how long. */
import { expect, test } from "vitest";
import type { Layer } from "#core/configuration/settings.ts";
import type { Turn } from "#core/turn/turn.ts";
import type { TurnCaps } from "#ports/turns.ts";
import { agentWith } from "#testing/gate-facts.ts";
import { aStoredTurn, NOW, OUT_LANE, SESSION_LANE } from "#testing/ledger-rows.ts";
import { type Limits, startWithinLimits } from "./limits.ts";

async function start(over: Partial<Turn>, layer: Layer = {}, limits: Partial<Limits> = {}) {
  const asked: TurnCaps[] = [];
  const needs = {
    ledger: {
      async startAttempt(_lease: unknown, _turn: unknown, caps: TurnCaps) {
        asked.push(caps);
        return "started" as const;
      },
    },
    clock: { now: () => NOW, sleep: async () => undefined },
    limits: { senderPerMinute: 2, roomPerMinute: 0, turnsAtOnce: 3, ...limits },
    random: () => 0.5,
    delivery: { lane: () => OUT_LANE },
  };
  const running = { lease: { lane: SESSION_LANE, fence: 1 } };
  await startWithinLimits(needs, running, aStoredTurn(over), agentWith("echo", layer));
  return asked[0];
}

const ROOM_KEY = "room:!room";
const SENDER_KEY = "sender:@alice:hs.test";

test("a turn takes its tokens once: those it does not have, of each bucket that has a limit", async () => {
  const keys = async (over: Partial<Turn>, limits?: Partial<Limits>) =>
    (await start(over, {}, limits))?.buckets.map(({ key }) => key);
  expect(await keys({})).toEqual([SENDER_KEY]);
  expect(await keys({}, { roomPerMinute: 5 })).toEqual([SENDER_KEY, ROOM_KEY]);
  expect(await keys({ waitsFor: SENDER_KEY }, { roomPerMinute: 5 })).toEqual([SENDER_KEY, ROOM_KEY]);
  expect(await keys({ waitsFor: ROOM_KEY }, { roomPerMinute: 5 })).toEqual([ROOM_KEY]);
  for (const waitsFor of ["place", "granted", "time", OUT_LANE]) expect(await keys({ waitsFor })).toEqual([]);
  expect(await keys({ attempt: 1 })).toEqual([]);
});

test("a turn waits for a place until it is too old to be answered", async () => {
  expect((await start({ askedAtMs: NOW - 5 }, { turns: { replyAge: 60 } }))?.lateAtMs).toBe(NOW - 5 + 60_001);
  expect((await start({ askedAtMs: 0 }, { turns: { replyAge: 60 } }))?.lateAtMs).toBe(NOW + 60_001);
});

test("those that wait for a token are spread over less than the time in which one flows in", async () => {
  expect((await start({}))?.buckets).toEqual([{ key: SENDER_KEY, perMinute: 2, spreadMs: 3_750 }]);
});
