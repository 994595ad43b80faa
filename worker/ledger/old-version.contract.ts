/** What a ledger finds in a database that an earlier version left in the middle of its work. */
import { describe, expect, test } from "vitest";
import { AgentId, BOT, EventId, RoomId, UserId } from "#core/protocol/ids.ts";
import { promptsOf, textOf, textPrompt, textReply } from "#core/turn/turn.ts";
import type { Ledger } from "#ports/ledger.ts";
import { aSession, aTurnId, currentTurn, leaseOf, NOW, settled } from "#testing/ledger-rows.ts";
import type { OldDatabase } from "#testing/old-database.ts";

const [MAIN, DIRECT, BEFORE] = [RoomId.parse("!main"), RoomId.parse("!direct"), RoomId.parse("!before")];
const [ECHO, GUIDE, TICKET] = [AgentId.parse("echo"), AgentId.parse("guide"), AgentId.parse("ticket_7")];
const [ALICE, BOB, CAROL] = [
  UserId.parse("@alice:hs.test"),
  UserId.parse("@bob:hs.test"),
  UserId.parse("@carol:hs.test"),
];
const THREAD = EventId.parse("$thread");
const CHAT = aSession("mx.echo.7dxyre7njj4rh4cbdo2l");

/** `make` gives the migrated database, written at `NOW`. */
export function oldVersionContract(name: string, old: OldDatabase, make: () => Promise<Ledger>): void {
  describe(`${name} with a database of ${old.version}`, () => {
    describe("finds its access rules", () => accessContract(make));
    describe("finds its configuration and rooms", () => placeContract(make));
    describe("finds its work", () => workContract(old, make));
  });
}

function accessContract(make: () => Promise<Ledger>): void {
  test("pairings: one waits and can be approved, one was approved", async () => {
    const ledger = await make();
    expect(await ledger.pairings(NOW)).toEqual([{ agent: GUIDE, userId: BOB, code: "PAIRCODE", atMs: NOW }]);
    expect(await ledger.approve("PAIRCODE", NOW, GUIDE)).toMatchObject({ userId: BOB });
    const granted = (await ledger.grants()).map(({ agent, userId }) => `${agent} ${userId}`);
    expect(granted.sort()).toEqual(["echo @carol:hs.test", "guide @bob:hs.test", "guide @dora:else.test"]);
    expect((await ledger.sender(MAIN, { sender: CAROL })).paired).toEqual([ECHO]);
  });

  test("a code gives access", async () => {
    const ledger = await make();
    expect(await ledger.useInviteCode(ECHO, "INVITECODE", BOB, NOW)).toBe(true);
    expect((await ledger.sender(MAIN, { sender: BOB })).paired).toEqual([ECHO]);
  });

  test("threads and counted pairs are what they were", async () => {
    const ledger = await make();
    const { thread } = await ledger.sender(MAIN, { sender: ALICE, threadRoot: THREAD });
    expect(thread).toEqual({ agent: GUIDE, holder: ALICE, shared: false, atMs: NOW });
    const count = { sinceMs: NOW, count: 3, restUntilMs: NOW + 60_000 };
    expect((await ledger.sender(MAIN, { sender: ALICE })).pairs).toEqual(new Map([[GUIDE, count]]));
  });
}

function placeContract(make: () => Promise<Ledger>): void {
  test("layers: defaults, groups, the room's and the alias's", async () => {
    const ledger = await make();
    const { defaults, groups, rooms } = await ledger.configuration();
    expect([defaults, groups]).toEqual([{ prompt: "Be brief." }, { staff: [CAROL] }]);
    expect(Object.keys(rooms).sort()).toEqual(["!before", "!main", "#help:hs.test"]);
    const promptIn = async (id: AgentId, room?: RoomId) => (await ledger.agent(id, room))?.settings.prompt;
    expect(await promptIn(ECHO)).toBe("Be brief.");
    expect(await promptIn(ECHO, MAIN)).toBe("You were in the room before.");
    expect(await promptIn(TICKET, MAIN)).toBe("Help.");
    expect((await ledger.agent(GUIDE, MAIN))?.settings.model).toBe("large");
    expect((await ledger.agent(TICKET, MAIN))?.name).toBe("Ticket 7");
    expect(await ledger.agent(AgentId.parse("gone"))).toBeUndefined();
  });

  test("rooms: members, upgrades, and which chat is direct", async () => {
    const ledger = await make();
    expect(await ledger.room(MAIN)).toMatchObject({
      origin: BEFORE,
      aliases: ["#help:hs.test"],
      botUserId: "@troupe:hs.test",
    });
    expect((await ledger.room(DIRECT)).present).toMatchObject([{ agent: { id: ECHO }, invitedDirectly: true }]);
    expect(await ledger.replacedBy(MAIN, UserId.parse("@agent_echo:hs.test"))).toBe(BEFORE);
  });

  test("epochs, marks, verdicts and dead letters are what they were", async () => {
    const ledger = await make();
    expect([(await ledger.epoch(aSession("mx.echo.base"))).epoch, await ledger.mark("repaired")]).toEqual([
      7,
      "!cursor",
    ]);
    expect(await ledger.verdicts()).toMatchObject({ not_addressed: 2, command_why: 1 });
    expect((await ledger.deadLetters(5)).map(({ kind, raw }) => [kind, raw]).sort()).toEqual([
      ["event", "{}"],
      ["turn", "failed"],
    ]);
    expect(await ledger.replay(aTurnId("failed"), aTurnId("again"), NOW)).toBe("mx.guide.failed");
  });
}

