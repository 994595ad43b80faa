/** The part of the ledger's contract about messages that are taken back: in every state, with every copy. */
import { describe, expect, test } from "vitest";
import { EventId } from "#core/protocol/ids.ts";
import { askedIn, markdownOf, promptsOf, textOf } from "#core/turn/turn.ts";
import type { Ledger } from "#ports/ledger.ts";
import { anEvent } from "#testing/events.ts";
import {
  anAnswer,
  aPrompt,
  aRow,
  aSession,
  aTurn,
  aTurnId,
  CAPS,
  currentTurn,
  keyOf,
  leaseOf,
  NOW,
  OUT_LANE,
  queued,
  ROOM,
  SESSION_LANE,
  settled,
  startAttempt,
} from "#testing/ledger-rows.ts";

type Make = () => Promise<Ledger>;

const SESSION = aSession("mx.echo.1");
const OUT_OF_SIGHT = EventId.parse("$never-seen");

export function redactionContract(make: Make): void {
  describe("a message that is taken back", () => {
    promptContract(make);
    attemptContract(make);
  });
  describe("a reply that is taken back", () => replyContract(make));
  describe("a copy of what was taken back", () => copyContract(make));
}

const aSecret = () => aTurn({ prompt: aPrompt("my secret") });
type State = "queued" | "running" | "answered" | "delivered";
const STATES: readonly State[] = ["queued", "running", "answered", "delivered"];

/** Brings a turn of this session to a state. */
async function inState(ledger: Ledger, turn: ReturnType<typeof aTurn>, state: State) {
  const lease = await queued(ledger, turn);
  if (state === "queued") return lease;
  await startAttempt(ledger, lease, turn, CAPS);
  if (state === "running") return lease;
  await ledger.storeAnswer(lease, turn.id, anAnswer("fine"));
  if (state === "delivered") await ledger.markDelivered(lease, turn, OUT_LANE);
  return lease;
}

/** Ends a turn as it would end, and gives everything that later turns of its session are told. */
async function toldLater(ledger: Ledger, turn: ReturnType<typeof aTurn>): Promise<string> {
  const lease = await leaseOf(ledger, SESSION_LANE);
  await ledger.storeAnswer(lease, turn.id, anAnswer("fine"));
  await ledger.markDelivered(lease, turn, OUT_LANE);
  return JSON.stringify(await ledger.transcript(SESSION, 50));
}

function promptContract(make: Make): void {
  test.for(STATES)("is gone for every later turn if its turn was %s", async (state) => {
    const ledger = await make();
    const turn = aSecret();
    await inState(ledger, turn, state);
    await settled(ledger, { redacted: turn.prompt.eventId });
    const told = await toldLater(ledger, turn);
    expect(told).not.toContain("secret");
    expect(told.includes("fine")).toBe(state !== "queued");
  });

  test.for(STATES)("is gone if its turn was merged into one that was %s", async (state) => {
    const ledger = await make();
    const [turn, part] = [aTurn(), aSecret()];
    const lease = await queued(ledger, turn, part);
    const open = await currentTurn(ledger, lease);
    if (open) await ledger.merge(lease, open, "all");
    if (state !== "queued") await startAttempt(ledger, lease, turn, CAPS);
    if (state === "answered" || state === "delivered") await ledger.storeAnswer(lease, turn.id, anAnswer("fine"));
    if (state === "delivered") await ledger.markDelivered(lease, turn, OUT_LANE);
    await settled(ledger, { redacted: part.prompt.eventId });
    expect(JSON.stringify(await currentTurn(ledger, lease)) ?? "").not.toContain("secret");
    expect(await toldLater(ledger, turn)).not.toContain("secret");
  });

  test("may be unknown, forgotten, taken back twice, or of a later time: nothing is harmed", async () => {
    const ledger = await make();
    const later = anEvent();
    const turn = aSecret();
    const lease = await queued(ledger, turn);
    for (const redacted of [OUT_OF_SIGHT, later.event_id, turn.prompt.eventId, turn.prompt.eventId])
      await settled(ledger, { redacted });
    await settled(ledger, { turns: [aTurn({ prompt: aPrompt("later", { eventId: later.event_id }) })] }, later);
    expect(await ledger.event(later.event_id)).toEqual(later);
    const next = await currentTurn(ledger, lease);
    expect(next && promptsOf(next).map(({ parts }) => textOf(parts))).toEqual(["later"]);
  });
}

