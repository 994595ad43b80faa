/** The part of the ledger's contract about the messages around a prompt. */
import { describe, expect, test } from "vitest";
import { BOUNDS } from "#core/bounds.ts";
import type { Reason } from "#core/gate/reasons.ts";
import type { RoomEvent } from "#core/protocol/event.ts";
import { AgentId, EventId } from "#core/protocol/ids.ts";
import type { NewTurn, Turn } from "#core/turn/turn.ts";
import type { Ledger } from "#ports/ledger.ts";
import { aMembership, aMessage, anEvent } from "#testing/events.ts";
import {
  aSession,
  aTurn,
  currentTurn,
  leaseOf,
  NOW,
  ROOM_LANE,
  SESSION_LANE,
  settled,
  waiting,
} from "#testing/ledger-rows.ts";
import { pruned } from "#testing/pruned.ts";

type Make = () => Promise<Ledger>;

const ROOT = EventId.parse("$root");
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const inThread = (body: string, root: string = ROOT) =>
  aMessage(body, { content: { "m.relates_to": { rel_type: "m.thread", event_id: root } } });
/** JSON that SQLite does not read. */
const deep = (depth: number): unknown => (depth === 0 ? 1 : [deep(depth - 1)]);

export function contextContract(make: Make): void {
  describe("the messages around a prompt", () => chatterContract(make));
  describe("the messages around a prompt are looked for", () => chatterBoundsContract(make));
}

async function said(ledger: Ledger, ...events: RoomEvent[]) {
  for (const event of events) await settled(ledger, { reason: "not_addressed" }, event);
}

/** A prompt of the agent. */
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
  test("are those that users sent in the room since the last prompt: the latest, oldest first", async () => {
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

  test("are those since somebody joined, where that is asked for", async () => {
    const ledger = await make();
    await said(ledger, aMessage("in private"));
    await settled(ledger, { reason: "membership" }, aMembership("@bob:hs.test", "join"));
    await said(ledger, aMessage("to both"));
    await settled(ledger, { reason: "membership" }, aMembership("@agent_other:hs.test", "join"));
    await settled(ledger, { reason: "membership" }, aMembership("@bob:hs.test", "join", { room_id: "!other" }));
    const unsigned = { prev_content: { membership: "join", displayname: "Al" } };
    await settled(ledger, { reason: "membership" }, aMembership("@alice:hs.test", "join", { unsigned }));
    const turn = await asked(ledger);
    const texts = async (since: "lastTurn" | "lastJoin") =>
      (await ledger.chatter(turn, 10, since)).map(({ content }) => content["body"]);
    expect(await texts("lastJoin")).toEqual(["to both"]);
    expect(await texts("lastTurn")).toEqual(["in private", "to both"]);
  });

  test("are no notices, no edits, no events of ours, no undecided events, no events without text", async () => {
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

  test("are no prompts of this agent in any session, no commands and no events of ignored senders", async () => {
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
    // A verdict of another version: commands are known by the prefix of the word.
    const commander = "commander" as Reason;
    for (const reason of [...unheard, "command_too_old", "not_permitted", commander] as const)
      await settled(ledger, { reason }, aMessage(reason));
    expect(await bodies(ledger, await asked(ledger))).toEqual(["asked of another agent", "not_permitted", "commander"]);
  });

  test("in a thread are those of the thread; where the thread begins at the prompt, those of the room", async () => {
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

  test("are, of large ones, the latest: so many as are read without a pause", async () => {
    const ledger = await make();
    const long = "x".repeat(BOUNDS.sliceSize.max / 8);
    await said(ledger, ...Array.from({ length: 20 }, (_, n) => aMessage(`${n} ${long}`)));
    const found = (await bodies(ledger, await asked(ledger))).map((body) => String(body).split(" ")[0]);
    expect(found).toEqual(["12", "13", "14", "15", "16", "17", "18", "19"]);
  });

  test("are none when the prompt was forgotten, and none whose content was forgotten", async () => {
    const ledger = await make();
    await said(ledger, aMessage("old"));
    const keep = { contentsMs: 0, eventIdsMs: DAY_MS, turnsMs: DAY_MS };
    const question = anEvent();
    await settled(ledger, {}, question);
    while ((await pruned(ledger, NOW + 1, keep)) > 0);
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

  test("among the two thousand events of all rooms before the prompt", async () => {
    const ledger = await make();
    await pushed(ledger, [aMessage("far"), aMessage("near"), ...elsewhere(1_998)]);
    expect(await bodies(ledger, await asked(ledger))).toEqual(["near"]);
  });

  test("in the order of the room, also those that were read back later", async () => {
    const ledger = await make();
    const [first, gap, question] = [aMessage("first"), aMessage("gap"), aMessage("question")];
    await pushed(ledger, [first]);
    const turn = await asked(ledger, question);
    const after = aMessage("after");
    await pushed(ledger, [after]);
    await pushed(ledger, [gap], [first, gap, question, after]);
    expect(await bodies(ledger, turn)).toEqual(["first", "gap"]);
  });

  test("also around a prompt that was read back", async () => {
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
