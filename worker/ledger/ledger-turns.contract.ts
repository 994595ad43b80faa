/** The part of the ledger's contract about turns: attempts, replies, and how many may run. */
import { describe, expect, test } from "vitest";
import { AgentId, AgentKey, EventId, RoomId, UserId } from "#core/protocol/ids.ts";
import { textPrompt, textReply } from "#core/turn/turn.ts";
import type { Ledger } from "#ports/ledger.ts";
import { anEvent } from "#testing/events.ts";
import {
  anAnswer,
  aPrompt,
  aRequest,
  aRow,
  aSession,
  aSpec,
  aTurn,
  aTurnId,
  CAPS,
  currentTurn,
  dueAt,
  ECHO,
  isDelivered,
  keyOf,
  leaseOf,
  NOW,
  OUT_LANE,
  queued,
  ROOM,
  SESSION_LANE,
  setRoomLayer,
  settled,
  startAttempt,
} from "#testing/ledger-rows.ts";

const GHOST = UserId.parse("@agent_echo:hs.test");

type Make = () => Promise<Ledger>;

export function turnContract(make: Make): void {
  describe("the session lane", () => laneContract(make));
  describe("a turn that waits", () => waitingContract(make));
  describe("a redaction", () => redactionContract(make));
  describe("a turn that was given up", () => replayContract(make));
}