function attemptContract(make: Make): void {
  test("is not asked at the next attempt, and what was merged with it is", async () => {
    const ledger = await make();
    const [turn, part] = [aSecret(), aTurn({ prompt: aPrompt("and this") })];
    const lease = await queued(ledger, turn, part);
    const open = await currentTurn(ledger, lease);
    if (open) await ledger.merge(lease, open, "all");
    await startAttempt(ledger, lease, turn, CAPS);
    await settled(ledger, { redacted: turn.prompt.eventId });
    const again = await currentTurn(ledger, lease);
    expect(again && askedIn(again).map(({ parts }) => textOf(parts))).toEqual(["and this"]);
  });

  test("is not asked by a runner that read it before", async () => {
    const ledger = await make();
    const turn = aSecret();
    const lease = await inState(ledger, turn, "running");
    const read = await currentTurn(ledger, lease);
    await settled(ledger, { redacted: turn.prompt.eventId });
    expect(read && (await ledger.startAttempt(lease, read, CAPS))).toBe("changed");
    const again = await currentTurn(ledger, lease);
    expect(again && (await ledger.startAttempt(lease, again, CAPS))).toBe("started");
  });

  test("cannot be queued again", async () => {
    const ledger = await make();
    const turn = aSecret();
    const lease = await inState(ledger, turn, "running");
    await settled(ledger, { redacted: turn.prompt.eventId });
    await ledger.endTurn(lease, turn.id, { ending: "timeout" }, NOW);
    expect(await ledger.replay(turn.id, aTurnId("again"), NOW)).toBeUndefined();
  });
}

function replyContract(make: Make): void {
  const MESSAGE = EventId.parse("$of-the-reply");

  /** A turn with a reply in two messages, the second of which was sent as `MESSAGE`. */
  async function answered(ledger: Ledger, isDelivered: boolean) {
    const turn = aTurn();
    const lease = await inState(ledger, turn, "running");
    const rows = [aRow({ turnId: turn.id, key: "one" }), aRow({ turnId: turn.id, key: "two" })];
    await ledger.storeAnswer(lease, turn.id, anAnswer("an insult", { rows }));
    const out = await leaseOf(ledger, OUT_LANE);
    for (const [at, eventId] of [EventId.parse("$first-part"), MESSAGE].entries()) {
      const row = await ledger.nextOut(out);
      expect(row?.key).toBe(keyOf(at === 0 ? "one" : "two"));
      if (row) await ledger.endOut(out, row.seq, { state: "sent", eventId }, NOW);
    }
    if (isDelivered) await ledger.markDelivered(lease, turn, OUT_LANE);
    return { lease, turn };
  }

  test("leaves the history with all its messages; the question stays", async () => {
    const ledger = await make();
    await answered(ledger, true);
    await settled(ledger, { redacted: MESSAGE }, { room_id: "!other" });
    expect((await ledger.transcript(SESSION, 5)).map(({ reply }) => reply && markdownOf(reply.parts))).toEqual([
      "an insult",
    ]);
    await settled(ledger, { redacted: MESSAGE });
    const [past] = await ledger.transcript(SESSION, 5);
    expect(past).toMatchObject({ prompt: { parts: [{ text: "hello" }] }, reply: { kind: "notice" } });
    expect(JSON.stringify(past)).not.toContain("insult");
  });

  test("leaves it at the end of its turn, if that is open", async () => {
    const ledger = await make();
    const { lease, turn } = await answered(ledger, false);
    await settled(ledger, { redacted: MESSAGE });
    expect(await currentTurn(ledger, lease)).toMatchObject({ reply: { kind: "reply" } });
    await ledger.markDelivered(lease, turn, OUT_LANE);
    expect(JSON.stringify(await ledger.transcript(SESSION, 5))).not.toContain("insult");
  });
}

function copyContract(make: Make): void {
  test("is gone from the dead letters, whoever gave the event up", async () => {
    const ledger = await make();
    const [event, other] = [
      anEvent({ content: { body: "my secret" } }),
      anEvent({ content: { body: "no secret", reply_to: "x" } }),
    ];
    const letterOf = (one: object) => ({ kind: "event" as const, reason: "no", raw: JSON.stringify(one) });
    await ledger.addDeadLetter(letterOf(event), NOW);
    await ledger.accept({ events: [], deadLetters: [letterOf(event), letterOf(other)], nowMs: NOW });
    await settled(ledger, { redacted: event.event_id }, { room_id: "!other" });
    expect((await ledger.deadLetters(5)).filter(({ raw }) => raw.includes("my secret"))).toHaveLength(2);
    await settled(ledger, { redacted: event.event_id });
    expect((await ledger.deadLetters(5)).map(({ raw }) => raw.includes("secret"))).toEqual([true, false, false]);
  });

  test("is gone from what is known of the room: its name, its topic", async () => {
    const ledger = await make();
    const named = anEvent({ type: "m.room.name", state_key: "", content: { name: "An insult" } });
    const about = anEvent({ type: "m.room.topic", state_key: "", content: { topic: "A topic" } });
    await settled(ledger, { state: { name: "An insult" } }, named);
    await settled(ledger, { state: { topic: "A topic" } }, about);
    await settled(ledger, { redacted: named.event_id });
    const { name, topic } = (await ledger.room(ROOM)).state;
    expect([name, topic]).toEqual(["", "A topic"]);
    await settled(ledger, { state: { topic: "Another" } });
    await settled(ledger, { redacted: about.event_id });
    expect((await ledger.room(ROOM)).state.topic).toBe("Another");
  });
}
