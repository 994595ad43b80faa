/** The part of the ledger's contract about what was said around a question, why nothing was, and what is forgotten. */
import { describe, expect, test } from "vitest";
import type { Reason } from "#core/gate/reasons.ts";
import type { RoomEvent } from "#core/protocol/event.ts";
import { AgentId, EventId, RoomId, UserId } from "#core/protocol/ids.ts";
import type { NewTurn, Turn } from "#core/turn/turn.ts";
import type { Ledger } from "#ports/ledger.ts";
import type { Settled } from "#ports/rooms.ts";
import { aMembership, aMessage, anEvent } from "#testing/events.ts";
import {
  aSession,
  aTurn,
  currentTurn,
  ECHO,
  leaseOf,
  NOW,
  ROOM,
  ROOM_LANE,
  SESSION_LANE,
  settled,
  waiting,
} from "#testing/ledger-rows.ts";

type Make = () => Promise<Ledger>;

const ALICE = UserId.parse("@alice:hs.test");
const ROOT = EventId.parse("$root");
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const inThread = (body: string, root: string = ROOT) =>
  aMessage(body, { content: { "m.relates_to": { rel_type: "m.thread", event_id: root } } });
/** JSON that SQLite does not read. */
const deep = (depth: number): unknown => (depth === 0 ? 1 : [deep(depth - 1)]);

export function whyContract(make: Make): void {
  describe("what was said around a question", () => chatterContract(make));
  describe("around a question it is looked for", () => chatterBoundsContract(make));
  describe("verdicts", () => verdictsContract(make));
  describe("what means nothing any more", () => forgettingContract(make));
}

async function said(ledger: Ledger, ...events: RoomEvent[]) {
  for (const event of events) await settled(ledger, { reason: "not_addressed" }, event);
}

/** A question that is asked of the agent now. */
async function asked(ledger: Ledger, event: RoomEvent = anEvent(), over: Partial<NewTurn> = {}): Promise<Turn> {
  const turn = aTurn({ ...over, roomId: event.room_id });
  const prompt = { ...turn.prompt, eventId: event.event_id };
  await settled(ledger, { turns: [{ ...turn, prompt }] }, event);
  const lease = await leaseOf(ledger, SESSION_LANE);
  let current = await currentTurn(ledger, lease);
  while (current && current.id !== turn.id) {
    await ledger.endTurn(lease, current.id, { ending: "silent" }, NOW);
    current = await currentTurn(ledger, lease);
  }
  if (!current) throw new Error("there is no turn");
  return current;
}

const bodies = async (ledger: Ledger, turn: Turn, limit = 100) =>
  (await ledger.chatter(turn, limit)).map(({ content }) => content["body"]);