function workContract({ merged }: OldDatabase, make: () => Promise<Ledger>): void {
  test("the turn that ran is the current one, with its prompts as they were joined", async () => {
    const ledger = await make();
    const lease = await leaseOf(ledger, `session:${CHAT}`);
    const turn = await currentTurn(ledger, lease);
    expect(turn).toMatchObject({ id: "direct1", state: "running", attempt: 1 });
    expect(turn && promptsOf(turn).map(({ parts }) => textOf(parts))).toEqual(merged);
    expect(await ledger.waitingIn(CHAT)).toMatchObject({ count: 2, oldest: "direct1" });
    const [past] = await ledger.transcript(CHAT, 5);
    expect(past).toMatchObject({ prompt: { parts: textPrompt("before") }, reply: textReply("reply", "echo before") });
  });

  test("a merged message that is taken back is in no prompt: where it was joined to one, all of that goes", async () => {
    const ledger = await make();
    const redaction = { event_id: "$redaction", room_id: DIRECT };
    await settled(ledger, { redacted: EventId.parse("$event4") }, redaction);
    const turn = await currentTurn(ledger, await leaseOf(ledger, `session:${CHAT}`));
    const left = merged.length === 1 ? "(redacted)" : merged[0];
    expect(turn && promptsOf(turn).map(({ parts }) => textOf(parts))).toEqual([left]);
    const [past] = await ledger.transcript(CHAT, 5);
    expect(past).toMatchObject({ prompt: { parts: textPrompt("before") } });
  });

  test("an answered turn has its reply and what was shown of it", async () => {
    const ledger = await make();
    const reply = textReply("reply", "Stored, and @alice:hs.test knows.");
    const expected = { state: "answered", shown: "Sto", reply, threadRoot: THREAD };
    expect(await currentTurn(ledger, await leaseOf(ledger, "session:mx.guide.stored"))).toMatchObject(expected);
  });

  test("frozen rows are frozen, with the device they were frozen for", async () => {
    const ledger = await make();
    const guide = await ledger.nextOut(await leaseOf(ledger, "out:@agent_guide:hs.test|!main"));
    expect(guide).toMatchObject({
      key: "final.0.final",
      turnId: "final",
      agent: GUIDE,
      frozen: { deviceId: "TROUPE" },
    });
    const bot = await ledger.nextOut(await leaseOf(ledger, "out:@troupe:hs.test|!main"));
    expect(bot).toMatchObject({ key: "cmd-main.0.0", agent: BOT, frozen: { deviceId: "TROUPE" } });
    expect(await ledger.figures(NOW)).toMatchObject({ outboxRows: 5, openTurns: 7, undecidedEvents: 2 });
  });

  test("a lane of a runner that died is free when its lease runs out, and not before", async () => {
    const ledger = await make();
    const lane = "out:@agent_echo:hs.test|!main";
    expect(await ledger.claim(lane, "new", NOW + 30_000, 1_000)).toBeUndefined();
    const lease = await ledger.claim(lane, "new", NOW + 30_001, 1_000);
    expect(lease?.fence).toBe(3);
    expect(await ledger.renew({ lane, fence: 2 }, NOW)).toBe("lost");
  });

  test("events that were not decided wait in their order", async () => {
    const ledger = await make();
    const waiting = await ledger.nextEvents(await leaseOf(ledger, `room:${DIRECT}`), 5);
    expect(waiting).toMatchObject([{ event: { content: { body: "four" } }, receivedAtMs: NOW }]);
    expect(await ledger.verdictOf(EventId.parse("$event6"))).toMatchObject({ verdict: "wake_mention", about: ECHO });
  });
}
