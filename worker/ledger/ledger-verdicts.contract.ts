/** The part of the ledger's contract about the room lane: which events it reads, and what a verdict writes. */
import { describe, expect, test } from "vitest";
import { EventId } from "#core/protocol/ids.ts";
import { textPrompt, textReply } from "#core/turn/turn.ts";
import type { Ledger } from "#ports/ledger.ts";
import type { IgnoredEvent } from "#ports/rooms.ts";
import { anEvent } from "#testing/events.ts";
import {
  anAnswer,
  aPrompt,
  aSession,
  aSettled,
  aSpec,
  aTurn,
  aTurnId,
  controlsOf,
  currentTurn,
  ECHO,
  leaseOf,
  member,
  NOW,
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

export function verdictContract(make: Make): void {
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

    test("names the open sessions of the room and thread", async () => {
      const ledger = await make();
      const answered = aTurn();
      const lease = await queued(ledger, answered, aTurn({ session: "mx.echo.2" }));
      await settled(ledger, { turns: [aTurn({ session: "mx.echo.3", threadRoot: THREAD })] });
      await settled(ledger, { turns: [aTurn({ session: "mx.echo.2" })] });
      await ledger.storeAnswer(lease, answered.id, anAnswer());
      expect(await ledger.openSessions(ROOM, undefined, [ECHO])).toEqual(["mx.echo.2"]);
      expect(await ledger.openSessions(ROOM, THREAD, [ECHO])).toEqual(["mx.echo.3"]);
    });
  });
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

  test("a verdict is stored once, with all its effects", async () => {
    const ledger = await make();
    await ledger.setAgents([aSpec("echo")]);
    await settled(ledger, { reason: "wake_direct", turns: [aTurn({ session: "mx.echo.3" })] });
    const [lease, event] = await waiting(ledger);
    const turns = [aTurn({ threadRoot: THREAD, direct: true }), aTurn({ session: "mx.echo.2" })];
    const settlement = aSettled({
      turns,
      members: [member("@agent_echo:hs.test")],
      controls: [{ session: aSession("mx.echo.3"), kind: "stop" as const }],
    });
    expect(await ledger.settle(lease, event, settlement)).toBe(true);
    expect(await ledger.settle(lease, event, { ...settlement, reason: "wake_reply" })).toBe(false);

    expect(await ledger.verdicts()).toEqual({ wake_direct: 1, wake_mention: 1 });
    const session = await leaseOf(ledger, SESSION_LANE);
    expect(await currentTurn(ledger, session)).toMatchObject({ ...turns[0], state: "queued", attempt: 0, failures: 0 });
    expect(await controlsOf(ledger, await leaseOf(ledger, "session:mx.echo.3"))).toEqual(["stop"]);
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

  test("hundreds of turns, memberships and stops fit into one settlement", async () => {
    const ledger = await make();
    const range = Array.from({ length: 300 }, (_, index) => index);
    await settled(ledger, { turns: range.map((index) => aTurn({ session: `s${index}` })) });
    await settled(ledger, {
      turns: range.map((index) => aTurn({ session: `t${index}` })),
      members: range.map((index) => member(`@person${index}:hs.test`)),
      controls: range.map((index) => ({ session: aSession(`s${index}`), kind: "stop" as const })),
    });
    expect(await ledger.openSessions(ROOM, undefined, [ECHO])).toHaveLength(600);
    expect(await controlsOf(ledger, await leaseOf(ledger, "session:s299"))).toEqual(["stop"]);
    expect((await ledger.room(ROOM)).joinedCount).toBe(3);
  });

  test("half a surrogate pair or a NUL in a prompt or a reply loses that character and no other", async () => {
    const ledger = await make();
    const odd = "half \ud83d, nul \0, whole 😀";
    const turn = aTurn({ prompt: aPrompt(odd) });
    const lease = await queued(ledger, turn);
    await ledger.storeAnswer(lease, turn.id, anAnswer(odd));
    const text = "half \ufffd, nul \ufffd, whole 😀";
    expect(await currentTurn(ledger, lease)).toMatchObject({
      prompt: { parts: textPrompt(text) },
      reply: textReply("reply", text),
    });
  });

  test("verdicts are counted by their reason", async () => {
    const ledger = await make();
    for (const reason of ["own_event", "join", "own_event"] as const) await settled(ledger, { reason });
    expect(await ledger.verdicts()).toEqual({ own_event: 2, join: 1 });
  });
}
