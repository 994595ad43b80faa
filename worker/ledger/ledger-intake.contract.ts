/** The part of the ledger's contract about intake, leases, due lanes, agents and ghosts. */
import { describe, expect, test } from "vitest";
import { BOUNDS } from "#core/bounds.ts";
import { NO_CONFIGURATION } from "#core/configuration/configuration.ts";
import { MASK } from "#core/configuration/url-secrets.ts";
import type { RoomEvent } from "#core/protocol/event.ts";
import { AgentId, AgentKey, UserId } from "#core/protocol/ids.ts";
import type { WaitingEvent } from "#core/turn/turn.ts";
import type { Ledger } from "#ports/ledger.ts";
import { aMessage, anEvent } from "#testing/events.ts";
import {
  anAnswer,
  aRow,
  aSpec,
  aTurn,
  dueAt,
  ECHO,
  leaseOf,
  NOW,
  OUT_LANE,
  queued,
  ROOM,
  ROOM_LANE,
  SESSION_LANE,
  settled,
} from "#testing/ledger-rows.ts";

type Make = () => Promise<Ledger>;

const push = (ledger: Ledger, events: readonly RoomEvent[]) => ledger.accept({ events, deadLetters: [], nowMs: NOW });
const many = (length: number, make: (index: number) => RoomEvent = () => anEvent()) =>
  Array.from({ length }, (_, index) => make(index));

async function waitingIds(ledger: Ledger, lane = ROOM_LANE): Promise<string[]> {
  const events = await ledger.nextEvents(await leaseOf(ledger, lane), 10_000);
  return events.map(({ event }) => event.event_id);
}

export function intakeContract(make: Make): void {
  describe("intake", () => {
    repetitionContract(make);
    sizesContract(make);

    test("events that are read back are stored right after the known one before them, whatever was pushed meanwhile", async () => {
      const ledger = await make();
      const [history, first, gap, second, late, third] = Array.from({ length: 6 }, () => anEvent());
      if (!history || !first || !gap || !second || !late || !third) throw new Error("no events");
      await push(ledger, [first, second]);
      // This one is pushed after the room was read and before the gap is written. Later events are stored after it.
      await push(ledger, [late]);
      const read = [history, first, gap, second, late, third];
      const among = read.map((event) => event.event_id);
      await ledger.accept({ events: [history, gap, late, third], deadLetters: [], nowMs: NOW, among });
      const expected = [first, gap, second, late, third].map((event) => event.event_id);
      expect(await waitingIds(ledger)).toEqual(expected);
      expect(await ledger.accept({ events: [third], deadLetters: [], nowMs: NOW, among })).toEqual([ROOM]);
      expect(await waitingIds(ledger)).toEqual(expected);
    });

    test("dead letters are kept beside the events of their transaction, newest first", async () => {
      const ledger = await make();
      const letters = ["one", "two"].map((raw) => ({ kind: "event" as const, reason: `${raw} is odd`, raw }));
      const rooms = await ledger.accept({ events: [anEvent()], deadLetters: letters, nowMs: 7 });
      await ledger.addDeadLetter({ kind: "outbox", reason: "refused", raw: "three" }, 8);
      expect(rooms).toEqual([ROOM]);
      expect((await ledger.deadLetters(2)).map(({ raw, createdAtMs }) => [raw, createdAtMs])).toEqual([
        ["three", 8],
        ["two", 7],
      ]);
    });

    test("a dead letter is cut to 64 KiB, in whole characters", async () => {
      const ledger = await make();
      const letter = { kind: "event" as const, reason: "long", raw: `a${"€".repeat(40_000)}` };
      await ledger.accept({ events: [], deadLetters: [letter], nowMs: NOW });
      await ledger.addDeadLetter(letter, NOW);
      const kept = `a${"€".repeat(Math.floor((64 * 1024 - 1) / 3))}`;
      expect((await ledger.deadLetters(10)).map(({ raw }) => raw)).toEqual([kept, kept]);
    });

    test("an empty transaction is accepted", async () => {
      const ledger = await make();
      expect(await push(ledger, [])).toEqual([]);
      expect(await ledger.accept({ events: [], deadLetters: [], nowMs: NOW })).toEqual([]);
    });
  });
}

function repetitionContract(make: Make): void {
  test("the same transaction five times at once stores its events once, and rings each time", async () => {
    const ledger = await make();
    const events = many(3);
    const answers = await Promise.all(Array.from({ length: 5 }, () => push(ledger, events)));
    expect(answers).toEqual(Array.from({ length: 5 }, () => [ROOM]));
    expect(await waitingIds(ledger)).toEqual(events.map((event) => event.event_id));
  });

  test("a repetition rings for no room whose pushed events are all decided", async () => {
    const ledger = await make();
    const event = anEvent();
    await settled(ledger, {}, event);
    await push(ledger, [anEvent()]);
    expect(await push(ledger, [event])).toEqual([]);
  });

  test("each room is named once", async () => {
    const ledger = await make();
    const events = many(6, (index) => anEvent({ room_id: index % 2 ? "!odd" : "!even" }));
    expect([...(await push(ledger, events))].sort()).toEqual(["!even", "!odd"]);
  });
}

