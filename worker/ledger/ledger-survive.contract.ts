/** The part of the ledger's contract about turns that are joined, told, limited and given up, and about forgetting. */
import { describe, expect, test } from "vitest";
import { AgentId, EventId, RoomId, UserId } from "#core/protocol/ids.ts";
import type { Ledger } from "#ports/ledger.ts";
import { anEvent } from "#testing/events.ts";
import {
  aRow,
  aSession,
  aTurn,
  aTurnId,
  CAPS,
  controlsOf,
  currentTurn,
  ECHO,
  leaseOf,
  NOW,
  OUT_LANE,
  queued,
  ROOM,
  SESSION_LANE,
  settled,
} from "#testing/ledger-rows.ts";

type Make = () => Promise<Ledger>;

const BOB = UserId.parse("@bob:hs.test");
const said = (text: string, sender?: UserId) => {
  const { prompt } = aTurn();
  return { prompt: { ...prompt, text, ...(sender ? { sender } : {}) } };
};
const HOUR_MS = 3_600_000;

export function surviveContract(make: Make): void {
  describe("turns that wait", () => waitingContract(make));
  describe("limits", () => limitsContract(make));
  describe("what goes on for ever", () => upkeepContract(make));
}

function waitingContract(make: Make): void {
  test("are joined to the first, all of them or its sender's, and end by that", async () => {
    const ledger = await make();
    const turns = [aTurn(said("one")), aTurn(said("two")), aTurn(said("three", BOB)), aTurn(said("four"))];
    const lease = await queued(ledger, ...turns, aTurn({ session: "mx.echo.2" }));
    const first = await currentTurn(ledger, lease);
    if (!first) throw new Error("no turn");
    expect(await ledger.merge(lease, first, "sender")).toBe(2);
    expect((await currentTurn(ledger, lease))?.prompt.text).toBe("one\n\ntwo\n\nfour");
    expect(await ledger.merge(lease, first, "all")).toBe(1);
    expect((await currentTurn(ledger, lease))?.prompt.text).toBe("one\n\ntwo\n\nfour\n\n@bob:hs.test: three");
    expect(await ledger.merge(lease, first, "all")).toBe(0);
    await ledger.endTurn(lease, first.id, { ending: "late" });
    expect(await currentTurn(ledger, lease)).toBeUndefined();
  });

  test("are counted, and the oldest is named", async () => {
    const ledger = await make();
    const [first, second] = [aTurn(), aTurn()];
    await queued(ledger, first, second, aTurn({ session: "mx.echo.2" }));
    expect(await ledger.waitingIn(aSession("mx.echo.1"))).toEqual({ count: 2, oldest: first.id });
    expect(await ledger.waitingIn(aSession("mx.echo.9"))).toEqual({ count: 0 });
  });

  test("a stop ends what waited when it was said, and nothing that came later", async () => {
    const ledger = await make();
    const [running, waits, later] = [aTurn(), aTurn(), aTurn()];
    const lease = await queued(ledger, running, waits);
    await ledger.startAttempt(lease, running, CAPS);
    await settled(ledger, { controls: [{ session: aSession("mx.echo.1"), kind: "stop" }] });
    await settled(ledger, { turns: [later] });
    const current = await ledger.currentTurn(lease);
    expect(current).toMatchObject({ told: true, turn: { id: running.id } });
    expect(await controlsOf(ledger, lease, current?.turn.seq)).toEqual(["stop"]);
    await ledger.endTurn(lease, running.id, { ending: "stopped" });
    expect(await ledger.currentTurn(lease)).toMatchObject({ told: false, turn: { id: later.id, state: "queued" } });
  });

  test("what was meant for an earlier turn is not told to a later one", async () => {
    const ledger = await make();
    const [first, second] = [aTurn(), aTurn()];
    const lease = await queued(ledger, first);
    await settled(ledger, { controls: [{ session: aSession("mx.echo.1"), kind: "interrupt" }], turns: [second] });
    await ledger.endTurn(lease, first.id, { ending: "late" });
    const current = await currentTurn(ledger, lease);
    expect(current?.id).toBe(second.id);
    expect(await controlsOf(ledger, lease, current?.seq)).toEqual([]);
  });

  test("a turn that waits and is told something is due at once", async () => {
    const ledger = await make();
    const turn = aTurn();
    const lease = await queued(ledger, turn);
    await ledger.postpone(lease, turn.id, NOW + 1_000, "failed");
    expect(await currentTurn(ledger, lease)).toMatchObject({ failures: 1, notBeforeMs: NOW + 1_000 });
    expect(await ledger.release({ ...lease, fence: -1 })).toBe(NOW + 1_000);
    await settled(ledger, { controls: [{ session: aSession("mx.echo.1"), kind: "stop" }] });
    expect(await ledger.release({ ...lease, fence: -1 })).toBe(0);
  });

  test("a prompt that is taken back ends its turn where that has not begun", async () => {
    const ledger = await make();
    const [running, waits] = [aTurn(), aTurn()];
    const lease = await queued(ledger, running, waits);
    await ledger.startAttempt(lease, running, CAPS);
    for (const { prompt } of [running, waits]) await settled(ledger, { redacted: prompt.eventId });
    expect(await ledger.waitingIn(aSession("mx.echo.1"))).toEqual({ count: 1, oldest: running.id });
  });

  test("a prompt that is taken back is told nobody any more, once it was answered", async () => {
    const ledger = await make();
    const event = anEvent();
    const turn = aTurn({ prompt: { ...aTurn().prompt, eventId: event.event_id, text: "my secret" } });
    await settled(ledger, { turns: [turn] }, event);
    const lease = await leaseOf(ledger, SESSION_LANE);
    await ledger.answered(lease, turn.id, { kind: "reply", markdown: "I keep it" }, []);
    await ledger.delivered(lease, turn.id);
    expect(await ledger.event(event.event_id)).toBeDefined();
    await settled(ledger, { redacted: event.event_id });
    expect(await ledger.event(event.event_id)).toBeUndefined();
    const [past] = await ledger.transcript(aSession("mx.echo.1"), 5);
    expect(past).toMatchObject({ prompt: { text: "(redacted)" }, reply: { markdown: "I keep it" } });
  });

  test("a prompt is taken back in its own room only", async () => {
    const ledger = await make();
    const event = anEvent();
    const { event_id: eventId } = event;
    const waits = aTurn({ session: "waits", prompt: { ...aTurn().prompt, eventId } });
    const done = aTurn({ session: "done", agent: AgentId.parse("guide"), prompt: { ...aTurn().prompt, eventId } });
    await settled(ledger, { turns: [waits, { ...done, ending: "context" }] }, event);
    await settled(ledger, { redacted: eventId }, { room_id: "!other" });
    expect(await ledger.event(eventId)).toEqual(event);
    expect(await ledger.waitingIn(aSession("waits"))).toMatchObject({ count: 1 });
    expect(await ledger.transcript(aSession("done"), 5)).toMatchObject([{ prompt: { text: "hello" } }]);
    await settled(ledger, { redacted: eventId });
    expect(await ledger.event(eventId)).toBeUndefined();
    expect(await ledger.waitingIn(aSession("waits"))).toEqual({ count: 0 });
  });

  test("are found by what asked them and by what they show", async () => {
    const ledger = await make();
    const turn = aTurn();
    const lease = await queued(ledger, turn);
    const at = (eventId: EventId, roomId = ROOM, agents = [ECHO]) => ledger.openSessionsAt(eventId, roomId, agents);
    expect(await at(turn.prompt.eventId)).toEqual(["mx.echo.1"]);
    expect(await at(turn.prompt.eventId, ROOM, [AgentId.parse("guide"), ECHO])).toEqual(["mx.echo.1"]);
    expect(await at(turn.prompt.eventId, RoomId.parse("!other"))).toEqual([]);
    expect(await at(turn.prompt.eventId, ROOM, [AgentId.parse("guide")])).toEqual([]);
    await ledger.freeze(lease, [aRow({ turnId: turn.id })], { turnId: turn.id, text: "half" });
    expect((await currentTurn(ledger, lease))?.shown).toBe("half");
    const out = await leaseOf(ledger, OUT_LANE);
    const eventId = EventId.parse("$draft");
    await ledger.ended(out, (await ledger.nextOut(out))?.seq ?? -1, { state: "sent", eventId });
    expect(await at(eventId)).toEqual(["mx.echo.1"]);
    expect(await at(eventId, RoomId.parse("!other"))).toEqual([]);
    expect(await at(eventId, ROOM, [])).toEqual([]);
    await ledger.answered(lease, turn.id, { kind: "reply", markdown: "x" }, []);
    expect(await at(eventId)).toEqual([]);
  });

  test("our own event proves its send, for its own sender only", async () => {
    const ledger = await make();
    const row = aRow();
    const lease = await leaseOf(ledger, OUT_LANE);
    await ledger.freeze(lease, [row]);
    const eventId = EventId.parse("$back");
    await settled(ledger, { confirmed: { key: row.key, userId: BOB, eventId } });
    expect(await ledger.outboxRow(row.key)).toEqual({ state: "frozen" });
    await settled(ledger, { confirmed: { key: row.key, userId: row.userId, eventId } });
    expect(await ledger.outboxRow(row.key)).toEqual({ state: "sent", eventId });
    expect(await ledger.nextOut(lease)).toBeUndefined();
  });

  test("what is given up is kept, and can be put in line again under another id", async () => {
    const ledger = await make();
    const turn = aTurn();
    const lease = await queued(ledger, turn);
    const deadLetter = { kind: "turn" as const, reason: "its time was up", raw: turn.id };
    await ledger.answered(lease, turn.id, { kind: "notice", markdown: "sorry" }, [], { ending: "timeout", deadLetter });
    expect(await ledger.deadLetters(5)).toMatchObject([deadLetter]);
    expect(await ledger.replay(turn.id, aTurnId("again"), NOW)).toBeUndefined();
    await ledger.delivered(lease, turn.id);
    expect(await ledger.replay(turn.id, aTurnId("again"), NOW + 5)).toBe("mx.echo.1");
    expect(await currentTurn(ledger, lease)).toMatchObject({
      id: "again",
      state: "queued",
      attempt: 0,
      askedAtMs: NOW + 5,
    });
    expect(await ledger.replay(turn.id, aTurnId("third"), NOW)).toBeUndefined();
  });
}