function laneContract(make: Make): void {
  test("takes its turns one at a time, the oldest first", async () => {
    const ledger = await make();
    const [first, second] = [aTurn(), aTurn()];
    const lease = await queued(ledger, first, aTurn({ session: "mx.echo.2" }), second);
    await ledger.storeAnswer(lease, first.id, anAnswer());
    expect(await currentTurn(ledger, lease)).toMatchObject({ id: first.id, state: "answered" });
    expect(await isDelivered(ledger, lease, first)).toBe(true);
    expect(await currentTurn(ledger, lease)).toMatchObject({ id: second.id, state: "queued" });
  });

  test("the last turn of a session releases the lease as it is delivered; another one is given and keeps it", async () => {
    const ledger = await make();
    const [first, second] = [aTurn(), aTurn()];
    const lease = await queued(ledger, first, second);
    await ledger.storeAnswer(lease, first.id, anAnswer());
    expect(await ledger.markDelivered(lease, first, OUT_LANE)).toMatchObject({
      isDelivered: true,
      next: { turn: { id: second.id } },
      isReleased: false,
    });
    await ledger.storeAnswer(lease, second.id, anAnswer());
    expect(await ledger.markDelivered(lease, second, OUT_LANE)).toEqual({
      isDelivered: true,
      next: undefined,
      isReleased: true,
    });
    expect(await ledger.renew(lease, NOW + 1_000)).toBe("lost");
  });

  test("a turn is read with its agent as it holds in the room, and with the ghost", async () => {
    const ledger = await make();
    await ledger.setAgents([{ ...aSpec("echo"), prompt: "everywhere" }]);
    await setRoomLayer(ledger, ROOM, { prompt: "here" });
    const lease = await queued(ledger, aTurn());
    const agent = { id: ECHO, settings: { prompt: "here" } };
    expect(await ledger.currentTurn(lease)).toMatchObject({ agent, ghost: undefined });
    await ledger.setGhost({ userId: GHOST, deviceId: "PHONE", profile: "p" });
    expect(await ledger.currentTurn(lease)).toMatchObject({
      ghost: { userId: GHOST, deviceId: "PHONE", profile: "p" },
    });
    await ledger.removeAgent(AgentKey.parse("echo"));
    expect(await ledger.currentTurn(lease)).toMatchObject({ agent: undefined });
  });

  test("a claim reads the oldest work of the lane; one that fails reads nothing", async () => {
    const ledger = await make();
    const turn = aTurn();
    await queued(ledger, turn);
    const claimed = await ledger.claim("session:mx.echo.1", "me", NOW * 2, 1_000);
    expect(claimed?.first).toMatchObject({ kind: "session", current: { turn: { id: turn.id } } });
    expect(await ledger.claim("session:mx.echo.1", "another", NOW * 2, 1_000)).toBeUndefined();
    expect((await ledger.claim("session:none", "me", NOW, 1_000))?.first).toEqual({
      kind: "session",
      current: undefined,
    });
  });

  test("attempts are counted until there is an answer", async () => {
    const ledger = await make();
    const turn = aTurn();
    const lease = await queued(ledger, turn);
    expect(await startAttempt(ledger, lease, turn)).toBe("started");
    expect(await startAttempt(ledger, lease, { ...turn, attempt: 1 })).toBe("started");
    expect(await currentTurn(ledger, lease)).toMatchObject({ state: "running", attempt: 2 });
    await ledger.storeAnswer(lease, turn.id, anAnswer("sorry"));
    expect(await startAttempt(ledger, lease, turn, CAPS)).toBe("changed");
  });

  test("a stored reply is kept: the next runner delivers it and asks no backend again", async () => {
    const ledger = await make();
    const turn = aTurn();
    const lease = await queued(ledger, turn);
    await ledger.postpone(lease, turn.id, NOW + 1_000, NOW);
    expect(await ledger.storeAnswer(lease, turn.id, anAnswer("hi", { rows: [aRow()] }))).toEqual([]);
    await ledger.voidLeases();
    const next = await leaseOf(ledger, SESSION_LANE, "next");
    const reply = textReply("reply", "hi");
    const stored = { ...turn, merged: [], notBeforeMs: 0, state: "answered", attempt: 0, reply };
    expect(await currentTurn(ledger, next)).toMatchObject(stored);
    expect(await dueAt(ledger, SESSION_LANE)).toBe(0);
    expect(
      await ledger.storeAnswer(next, turn.id, anAnswer("other", { rows: [aRow({ key: "later" })] })),
    ).toBeUndefined();
    expect(await currentTurn(ledger, next)).toMatchObject({ reply });
    expect(await ledger.outboxRow(keyOf("later"))).toBeUndefined();
  });

  test("a turn is delivered when none of its own rows is open", async () => {
    const ledger = await make();
    const turn = aTurn();
    const lease = await queued(ledger, turn);
    expect(await isDelivered(ledger, lease, turn)).toBe(false);
    const rows = [aRow({ turnId: turn.id }), aRow({ turnId: aTurnId("another") })];
    await ledger.storeAnswer(lease, turn.id, anAnswer("hi", { rows }));
    expect(await isDelivered(ledger, lease, turn)).toBe(false);
    const out = await leaseOf(ledger, OUT_LANE);
    const seq = (await ledger.nextOut(out))?.seq ?? -1;
    await ledger.freezeOut(out, seq, aRequest());
    expect(await isDelivered(ledger, lease, turn)).toBe(false);
    await ledger.endOut(out, seq, { state: "sent", eventId: EventId.parse("$sent") }, NOW);
    expect(await isDelivered(ledger, lease, turn)).toBe(true);
  });

  test("the transcript has the answered turns, newest first", async () => {
    const ledger = await make();
    const turns = [aTurn(), aTurn(), aTurn(), aTurn()];
    const lease = await queued(ledger, ...turns, aTurn({ session: "mx.echo.2" }));
    for (const turn of turns.slice(0, 3)) {
      await ledger.storeAnswer(lease, turn.id, anAnswer(`to ${turn.id}`));
    }
    await ledger.markDelivered(lease, { id: turns[0]?.id ?? aTurnId("") }, OUT_LANE);
    const expected = [turns[2]?.id, turns[1]?.id, turns[0]?.id];
    expect((await ledger.transcript(aSession("mx.echo.1"), 10)).map(({ id }) => id)).toEqual(expected);
    expect(await ledger.transcript(aSession("mx.echo.1"), 1)).toMatchObject([
      { reply: textReply("reply", `to ${turns[2]?.id}`) },
    ]);
  });
}

