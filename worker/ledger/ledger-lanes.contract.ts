/** The part of the ledger's contract about what a room, a session and an outbox lane read and write. */
import { describe, expect, test } from "vitest";
import { EventId, RoomId } from "#core/protocol/ids.ts";
import type { Ledger } from "#ports/ledger.ts";
import type { IgnoredEvent } from "#ports/rooms.ts";
import { anEvent } from "#testing/events.ts";
import {
  aRow,
  aSession,
  aSettled,
  aSpec,
  aTurn,
  aTurnId,
  CAPS,
  controlsOf,
  currentTurn,
  dueAt,
  ECHO,
  ghost,
  leaseOf,
  member,
  NOW,
  OUT_LANE,
  presentIds,
  queued,
  ROOM,
  ROOM_LANE,
  SESSION_LANE,
  settled,
  waiting,
} from "#testing/ledger-rows.ts";

type Make = () => Promise<Ledger>;

const THREAD = EventId.parse("$thread");
const setAgents = (ledger: Ledger, ...names: string[]) => ledger.setAgents(names.map((id) => aSpec(id)));

export function roomContract(make: Make): void {
  describe("the room lane", () => {
    test("reads its own room's undecided events, no more than asked for", async () => {
      const ledger = await make();
      const [mine, other, next] = [anEvent(), anEvent({ room_id: "!other" }), anEvent()];
      await ledger.accept({ events: [mine, other, next], deadLetters: [], nowMs: 42 });
      const lease = await leaseOf(ledger, ROOM_LANE);
      expect(await ledger.nextEvents(lease, 1)).toMatchObject([{ event: mine, receivedAtMs: 42 }]);
      const [first] = await ledger.nextEvents(lease, 10);
      if (first) await ledger.settle(lease, first, aSettled());
      expect(await ledger.nextEvents(lease, 10)).toMatchObject([{ event: next }]);
    });

    test("a room id with colons is still one room", async () => {
      const ledger = await make();
      await ledger.accept({ events: [anEvent({ room_id: "!a:hs.test:8448" })], deadLetters: [], nowMs: NOW });
      expect(await ledger.dueLanes(NOW, 10)).toEqual(["room:!a:hs.test:8448"]);
      expect(await ledger.nextEvents(await leaseOf(ledger, "room:!a:hs.test:8448"), 10)).toHaveLength(1);
    });

    decideContract(make);

    test("names the sessions of the room and thread that are not answered yet", async () => {
      const ledger = await make();
      const answered = aTurn();
      const lease = await queued(ledger, answered, aTurn({ session: "mx.echo.2" }));
      await settled(ledger, { turns: [aTurn({ session: "mx.echo.3", threadRoot: THREAD })] });
      await settled(ledger, { turns: [aTurn({ session: "mx.echo.2" })] });
      await ledger.answered(lease, answered.id, { kind: "reply", markdown: "hi" }, []);
      expect(await ledger.openSessions(ROOM, undefined, [ECHO])).toEqual(["mx.echo.2"]);
      expect(await ledger.openSessions(ROOM, THREAD, [ECHO])).toEqual(["mx.echo.3"]);
    });
  });
  describe("facts about a room", () => factsContract(make));
}