function limitsContract(make: Make): void {
  test("no more turns run than may, of an agent and of all; those of the dead are not counted", async () => {
    const ledger = await make();
    const turns = [aTurn(), aTurn({ session: "mx.echo.2" })];
    const first = await queued(ledger, ...turns);
    const second = await leaseOf(ledger, "session:mx.echo.2");
    const [one, two] = turns;
    if (!one || !two) throw new Error("no turns");
    expect(await ledger.startAttempt(first, one, CAPS)).toBe("started");
    expect(await ledger.startAttempt(second, two, { ...CAPS, agent: 1 })).toBe("full");
    expect(await ledger.startAttempt(second, two, { ...CAPS, all: 1 })).toBe("full");
    expect(await ledger.startAttempt(second, two, { ...CAPS, agent: 1, nowMs: NOW + HOUR_MS })).toBe("started");
    expect(await ledger.startAttempt({ ...second, fence: -1 }, two, CAPS)).toBe("lost");
  });

  test("nothing is begun where too much waits to be sent already", async () => {
    const ledger = await make();
    const turn = aTurn();
    const lease = await queued(ledger, turn);
    await ledger.freeze(lease, [aRow(), aRow(), aRow({ lane: "out:another" })]);
    const out = { lane: OUT_LANE, depth: 2 };
    expect(await ledger.startAttempt(lease, turn, { ...CAPS, out })).toBe("full");
    expect(await ledger.startAttempt(lease, turn, { ...CAPS, out: { ...out, depth: 3 } })).toBe("started");
    expect((await ledger.figures(NOW)).outboxDepth).toBe(2);
  });

  test("tokens are taken of all buckets or of none, and flow back", async () => {
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
    await ledger.returnTokens([sender]);
    expect(await ledger.takeTokens([sender], NOW + 30_000)).toBe(0);
    // What could not be taken of one was not taken of the other.
    for (let taken = 0; taken < 60; taken++) expect(await ledger.takeTokens([room], NOW + 60_000)).toBe(0);
    expect(await ledger.takeTokens([room], NOW + 60_000)).toBe(1_000);
  });
}