function chatterContract(make: Make): void {
  test("is what people said in the room since the last prompt, oldest first, the latest of it", async () => {
    const ledger = await make();
    await said(ledger, aMessage("before"));
    const first = await asked(ledger);
    expect(await bodies(ledger, first)).toEqual(["before"]);
    await said(
      ledger,
      aMessage("one"),
      aMessage("elsewhere", { room_id: "!other" }),
      aMessage("two"),
      aMessage("three"),
    );
    const second = await asked(ledger);
    await said(ledger, aMessage("after"));
    expect(await bodies(ledger, second)).toEqual(["one", "two", "three"]);
    expect(await bodies(ledger, second, 2)).toEqual(["two", "three"]);
    expect(await ledger.isFirst(first)).toBe(true);
    expect(await ledger.isFirst(second)).toBe(false);
  });

  test("is no notice, no edit, nothing of ours, nothing undecided, nothing without words", async () => {
    const ledger = await make();
    await said(
      ledger,
      aMessage("a notice", { content: { msgtype: "m.notice" } }),
      aMessage("an edit", { content: { "m.relates_to": { rel_type: "m.replace", event_id: "$x" } } }),
      aMessage("an agent's", { sender: "@agent_echo:hs.test" }),
      aMessage("the bot's", { sender: "@troupe:hs.test" }),
      aMessage("another server's", { sender: "@agent_echo:else.test" }),
      aMessage("of a server that ends like ours", { sender: "@agent_echo:evil:hs.test" }),
      anEvent({ content: {} }),
      anEvent({ content: { msgtype: "m.text", body: 5 } }),
      anEvent({ type: "m.room.name", state_key: "", content: { name: "x", body: "a name" } }),
      inThread("in a thread"),
      aMessage("too deep", { content: { x: deep(2_000) } }),
      aMessage("a reply \ud83d", { content: { "m.relates_to": { "m.in_reply_to": { event_id: "$x" } } } }),
      aMessage("odd", { content: { "m.relates_to": "no relation", msgtype: "\ud83d" } }),
    );
    await waiting(ledger, aMessage("undecided"));
    const expected = ["another server's", "of a server that ends like ours", "a reply \ud83d", "odd"];
    expect(await bodies(ledger, await asked(ledger))).toEqual(expected);
  });

  test("is nothing that this agent was asked in any session, nor what was not meant to be heard", async () => {
    const ledger = await make();
    const others = aMessage("asked of another agent");
    const own = aMessage("asked of this one elsewhere");
    const decide = async (event: RoomEvent, over: Partial<NewTurn>) => {
      const turn = aTurn({ session: "other", ...over });
      await settled(ledger, { turns: [{ ...turn, prompt: { ...turn.prompt, eventId: event.event_id } }] }, event);
    };
    await decide(own, {});
    await decide(others, { agent: AgentId.parse("guide") });
    const unheard: Reason[] = [
      "soft_failed",
      "echo",
      "ignored_sender",
      "pair",
      "command_stop",
      "command_not_permitted",
    ];
    // A word of another version: commands are known by what they begin with.
    const commander = "commander" as Reason;
    for (const reason of [...unheard, "command_too_old", "not_permitted", commander] as const)
      await settled(ledger, { reason }, aMessage(reason));
    expect(await bodies(ledger, await asked(ledger))).toEqual(["asked of another agent", "not_permitted", "commander"]);
  });

  test("in a thread is what was said in this thread; of a thread that begins at the question, in the room", async () => {
    const ledger = await make();
    await said(
      ledger,
      aMessage("in the room"),
      inThread("here"),
      inThread("in another", "$other"),
      inThread("here too"),
    );
    const question = anEvent();
    const within = await asked(ledger, inThread("question"), { threadRoot: ROOT });
    expect(await bodies(ledger, within)).toEqual(["here", "here too"]);
    const begun = await asked(ledger, question, { threadRoot: question.event_id, session: within.session });
    expect(await bodies(ledger, { ...begun, session: aSession("mx.echo.new") })).toEqual(["in the room"]);
  });

  test("knows nothing of a question that was forgotten, nor of what had its content forgotten", async () => {
    const ledger = await make();
    await said(ledger, aMessage("old"));
    const keep = { contentsMs: 0, eventIdsMs: DAY_MS, turnsMs: DAY_MS };
    const question = anEvent();
    await settled(ledger, {}, question);
    while ((await ledger.prune(NOW + 1, keep)) > 0);
    await said(ledger, aMessage("new"));
    const turn = await asked(ledger);
    expect(await bodies(ledger, turn)).toEqual(["new"]);
    expect(await ledger.event(question.event_id)).toBeUndefined();
    expect(await bodies(ledger, { ...turn, prompt: { ...turn.prompt, eventId: ROOT } })).toEqual([]);
  });

  test("an event is what it was", async () => {
    const ledger = await make();
    const event = aMessage("hello");
    expect(await ledger.event(event.event_id)).toBeUndefined();
    await said(ledger, event);
    expect(await ledger.event(event.event_id)).toEqual(event);
  });
}

function chatterBoundsContract(make: Make): void {
  async function pushed(ledger: Ledger, events: readonly RoomEvent[], among?: readonly RoomEvent[]) {
    const ids = among?.map((event) => event.event_id);
    await ledger.accept({ events, deadLetters: [], nowMs: NOW, ...(ids ? { among: ids } : {}) });
    const lease = await leaseOf(ledger, ROOM_LANE);
    const found = await ledger.nextEvents(lease, 10_000);
    await ledger.ignore(
      lease,
      found.map(({ seq }) => ({ seq, reason: "not_addressed" })),
    );
  }
  const elsewhere = (length: number) => Array.from({ length }, () => anEvent({ room_id: "!other" }));

  test("among the two thousand events of all rooms before it", async () => {
    const ledger = await make();
    await pushed(ledger, [aMessage("far"), aMessage("near"), ...elsewhere(1_998)]);
    expect(await bodies(ledger, await asked(ledger))).toEqual(["near"]);
  });

  test("where it was said, also what was read back later", async () => {
    const ledger = await make();
    const [first, gap, question] = [aMessage("first"), aMessage("gap"), aMessage("question")];
    await pushed(ledger, [first]);
    const turn = await asked(ledger, question);
    const after = aMessage("after");
    await pushed(ledger, [after]);
    await pushed(ledger, [gap], [first, gap, question, after]);
    expect(await bodies(ledger, turn)).toEqual(["first", "gap"]);
  });

  test("and around a question that was read back itself", async () => {
    const ledger = await make();
    const [first, gap, question, late] = [aMessage("first"), aMessage("gap"), aMessage("question"), aMessage("late")];
    await pushed(ledger, [first, late, ...elsewhere(3_000)]);
    await ledger.accept({
      events: [gap, question],
      deadLetters: [],
      nowMs: NOW,
      among: [first, gap, question, late].map((one) => one.event_id),
    });
    const lease = await leaseOf(ledger, ROOM_LANE);
    const [one] = await ledger.nextEvents(lease, 10);
    await ledger.ignore(lease, [{ seq: one?.seq ?? -1, reason: "not_addressed" }]);
    expect(await bodies(ledger, await asked(ledger, question))).toEqual(["first", "gap"]);
  });
}