function decideContract(make: Make): void {
  test("many verdicts without other effects are written at once, each counted, none twice", async () => {
    const ledger = await make();
    const events = Array.from({ length: 120 }, () => anEvent());
    await ledger.accept({ events, deadLetters: [], nowMs: NOW });
    const lease = await leaseOf(ledger, ROOM_LANE);
    const found = await ledger.nextEvents(lease, 200);
    const ignored = found.slice(1).map(({ seq }, n): IgnoredEvent => ({ seq, reason: n < 100 ? "notice" : "edit" }));
    expect(await ledger.ignore(lease, ignored)).toBe(true);
    expect(await ledger.ignore(lease, ignored)).toBe(false);
    expect(await ledger.verdicts()).toEqual({ notice: 100, edit: 19 });
    expect(await ledger.nextEvents(lease, 200)).toEqual(found.slice(0, 1));
  });

  test("a verdict is stored once, with everything it settles", async () => {
    const ledger = await make();
    await setAgents(ledger, "echo");
    const [lease, event] = await waiting(ledger);
    const turns = [aTurn({ threadRoot: THREAD, direct: true }), aTurn({ session: "mx.echo.2" })];
    const settlement = aSettled({
      turns,
      members: [member("@agent_echo:hs.test")],
      controls: [{ session: aSession("mx.echo.1"), kind: "stop" as const }],
    });
    expect(await ledger.settle(lease, event, settlement)).toBe(true);
    expect(await ledger.settle(lease, event, { ...settlement, reason: "wake_reply" })).toBe(false);

    expect(await ledger.verdicts()).toEqual({ wake_mention: 1 });
    const session = await leaseOf(ledger, SESSION_LANE);
    expect(await currentTurn(ledger, session)).toMatchObject({ ...turns[0], state: "queued", attempt: 0, failures: 0 });
    expect(await controlsOf(ledger, session)).toEqual(["stop"]);
    expect(await presentIds(ledger)).toEqual(["echo"]);
    expect((await ledger.dueLanes(NOW, 10)).sort()).toEqual(["session:mx.echo.2"]);
  });

  test("one event makes one turn of an agent, however often it is decided", async () => {
    const ledger = await make();
    const turn = aTurn();
    await queued(ledger, turn);
    await settled(ledger, { turns: [{ ...turn, id: aTurnId("another"), session: aSession("mx.echo.9") }] });
    expect(await ledger.openSessions(ROOM, undefined, [ECHO])).toEqual([turn.session]);
  });

  test("hundreds of turns, memberships and stops fit into one verdict", async () => {
    const ledger = await make();
    const range = Array.from({ length: 300 }, (_, index) => index);
    await settled(ledger, {
      turns: range.map((index) => aTurn({ session: `s${index}` })),
      members: range.map((index) => member(`@person${index}:hs.test`)),
      controls: range.map((index) => ({ session: aSession(`s${index}`), kind: "stop" as const })),
    });
    expect(await ledger.openSessions(ROOM, undefined, [ECHO])).toHaveLength(300);
    expect(await controlsOf(ledger, await leaseOf(ledger, "session:s299"))).toEqual(["stop"]);
    expect((await ledger.room(ROOM)).joinedCount).toBe(3);
  });

  test("half a surrogate pair or a NUL in a prompt or a reply costs that character and nothing else", async () => {
    const ledger = await make();
    const odd = "half \ud83d, nul \0, whole 😀";
    const turn = aTurn({ prompt: { ...aTurn().prompt, text: odd } });
    const lease = await queued(ledger, turn);
    await ledger.answered(lease, turn.id, { kind: "reply", markdown: odd }, []);
    const text = "half \ufffd, nul \ufffd, whole 😀";
    expect(await currentTurn(ledger, lease)).toMatchObject({ prompt: { text }, reply: { markdown: text } });
  });

  test("verdicts are counted by their reason", async () => {
    const ledger = await make();
    for (const reason of ["own_event", "join", "own_event"] as const) await settled(ledger, { reason });
    expect(await ledger.verdicts()).toEqual({ own_event: 2, join: 1 });
  });
}

function factsContract(make: Make): void {
  test("only joined agents of ours are present, in the order of their ids, and no retired one", async () => {
    const ledger = await make();
    await setAgents(ledger, "a", "a-b", "left", "retired");
    await setAgents(ledger, "a", "a-b", "left");
    await ledger.setMembers(ROOM, [
      ...["a", "retired", "nobody", "a-b"].map((id) => ghost(id)),
      ...[member("@agent_a:elsewhere.test"), ghost("left", "leave"), member("@agent_:hs.test")],
      ...[member("@agent_a:evil:hs.test"), member("@a:hs.test")],
    ]);
    expect(await presentIds(ledger)).toEqual(["a", "a-b"]);
    const [first] = (await ledger.room(ROOM)).present;
    expect(first).toMatchObject({ userId: "@agent_a:hs.test", invitedDirectly: false, agent: aSpec("a") });
    expect(await presentIds(ledger, RoomId.parse("!other"))).toEqual([]);
  });

  test("joined members are counted up to three, in this room only", async () => {
    const ledger = await make();
    const people = ["a", "b", "c", "d"].map((name) => member(`@${name}:hs.test`));
    expect((await ledger.room(ROOM)).joinedCount).toBe(0);
    await ledger.setMembers(ROOM, [...people.slice(0, 2), member("@invited:hs.test", "invite")]);
    expect((await ledger.room(ROOM)).joinedCount).toBe(2);
    await settled(ledger, { members: people }, { room_id: "!other" });
    expect((await ledger.room(ROOM)).joinedCount).toBe(2);
    await ledger.setMembers(ROOM, people);
    expect((await ledger.room(ROOM)).joinedCount).toBe(3);
  });

  test("a membership read anew replaces what was known, however large the room", async () => {
    const ledger = await make();
    await setAgents(ledger, "echo", "guide");
    await ledger.setMembers(ROOM, [member("@agent_echo:hs.test")]);
    const crowd = Array.from({ length: 20_000 }, (_, index) => member(`@person${index}:${"x".repeat(60)}.test`));
    await ledger.setMembers(ROOM, [...crowd, member("@agent_guide:hs.test")]);
    expect(await presentIds(ledger)).toEqual(["guide"]);
  });

  test("the agent who wrote an event is known by the event, while it is not retired", async () => {
    const ledger = await make();
    await setAgents(ledger, "echo");
    const eventId = EventId.parse("$sent");
    const lease = await leaseOf(ledger, OUT_LANE);
    await ledger.freeze(lease, [aRow()]);
    await ledger.ended(lease, (await ledger.nextOut(lease))?.seq ?? -1, { state: "sent", eventId });
    const target = (of: EventId) => ledger.sender(ROOM, { sender: aTurn().prompt.sender, target: of });
    expect((await target(eventId)).repliedAgent).toBe(ECHO);
    expect(await target(THREAD)).not.toHaveProperty("repliedAgent");
    await setAgents(ledger);
    expect(await target(eventId)).not.toHaveProperty("repliedAgent");
  });
}