function sizesContract(make: Make): void {
  test.for([101, 250])("%i events of one transaction keep their order", async (length) => {
    const ledger = await make();
    const events = many(length);
    await push(ledger, events);
    expect(await waitingIds(ledger)).toEqual(events.map((event) => event.event_id));
  });

  test("a hundred events of 60 KB each arrive as they were; so many of them are read at a time", async () => {
    const ledger = await make();
    const events = many(100, () => aMessage('"€😀'.repeat(60_000 / 9)));
    await push(ledger, events);
    const lease = await leaseOf(ledger, ROOM_LANE);
    const stored: RoomEvent[] = [];
    let read: readonly WaitingEvent[] = await ledger.nextEvents(lease, 1_000);
    while (read.length > 0) {
      const size = read.reduce((sum, { event }) => sum + JSON.stringify(event).length, 0);
      expect(size).toBeLessThan(BOUNDS.sliceSize.max + BOUNDS.eventSize.max);
      stored.push(...read.map(({ event }) => event));
      read = (
        await ledger.ignoreAndNext(
          lease,
          read.map(({ seq }) => ({ seq, reason: "notice" as const })),
        )
      ).next;
    }
    expect(stored).toEqual(events);
  });

  test("half a surrogate pair and a NUL in a message can be read again", async () => {
    const ledger = await make();
    const odd = aMessage("half \ud83d, nul \0, end");
    await push(ledger, [odd]);
    expect((await ledger.nextEvents(await leaseOf(ledger, ROOM_LANE), 1))[0]?.event).toEqual(odd);
  });
}

export function laneContract(make: Make): void {
  describe("a lane's lease", () => {
    test("one of fifty concurrent claims wins", async () => {
      const ledger = await make();
      const claims = await Promise.all(
        Array.from({ length: 50 }, (_, index) => ledger.claim(ROOM_LANE, `runner ${index}`, NOW, 1_000)),
      );
      expect(claims.filter((lease) => lease !== undefined)).toMatchObject([{ lane: ROOM_LANE, fence: 1 }]);
    });

    test("a lease that has not run out is claimed by its runner only, which gets a new fence", async () => {
      const ledger = await make();
      const first = await leaseOf(ledger, ROOM_LANE, "me");
      expect(await ledger.claim(ROOM_LANE, "another", NOW, 1_000)).toBeUndefined();
      const again = await leaseOf(ledger, ROOM_LANE, "me");
      expect(again.fence).toBeGreaterThan(first.fence);
      expect(await ledger.renew(first, NOW + 1)).toBe("lost");
    });

    test("a lease that ran out, was released or voided can be claimed by any runner", async () => {
      const ledger = await make();
      const first = await ledger.claim(ROOM_LANE, "first", NOW, 1_000);
      const second = await leaseOf(ledger, ROOM_LANE, "second", NOW + 1_001);
      expect(second.fence).toBeGreaterThan(first?.fence ?? 0);
      await ledger.release(second);
      const third = await leaseOf(ledger, ROOM_LANE, "third", NOW + 1_002);
      await ledger.voidLeases();
      expect(await ledger.renew(third, NOW * 2)).toBe("lost");
      expect(await ledger.claim(ROOM_LANE, "fourth", NOW + 1_003, 1_000)).toBeDefined();
    });

    test("a renewed lease runs out later", async () => {
      const ledger = await make();
      const lease = await leaseOf(ledger, ROOM_LANE, "me");
      expect(await ledger.renew(lease, NOW * 2)).toBe("held");
      expect(await ledger.claim(ROOM_LANE, "another", NOW * 2, 1_000)).toBeUndefined();
    });

    test("a runner whose lease ran out releases nothing", async () => {
      const ledger = await make();
      const late = await leaseOf(ledger, ROOM_LANE, "me");
      await leaseOf(ledger, ROOM_LANE, "me");
      await ledger.release(late);
      expect(await ledger.claim(ROOM_LANE, "another", NOW, 1_000)).toBeUndefined();
    });
  });
  dueContract(make);
}

