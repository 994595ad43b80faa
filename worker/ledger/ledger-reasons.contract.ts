/** The part of the ledger's contract about stored verdicts: their reasons, their evidence, and the list of a room's latest. */
import { describe, expect, test } from "vitest";
import { grounds } from "#core/gate/evidence.ts";
import type { Reason } from "#core/gate/reasons.ts";
import type { RoomEvent } from "#core/protocol/event.ts";
import { EventId, RoomId } from "#core/protocol/ids.ts";
import type { Ledger } from "#ports/ledger.ts";
import type { Settled } from "#ports/rooms.ts";
import { aMembership, anEvent } from "#testing/events.ts";
import { aSettled, ECHO, leaseOf, NOW, ROOM, ROOM_LANE, settled, waiting } from "#testing/ledger-rows.ts";

type Make = () => Promise<Ledger>;

const ROOT = EventId.parse("$root");
/** JSON that SQLite does not read. */
const deep = (depth: number): unknown => (depth === 0 ? 1 : [deep(depth - 1)]);

export function reasonsContract(make: Make): void {
  describe("stored verdicts", () => storedContract(make));
}

const REASONS = ["notice", "muted", "edit"] as const;

function storedContract(make: Make): void {
  test("of a quiet room are found however busy the others are", async () => quietContract(await make()));

  test("of an event are kept with the agent they are about", async () => {
    const ledger = await make();
    const [, event] = await waiting(ledger);
    const { event_id: eventId } = event.event;
    const known = { eventId, roomId: ROOM, receivedAtMs: NOW };
    expect(await ledger.verdictOf(eventId)).toEqual(known);
    const lease = await leaseOf(ledger, ROOM_LANE);
    await ledger.ignore(lease, [{ seq: event.seq, reason: "not_permitted", about: ECHO }]);
    expect(await ledger.verdictOf(eventId)).toEqual({ ...known, verdict: "not_permitted", about: ECHO });
    expect(await ledger.verdictOf(ROOT)).toBeUndefined();
  });

  test("keep their evidence, one by one and many at once", async () => {
    const ledger = await make();
    const [lease, one] = await waiting(ledger);
    const low = grounds("power_too_low", { needed: 50, has: 0 });
    await ledger.settle(lease, one, aSettled(low));
    expect(await ledger.verdictOf(one.event.event_id)).toMatchObject({
      verdict: "power_too_low",
      evidence: { needed: 50, has: 0 },
    });
    const [, other] = await waiting(ledger);
    const [again, another] = await waiting(ledger);
    await ledger.ignore(again, [
      { seq: other.seq, ...grounds("ignored_sender", { entry: "^@it's" }) },
      { seq: another.seq, reason: "muted" },
    ]);
    expect(await ledger.verdictOf(other.event.event_id)).toMatchObject({ evidence: { entry: "^@it's" } });
    expect(await ledger.verdictOf(another.event.event_id)).not.toHaveProperty("evidence");
  });

  test("of another version are read as they stand", async () => {
    const ledger = await make();
    const event = anEvent();
    await settled(ledger, { reason: "danced" as Reason }, event);
    expect(await ledger.verdictOf(event.event_id)).toMatchObject({ verdict: { other: "danced" } });
    expect(await ledger.verdicts()).toEqual({ danced: 1 });
  });

  test("of many events are kept one by one", async () => {
    const ledger = await make();
    const events = [anEvent(), anEvent(), anEvent()];
    await ledger.accept({ events, deadLetters: [], nowMs: NOW });
    const lease = await leaseOf(ledger, ROOM_LANE);
    const found = await ledger.nextEvents(lease, 10);
    await ledger.ignore(
      lease,
      found.map(({ seq }, n) => ({ seq, reason: REASONS[n] ?? "state", ...(n === 1 ? { about: ECHO } : {}) })),
    );
    const read = await Promise.all(events.map(({ event_id }) => ledger.verdictOf(event_id)));
    expect(read.map((one) => [one?.verdict, one?.about])).toEqual([
      ["notice", undefined],
      ["muted", ECHO],
      ["edit", undefined],
    ]);
  });

  test("of a room are listed for messages, reactions and invitations, newest first", async () => {
    const ledger = await make();
    const store = async (reason: Reason, event: RoomEvent, over: Partial<Settled> = {}) =>
      settled(ledger, { ...over, reason }, event);
    await store("wake_mention", anEvent(), { about: ECHO });
    await store("own_event", anEvent());
    await store("no_agent", anEvent({ room_id: "!other" }));
    await store("state", anEvent({ type: "m.room.name", state_key: "" }));
    await store("notice", aMembership("@agent_echo:hs.test", "join"));
    await store("join", aMembership("@agent_echo:hs.test", "invite"));
    await store("stop", anEvent({ type: "m.reaction" }));
    await store("encrypted", anEvent({ type: "m.room.encrypted" }));
    await store("no_text", anEvent({ content: { x: deep(2_000) } }));
    await waiting(ledger);
    const latest = await ledger.verdictsIn(ROOM, 10);
    expect(latest.map(({ verdict }) => verdict)).toEqual(["encrypted", "stop", "join", "wake_mention"]);
    expect(latest.at(-1)).toMatchObject({ about: ECHO, roomId: ROOM, receivedAtMs: NOW });
    expect(await ledger.verdictsIn(ROOM, 1)).toHaveLength(1);
    expect(await ledger.verdictsIn(RoomId.parse("!none"), 10)).toEqual([]);
  });
}

async function quietContract(ledger: Ledger): Promise<void> {
  const said = anEvent({ room_id: "!quiet" });
  await settled(ledger, { reason: "muted" }, said);
  await settled(ledger, { reason: "membership" }, aMembership("@bob:hs.test", "invite", { room_id: "!quiet" }));
  const events = Array.from({ length: 21_000 }, () => anEvent());
  await ledger.accept({ events, deadLetters: [], nowMs: NOW });
  const found = await ledger.verdictsIn(RoomId.parse("!quiet"), 10);
  expect(found).toMatchObject([{ eventId: said.event_id, verdict: "muted" }]);
}