const REASONS = ["notice", "muted", "edit"] as const;

function verdictsContract(make: Make): void {
  test("of a quiet room are found however busy the others are", async () => quietContract(await make()));

  test("of an event rests on it, with the agent it is about", async () => {
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

  test("of many events rest each on its own", async () => {
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

  test("of a room are those on what people said and whom they invited, the latest first", async () => {
    const ledger = await make();
    const decide = async (reason: Reason, event: RoomEvent, over: Partial<Settled> = {}) =>
      settled(ledger, { ...over, reason }, event);
    await decide("wake_mention", anEvent(), { about: ECHO });
    await decide("own_event", anEvent());
    await decide("no_agent", anEvent({ room_id: "!other" }));
    await decide("state", anEvent({ type: "m.room.name", state_key: "" }));
    await decide("notice", aMembership("@agent_echo:hs.test", "join"));
    await decide("join", aMembership("@agent_echo:hs.test", "invite"));
    await decide("stop", anEvent({ type: "m.reaction" }));
    await decide("encrypted", anEvent({ type: "m.room.encrypted" }));
    await decide("no_text", anEvent({ content: { x: deep(2_000) } }));
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

function forgettingContract(make: Make): void {
  const keep = { contentsMs: 365 * DAY_MS, eventIdsMs: 365 * DAY_MS, turnsMs: 365 * DAY_MS };

  test("is forgotten in its time: codes, pairs, threads", async () => {
    const ledger = await make();
    const pairing = { agent: ECHO, userId: ALICE, code: "ABCD2345", atMs: NOW };
    await settled(ledger, {
      thread: { root: ROOT, hold: { agent: ECHO, holder: ALICE } },
      pairs: [{ agent: ECHO, count: { sinceMs: NOW, count: 1, restUntilMs: 0 } }],
    });
    await ledger.offerPairing(pairing);
    await ledger.addInviteCode(ECHO, "Welcome1", NOW);
    await ledger.addInviteCode(ECHO, "used", NOW);
    await ledger.useInviteCode(ECHO, "used", ALICE, NOW);
    await ledger.offerPairing({ ...pairing, userId: UserId.parse("@bob:hs.test"), code: "EFGH2345" });
    await ledger.approve("EFGH2345", NOW);
    expect(await ledger.prune(NOW + 59_999, keep)).toBe(0);
    expect(await ledger.prune(NOW + 60_000, keep)).toBe(2);
    expect(await ledger.prune(NOW + HOUR_MS - 1, keep)).toBe(0);
    expect(await ledger.prune(NOW + HOUR_MS + 1, keep)).toBe(2);
    expect((await ledger.sender(ROOM, { sender: ALICE })).pairs).toEqual(new Map());
    expect(await ledger.approve(pairing.code, NOW)).toBeUndefined();
    expect(await ledger.prune(NOW + 7 * DAY_MS + 1, keep)).toBe(1);
    expect(await ledger.useInviteCode(ECHO, "Welcome1", ALICE, NOW)).toBe(false);
    const threadOf = async () => (await ledger.sender(ROOM, { sender: ALICE, threadRoot: ROOT })).thread;
    expect(await threadOf()).toBeDefined();
    expect(await ledger.prune(NOW + 30 * DAY_MS + 1, keep)).toBe(1);
    expect(await threadOf()).toBeUndefined();
  });
}