function waitingContract(make: Make): void {
  test("is counted, and the oldest one is named", async () => {
    const ledger = await make();
    const [first, second] = [aTurn(), aTurn()];
    await queued(ledger, first, second, aTurn({ session: "mx.echo.2" }));
    expect(await ledger.waitingIn(aSession("mx.echo.1"))).toMatchObject({ count: 2, oldest: first.id });
    expect(await ledger.waitingIn(aSession("mx.echo.9"))).toEqual({ count: 0 });
  });

  test("is found by the event of its prompt and by the event of its draft", async () => {
    const ledger = await make();
    const turn = aTurn();
    const lease = await queued(ledger, turn);
    const at = (eventId: EventId, roomId = ROOM, agents = [ECHO]) => ledger.openSessionsAt(eventId, roomId, agents);
    expect(await at(turn.prompt.eventId)).toEqual(["mx.echo.1"]);
    expect(await at(turn.prompt.eventId, ROOM, [AgentId.parse("guide"), ECHO])).toEqual(["mx.echo.1"]);
    expect(await at(turn.prompt.eventId, RoomId.parse("!other"))).toEqual([]);
    expect(await at(turn.prompt.eventId, ROOM, [AgentId.parse("guide")])).toEqual([]);
    await ledger.queueOut(lease, [aRow({ turnId: turn.id })], { turnId: turn.id, text: "half" });
    expect((await currentTurn(ledger, lease))?.shown).toBe("half");
    const out = await leaseOf(ledger, OUT_LANE);
    const eventId = EventId.parse("$draft");
    await ledger.endOut(out, (await ledger.nextOut(out))?.seq ?? -1, { state: "sent", eventId }, NOW);
    expect(await at(eventId)).toEqual(["mx.echo.1"]);
    expect(await at(eventId, RoomId.parse("!other"))).toEqual([]);
    expect(await at(eventId, ROOM, [])).toEqual([]);
    await ledger.storeAnswer(lease, turn.id, anAnswer("x"));
    expect(await at(eventId)).toEqual([]);
  });
}

function redactionContract(make: Make): void {
  test("ends the turn of its prompt if that has not begun", async () => {
    const ledger = await make();
    const [running, waits] = [aTurn(), aTurn()];
    const lease = await queued(ledger, running, waits);
    await startAttempt(ledger, lease, running, CAPS);
    for (const { prompt } of [running, waits]) await settled(ledger, { redacted: prompt.eventId });
    expect(await ledger.waitingIn(aSession("mx.echo.1"))).toMatchObject({ count: 1, oldest: running.id });
  });

  test("takes the text of an answered prompt out of history and context", async () => {
    const ledger = await make();
    const event = anEvent();
    const turn = aTurn({ prompt: aPrompt("my secret", { eventId: event.event_id }) });
    await settled(ledger, { turns: [turn] }, event);
    const lease = await leaseOf(ledger, SESSION_LANE);
    await ledger.storeAnswer(lease, turn.id, anAnswer("I keep it"));
    await ledger.markDelivered(lease, turn, OUT_LANE);
    expect(await ledger.event(event.event_id)).toBeDefined();
    await settled(ledger, { redacted: event.event_id });
    expect(await ledger.event(event.event_id)).toBeUndefined();
    const [past] = await ledger.transcript(aSession("mx.echo.1"), 5);
    expect(past).toMatchObject({ prompt: { parts: textPrompt("(redacted)") }, reply: textReply("reply", "I keep it") });
  });

  test("takes effect in its own room only", async () => {
    const ledger = await make();
    const event = anEvent();
    const { event_id: eventId } = event;
    const waits = aTurn({ session: "waits", prompt: aPrompt("hello", { eventId }) });
    const done = aTurn({ session: "done", agent: AgentId.parse("guide"), prompt: aPrompt("hello", { eventId }) });
    await settled(ledger, { turns: [waits, { ...done, ending: "context" }] }, event);
    await settled(ledger, { redacted: eventId }, { room_id: "!other" });
    expect(await ledger.event(eventId)).toEqual(event);
    expect(await ledger.waitingIn(aSession("waits"))).toMatchObject({ count: 1 });
    expect(await ledger.transcript(aSession("done"), 5)).toMatchObject([{ prompt: { parts: textPrompt("hello") } }]);
    await settled(ledger, { redacted: eventId });
    expect(await ledger.event(eventId)).toBeUndefined();
    expect(await ledger.waitingIn(aSession("waits"))).toMatchObject({ count: 0 });
  });
}

function replayContract(make: Make): void {
  test("leaves a dead letter, and can be queued again under another id", async () => {
    const ledger = await make();
    const turn = aTurn();
    const lease = await queued(ledger, turn);
    const deadLetter = { kind: "turn" as const, reason: "its time was up", raw: turn.id };
    await ledger.storeAnswer(
      lease,
      turn.id,
      anAnswer("sorry", { lack: { ending: "timeout", deadLetter }, nowMs: NOW + 7 }),
    );
    expect(await ledger.deadLetters(5)).toMatchObject([{ ...deadLetter, createdAtMs: NOW + 7 }]);
    expect(await ledger.replay(turn.id, aTurnId("again"), NOW)).toBeUndefined();
    await ledger.markDelivered(lease, turn, OUT_LANE);
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