export function sessionContract(make: Make): void {
  describe("the session lane", () => {
    test("takes its turns one at a time, the oldest first", async () => {
      const ledger = await make();
      const [first, second] = [aTurn(), aTurn()];
      const lease = await queued(ledger, first, aTurn({ session: "mx.echo.2" }), second);
      await ledger.answered(lease, first.id, { kind: "reply", markdown: "hi" }, []);
      expect(await currentTurn(ledger, lease)).toMatchObject({ id: first.id, state: "answered" });
      expect(await ledger.delivered(lease, first.id)).toBe(true);
      expect(await currentTurn(ledger, lease)).toMatchObject({ id: second.id, state: "queued" });
    });

    test("attempts are counted until there is an answer", async () => {
      const ledger = await make();
      const turn = aTurn();
      const lease = await queued(ledger, turn);
      expect(await ledger.startAttempt(lease, turn, CAPS)).toBe("started");
      expect(await ledger.startAttempt(lease, turn, CAPS)).toBe("started");
      expect(await currentTurn(ledger, lease)).toMatchObject({ state: "running", attempt: 2 });
      await ledger.answered(lease, turn.id, { kind: "notice", markdown: "sorry" }, []);
      expect(await ledger.startAttempt(lease, turn, CAPS)).toBe("lost");
    });

    test("what was answered is kept: the next owner delivers it and asks nobody again", async () => {
      const ledger = await make();
      const [turn, row] = [aTurn(), aRow()];
      const lease = await queued(ledger, turn);
      await ledger.postpone(lease, turn.id, NOW + 1_000);
      expect(await ledger.answered(lease, turn.id, { kind: "reply", markdown: "hi" }, [row])).toBe(true);
      await ledger.voidLeases();
      const next = await leaseOf(ledger, SESSION_LANE, "next");
      const reply = { kind: "reply" as const, markdown: "hi" };
      expect(await currentTurn(ledger, next)).toMatchObject({
        ...turn,
        notBeforeMs: 0,
        state: "answered",
        attempt: 0,
        reply,
      });
      expect(await dueAt(ledger, SESSION_LANE)).toBe(0);
      const later = { kind: "reply" as const, markdown: "other" };
      expect(await ledger.answered(next, turn.id, later, [aRow({ key: "later" })])).toBe(false);
      expect(await currentTurn(ledger, next)).toMatchObject({ reply });
      expect(await ledger.outboxRow("later")).toBeUndefined();
    });

    test("a turn is delivered when none of its own rows is open", async () => {
      const ledger = await make();
      const turn = aTurn();
      const lease = await queued(ledger, turn);
      expect(await ledger.delivered(lease, turn.id)).toBe(false);
      const rows = [aRow({ turnId: turn.id }), aRow({ turnId: aTurnId("another") })];
      await ledger.answered(lease, turn.id, { kind: "reply", markdown: "hi" }, rows);
      expect(await ledger.delivered(lease, turn.id)).toBe(false);
      const out = await leaseOf(ledger, OUT_LANE);
      const seq = (await ledger.nextOut(out))?.seq ?? -1;
      await ledger.ended(out, seq, { state: "sent", eventId: EventId.parse("$sent") });
      expect(await ledger.delivered(lease, turn.id)).toBe(true);
    });

    test("a stop is taken once, and by its own session only", async () => {
      const ledger = await make();
      await settled(ledger, { controls: [{ session: aSession("mx.echo.1"), kind: "stop" as const }] });
      await settled(ledger, {
        controls: [
          { session: aSession("mx.echo.1"), kind: "stop" as const },
          { session: aSession("mx.echo.2"), kind: "stop" as const },
        ],
      });
      const lease = await leaseOf(ledger, SESSION_LANE);
      expect([await controlsOf(ledger, lease), await controlsOf(ledger, lease)]).toEqual([["stop", "stop"], []]);
      expect(await controlsOf(ledger, await leaseOf(ledger, "session:mx.echo.2"))).toEqual(["stop"]);
    });

    test("the transcript is what was answered, newest first", async () => {
      const ledger = await make();
      const turns = [aTurn(), aTurn(), aTurn(), aTurn()];
      const lease = await queued(ledger, ...turns, aTurn({ session: "mx.echo.2" }));
      for (const turn of turns.slice(0, 3)) {
        await ledger.answered(lease, turn.id, { kind: "reply", markdown: `to ${turn.id}` }, []);
      }
      await ledger.delivered(lease, aTurnId(turns[0]?.id ?? ""));
      const expected = [turns[2]?.id, turns[1]?.id, turns[0]?.id];
      expect((await ledger.transcript(aSession("mx.echo.1"), 10)).map(({ id }) => id)).toEqual(expected);
      expect(await ledger.transcript(aSession("mx.echo.1"), 1)).toMatchObject([
        { reply: { markdown: `to ${turns[2]?.id}` } },
      ]);
    });
  });
}

