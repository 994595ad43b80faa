/** Which rooms an upkeep compares with the homeserver: as many as it has time for, and nobody waits for a room that hangs. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { RoomId } from "#core/protocol/ids.ts";
import type { Ledger } from "#ports/ledger.ts";
import { anEvent } from "#testing/events.ts";
import { ghost } from "#testing/ledger-rows.ts";
import { temporaryLedger } from "#testing/temp-ledger.ts";
import { REPAIR_MARK, type RepairNeeds, repairRooms } from "./repair.ts";

let ledger: Ledger;
let close: () => void;
let nowMs = 0;
let repaired: RoomId[] = [];
beforeEach(async () => {
  ({ ledger, close } = await temporaryLedger());
  nowMs = 1_000_000_000;
  repaired = [];
});
afterEach(() => close());

/** Time passes only in sleeps. */
const clock = {
  now: () => nowMs,
  async sleep(ms: number, signal?: AbortSignal) {
    await new Promise((resolve) => setTimeout(resolve, 1));
    if (signal?.aborted) return;
    nowMs += ms / 4;
    await new Promise((resolve) => setTimeout(resolve, 1));
  },
};

const idsOf = (count: number): RoomId[] =>
  Array.from({ length: count }, (_, at) => RoomId.parse(`!room${String(at).padStart(3, "0")}`));

/** An event in each room, received now. */
const active = (rooms: readonly RoomId[]) =>
  ledger.accept({ events: rooms.map((room_id) => anEvent({ room_id })), deadLetters: [], nowMs });

const upkeep = (over: Partial<RepairNeeds> = {}) =>
  repairRooms({
    ledger,
    clock,
    log: () => undefined,
    doorbell: { ring: async () => undefined },
    standing: { isWell: async () => true },
    repair: async (room) => {
      repaired.push(room);
      return 0;
    },
    ...over,
  });

/** The rotation has been through these rooms just now. */
const withoutRotation = () => ledger.setMark("rotation", JSON.stringify({ left: [], slice: 1, sinceMs: nowMs }));

test("500 rooms after an outage are repaired a part at each upkeep, each once, and done is said at the end", async () => {
  await active(idsOf(500));
  await withoutRotation();
  await ledger.setMark(REPAIR_MARK, "due");
  for (let count = 0; count < 5; count++) {
    expect(await ledger.mark(REPAIR_MARK)).toBe(count === 0 ? "due" : "going");
    const before = repaired.length;
    await upkeep({ mayGoOn: () => repaired.length - before < 100 });
  }
  expect(await ledger.mark(REPAIR_MARK)).toBe("done");
  expect(repaired.toSorted()).toEqual(idsOf(500));
});

test("an upkeep that ends beside one of another process, begun after a new doubt, takes no room from its list", async () => {
  const [a, b, c] = idsOf(3) as [RoomId, RoomId, RoomId];
  await active([a]);
  await withoutRotation();
  await ledger.setMark(REPAIR_MARK, "due");
  await upkeep({
    async repair() {
      await active([b, c]);
      await ledger.setMark(REPAIR_MARK, "due");
      let count = 0;
      await upkeep({ mayGoOn: () => count++ < 1 });
      return 0;
    },
  });
  expect(await ledger.mark(REPAIR_MARK)).toBe("going");
  await upkeep();
  expect(repaired.toSorted()).toEqual(idsOf(3));
  expect(await ledger.mark(REPAIR_MARK)).toBe("done");
});

test("rooms that hang keep the others waiting ten seconds at most, and the upkeep ends", async () => {
  const rooms = idsOf(60);
  const hanging = new Set(rooms.slice(20, 40));
  await active(rooms);
  await withoutRotation();
  await ledger.setMark(REPAIR_MARK, "due");
  const beganAtMs = nowMs;
  const repair = async (room: RoomId) => {
    if (hanging.has(room)) await new Promise(() => undefined);
    repaired.push(room);
    return 0;
  };
  for (let count = 0; count < 3; count++) await upkeep({ repair });
  expect(repaired.toSorted()).toEqual(rooms.filter((room) => !hanging.has(room)));
  expect(nowMs - beganAtMs).toBeLessThanOrEqual(60_000);
  expect(await ledger.mark(REPAIR_MARK)).toBe("done");
});

test("a doubt that comes while rooms are repaired begins anew, behind the rooms that are left", async () => {
  await active(idsOf(20));
  await withoutRotation();
  await ledger.setMark(REPAIR_MARK, "due");
  await upkeep({ mayGoOn: () => repaired.length < 8 });
  const first = [...repaired];
  await ledger.setMark(REPAIR_MARK, "due");
  await upkeep({ mayGoOn: () => repaired.length < 20 });
  expect(new Set(repaired.slice(0, 20)).size).toBe(20);
  await upkeep();
  expect(repaired.slice(20).toSorted()).toEqual(first.toSorted());
});

test("a homeserver that answers nothing again loses no room of the repair", async () => {
  await active(idsOf(30));
  await withoutRotation();
  await ledger.setMark(REPAIR_MARK, "due");
  let asked = 0;
  const fails = async () => {
    asked++;
    throw new Error("no answer");
  };
  await upkeep({ repair: fails, standing: { isWell: async () => false } });
  expect(asked).toBeLessThanOrEqual(4);
  expect(await ledger.mark(REPAIR_MARK)).toBe("going");
  await upkeep();
  expect(repaired.toSorted()).toEqual(idsOf(30));
});

test("a repair that is killed at any of its writes goes on with every room that is left", async () => {
  await active(idsOf(12));
  await withoutRotation();
  await ledger.setMark(REPAIR_MARK, "due");
  for (let killedAt = 0; killedAt < 4; killedAt++) {
    let writes = 0;
    const dying: RepairNeeds["ledger"] = {
      ...ledger,
      setMark: async (...given) =>
        writes++ === killedAt ? Promise.reject(new Error("killed")) : ledger.setMark(...given),
    };
    const before = repaired.length;
    await upkeep({ ledger: dying, mayGoOn: () => repaired.length - before < 2 }).catch(() => undefined);
  }
  await upkeep();
  expect([...new Set(repaired)].toSorted()).toEqual(idsOf(12));
  expect(await ledger.mark(REPAIR_MARK)).toBe("done");
});

test("a lost push is found within ten upkeeps in a hundred active rooms, and a quiet bridge asks for no room", async () => {
  await active(idsOf(100));
  for (let minute = 0; minute < 10; minute++) {
    await upkeep();
    expect(repaired.length).toBe((minute + 1) * 10);
    nowMs += 60_000;
  }
  expect(repaired.toSorted()).toEqual(idsOf(100));
  nowMs += 3_600_000;
  repaired = [];
  for (let minute = 0; minute < 20; minute++) {
    await upkeep();
    nowMs += 60_000;
  }
  expect(repaired).toEqual([]);
});

test("all joined rooms have their turn, and a room that was not reached is not passed over", async () => {
  const rooms = idsOf(25);
  for (const room of rooms) await ledger.setMembers(room, [ghost("echo")]);
  await withoutRotation();
  const slices: number[] = [];
  for (const most of [10, 4, 10, 10]) {
    const before = repaired.length;
    await upkeep({ mayGoOn: () => repaired.length - before < most });
    slices.push(repaired.length - before);
  }
  expect(slices).toEqual([10, 4, 10, 1]);
  expect(repaired.toSorted()).toEqual(rooms);
});