function dueContract(make: Make): void {
  describe("due lanes", () => {
    test("a lane with nothing open is not due", async () => {
      const ledger = await make();
      for (const lane of [ROOM_LANE, SESSION_LANE, OUT_LANE]) expect(await dueAt(ledger, lane)).toBeUndefined();
      expect(await ledger.dueLanes(NOW, 10)).toEqual([]);
    });

    test("the oldest open row says when its lane is due", async () => {
      const ledger = await make();
      const [first, second] = [aTurn(), aTurn()];
      const session = await queued(ledger, first, second);
      await ledger.postpone(session, first.id, NOW + 500, NOW);
      await ledger.queueOut(session, [aRow(), aRow()]);
      const out = await leaseOf(ledger, OUT_LANE);
      await ledger.retryOut(out, (await ledger.nextOut(out))?.seq ?? -1, NOW + 900, "500 M_UNKNOWN");
      await push(ledger, [anEvent()]);

      expect(await dueAt(ledger, ROOM_LANE)).toBeLessThan(NOW);
      expect(await dueAt(ledger, SESSION_LANE)).toBe(NOW + 500);
      expect(await dueAt(ledger, OUT_LANE)).toBe(NOW + 900);
      await ledger.voidLeases();
      expect(await ledger.dueLanes(NOW, 10)).toEqual([ROOM_LANE]);
      expect(await ledger.dueLanes(NOW + 899, 10)).toEqual([ROOM_LANE, SESSION_LANE]);
      expect(await ledger.dueLanes(NOW + 900, 10)).toEqual([ROOM_LANE, SESSION_LANE, OUT_LANE]);
      expect(await ledger.dueLanes(NOW + 900, 2)).toHaveLength(2);
    });

    test("a lane is not due while it has a lease", async () => {
      const ledger = await make();
      await push(ledger, [anEvent(), anEvent({ room_id: "!other" })]);
      await ledger.claim(ROOM_LANE, "me", NOW, 1_000);
      expect(await ledger.dueLanes(NOW, 10)).toEqual(["room:!other"]);
      expect((await ledger.dueLanes(NOW + 1_001, 10)).sort()).toEqual(["room:!other", ROOM_LANE]);
    });

    test("a lane whose rows have ended is not due", async () => {
      const ledger = await make();
      const turn = aTurn();
      const session = await queued(ledger, turn);
      await ledger.storeAnswer(session, turn.id, anAnswer());
      await ledger.markDelivered(session, turn, OUT_LANE);
      await ledger.voidLeases();
      expect(await ledger.dueLanes(NOW, 10)).toEqual([]);
    });
  });
}

export function agentsContract(make: Make): void {
  describe("agents and ghosts", () => {
    test("an agent that is missing in the list is retired, and comes back when it is listed again", async () => {
      const ledger = await make();
      const [echo, guide] = [aSpec("echo"), aSpec("guide")];
      await ledger.setAgents([echo, guide]);
      await ledger.setAgents([{ ...guide, name: "The guide" }]);
      expect(await ledger.agents()).toEqual([{ ...guide, name: "The guide" }]);
      expect(await ledger.agent(ECHO)).toBeUndefined();
      await ledger.setAgents([echo]);
      expect(await ledger.agent(ECHO)).toMatchObject(echo);
      await ledger.setAgents([]);
      expect(await ledger.agents()).toEqual([]);
    });

    test("ten thousand agents are set at once", async () => {
      const ledger = await make();
      await ledger.setAgents(Array.from({ length: 10_000 }, (_, index) => aSpec(`agent${index}`)));
      expect(await ledger.agents()).toHaveLength(10_000);
    });

    test("agents with the largest avatars are kept whole, and are listed without them", async () => {
      const ledger = await make();
      const avatar = { mediaType: "image/png" as const, base64: "A".repeat(1_000_000) };
      const list = ["one", "two"].map((id) => ({ ...aSpec(id), avatar }));
      await ledger.setAgents(list);
      const masked = list.map((agent) => ({ ...agent, avatar: { ...avatar, base64: MASK } }));
      expect([await ledger.agents(), (await ledger.configuration()).agents]).toEqual([masked, masked]);
      expect((await ledger.agent(AgentId.parse("one")))?.avatar).toEqual(avatar);
      expect(await ledger.picture(AgentKey.parse("one"))).toEqual(avatar);
      expect(await ledger.unchangedPictures([...list, { ...aSpec("three"), avatar }])).toEqual(new Set(["one", "two"]));
      const other = { id: AgentKey.parse("one"), avatar: { ...avatar, base64: "B".repeat(1_000_000) } };
      expect(await ledger.unchangedPictures([other])).toEqual(new Set());
      // What is written back with the mask keeps its picture, in every way to write; without the picture it is gone.
      for (const write of [
        () => ledger.setAgents(masked),
        () => ledger.setConfiguration({ ...NO_CONFIGURATION, agents: masked }),
        async () => Promise.all(masked.map((agent) => ledger.putAgent(agent))),
      ]) {
        await write();
        expect(await ledger.picture(AgentKey.parse("one"))).toEqual(avatar);
      }
      await ledger.setAgents([aSpec("one"), { ...aSpec("new"), avatar: { ...avatar, base64: MASK } }]);
      for (const id of ["one", "new", "nobody"]) expect(await ledger.picture(AgentKey.parse(id))).toBeUndefined();
      expect((await ledger.agents()).some((agent) => "avatar" in agent)).toBe(false);
    });

    test("a ghost is stored with its device, its name and its picture", async () => {
      const ledger = await make();
      const ghost = { userId: UserId.parse("@agent_echo:hs.test"), deviceId: "DEVICE" };
      expect(await ledger.ghost(ghost.userId)).toBeUndefined();
      await ledger.setGhost(ghost);
      expect(await ledger.ghost(ghost.userId)).toEqual(ghost);
      await ledger.setGhost({ ...ghost, profile: "Echo" });
      expect(await ledger.ghost(ghost.userId)).toEqual({ ...ghost, profile: "Echo" });
    });
  });
}