export function outContract(make: Make): void {
  describe("the out lane", () => {
    test("rows come out as they were frozen, in order and byte for byte", async () => {
      const ledger = await make();
      const long = aRow({ turnId: aTurnId("turn"), body: `{"body":"${"€😀".repeat(8_000)}"}` });
      const rows = [long, ...Array.from({ length: 120 }, () => aRow())];
      const lease = await leaseOf(ledger, OUT_LANE);
      expect(await ledger.freeze(lease, rows)).toBe(true);
      const keys: string[] = [];
      for (let row = await ledger.nextOut(lease); row; row = await ledger.nextOut(lease)) {
        if (keys.length === 0) expect(row).toEqual({ ...long, seq: row.seq, attempt: 0, notBeforeMs: 0 });
        keys.push(row.key);
        await ledger.ended(lease, row.seq, { state: "sent", eventId: EventId.parse(`$${row.key}`) });
      }
      expect(keys).toEqual(rows.map((row) => row.key));
    });

    test("a key is frozen once, with its first body", async () => {
      const ledger = await make();
      const session = await leaseOf(ledger, SESSION_LANE);
      const row = aRow();
      await ledger.freeze(session, [row]);
      expect(await ledger.freeze(session, [{ ...row, body: "{}" }])).toBe(true);
      expect(await ledger.nextOut(await leaseOf(ledger, OUT_LANE))).toMatchObject({ body: row.body });
    });

    test("freezing nothing says whether the lease is held", async () => {
      const ledger = await make();
      const stale = await leaseOf(ledger, OUT_LANE);
      expect(await ledger.freeze(await leaseOf(ledger, OUT_LANE), [])).toBe(true);
      expect(await ledger.freeze(stale, [])).toBe(false);
    });

    test("a retried row is put off, counted and still the next one", async () => {
      const ledger = await make();
      const lease = await leaseOf(ledger, OUT_LANE);
      await ledger.freeze(lease, [aRow({ key: "first" }), aRow()]);
      const seq = (await ledger.nextOut(lease))?.seq ?? -1;
      expect(await ledger.retryOut(lease, seq, NOW + 5)).toBe(true);
      expect(await ledger.nextOut(lease)).toMatchObject({ key: "first", attempt: 1, notBeforeMs: NOW + 5 });
    });

    test("an ended row stays ended, and a dead one leaves a letter", async () => {
      const ledger = await make();
      const lease = await leaseOf(ledger, OUT_LANE);
      await ledger.freeze(lease, [aRow({ key: "sent" }), aRow({ key: "dead" })]);
      expect(await ledger.outboxRow("sent")).toEqual({ state: "frozen" });
      const sent = (await ledger.nextOut(lease))?.seq ?? -1;
      await ledger.ended(lease, sent, { state: "sent", eventId: EventId.parse("$sent") });
      const deadLetter = { kind: "outbox" as const, reason: "refused", raw: "€".repeat(40_000) };
      const dead = (await ledger.nextOut(lease))?.seq ?? -1;
      expect(await ledger.ended(lease, dead, { state: "dead", deadLetter })).toBe(true);
      expect(await ledger.ended(lease, dead, { state: "dead", deadLetter })).toBe(false);
      expect(await ledger.retryOut(lease, sent, NOW)).toBe(false);
      expect(await ledger.outboxRow("sent")).toEqual({ state: "sent", eventId: "$sent" });
      expect(await ledger.outboxRow("dead")).toEqual({ state: "dead" });
      expect(await ledger.outboxRow("none")).toBeUndefined();
      const raw = "€".repeat(Math.floor((64 * 1024) / 3));
      expect(await ledger.deadLetters(10)).toMatchObject([{ kind: "outbox", reason: "refused", raw }]);
    });
  });
}