function upkeepContract(make: Make): void {
  const keep = { contentsMs: HOUR_MS, eventIdsMs: 2 * HOUR_MS, turnsMs: 3 * HOUR_MS };
  const at = (hours: number) => NOW + hours * HOUR_MS + 1;

  test("contents are forgotten first, then ids, then turns; never what is still open", async () => {
    const ledger = await make();
    const [done, open] = [aTurn(), aTurn()];
    const lease = await queued(ledger, done, open);
    await ledger.endTurn(lease, done.id, { ending: "late" });
    const event = anEvent();
    await ledger.accept({ events: [event], deadLetters: [], nowMs: NOW });
    expect(await ledger.prune(NOW, keep)).toBe(0);
    expect(await ledger.prune(at(1), keep)).toBeGreaterThan(0);
    expect((await ledger.known([event.event_id])).size).toBe(1);
    const room = await leaseOf(ledger, `room:${ROOM}`);
    expect(await ledger.nextEvents(room, 10)).toMatchObject([{ event: { event_id: event.event_id } }]);
    await ledger.prune(at(2), keep);
    expect((await ledger.known([event.event_id])).size).toBe(1);
    await ledger.prune(at(3), keep);
    expect(await currentTurn(ledger, lease)).toMatchObject({ id: open.id });
    expect(await ledger.replay(done.id, aTurnId("again"), NOW)).toBeUndefined();
  });

  test("forgets a bounded number at a time, and gets to the end", async () => {
    const ledger = await make();
    const events = Array.from({ length: 1_200 }, () => anEvent());
    await ledger.accept({ events, deadLetters: [], nowMs: NOW });
    const lease = await leaseOf(ledger, `room:${ROOM}`);
    const found = await ledger.nextEvents(lease, 2_000);
    await ledger.ignore(
      lease,
      found.map(({ seq }) => ({ seq, reason: "notice" })),
    );
    const steps: number[] = [];
    for (let touched = -1; touched !== 0 && steps.length < 20; steps.push(touched))
      touched = await ledger.prune(at(3), keep);
    expect(Math.max(...steps)).toBeLessThanOrEqual(1_001);
    expect(steps.length).toBeLessThan(10);
    expect((await ledger.known(events.map((event) => event.event_id))).size).toBe(0);
  });

  test("knows the rooms in which something happens, and those in which somebody is", async () => {
    const ledger = await make();
    await settled(ledger, { members: [{ userId: BOB, membership: "join" }] }, { room_id: "!a" });
    await settled(ledger, { members: [{ userId: BOB, membership: "join" }] }, { room_id: "!b" });
    await settled(ledger, {}, { room_id: "!a" });
    expect(await ledger.activeRooms(5)).toEqual(["!a", "!b"]);
    expect(await ledger.roomsAfter("", 5)).toEqual(["!a", "!b"]);
    expect(await ledger.roomsAfter("!a", 5)).toEqual(["!b"]);
  });

  test("remembers marks, and counts", async () => {
    const ledger = await make();
    expect(await ledger.mark("here")).toBeUndefined();
    await ledger.setMark("here", "1");
    await ledger.setMark("here", "2");
    expect(await ledger.mark("here")).toBe("2");
    const turn = aTurn();
    const lease = await queued(ledger, turn);
    await ledger.answered(lease, turn.id, { kind: "reply", markdown: "x" }, [aRow({ turnId: turn.id })]);
    expect(await ledger.figures(NOW + 500)).toEqual({
      ...{ lastTransactionAtMs: NOW, undecidedEvents: 0, openTurns: 1, runningTurns: 0, outboxRows: 1, outboxDepth: 1 },
      ...{ outboxAgeMs: 500, deadLetters: 0 },
    });
    expect(SESSION_LANE).toBe(lease.lane);
  });
}
