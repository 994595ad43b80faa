/** Whose conversation a direct chat is: its person's, also after another one has taken their place. */
import { afterEach, describe, expect, test } from "vitest";
import { type AgentId, RoomId, UserId } from "#core/protocol/ids.ts";
import { type Conversation, epochScope, formerScope, sessionKey } from "#core/turn/session.ts";
import { type NewTurn, SessionKey } from "#core/turn/turn.ts";
import type { Ledger } from "#ports/ledger.ts";
import { aTurn, ECHO, NOW, settled } from "#testing/ledger-rows.ts";
import { OLD_VERSIONS } from "#testing/old-database.ts";
import { conversation } from "#testing/sessions.ts";
import { oldLedger, type TemporaryLedger, temporaryLedger } from "#testing/temp-ledger.ts";
import { digest } from "./digest.ts";
import { sessionOf } from "./new-turn.ts";

const [ALICE, BOB, CAROL] = ["@alice:hs.test", "@bob:hs.test", "@carol:hs.test"].map((id) => UserId.parse(id));
const DIRECT = RoomId.parse("!direct");
/** The session in which the versions before keep all of the fixture's direct chat. */
const FORMER = "mx.echo.7dxyre7njj4rh4cbdo2l";

let stores: TemporaryLedger[] = [];
afterEach(() => {
  for (const { close } of stores) close();
  stores = [];
});
async function opened(made: Promise<TemporaryLedger>) {
  const store = await made;
  stores.push(store);
  return store.ledger;
}

const inChat = (sender: UserId | undefined, over: Partial<Conversation> = {}): Conversation => ({
  ...conversation({ direct: true }, {}),
  sender: sender ?? UserId.parse(ALICE),
  ...over,
});
const asked = (session: string, sender: UserId | undefined, direct: boolean, agent: AgentId = ECHO) => {
  const turn = aTurn({ session, direct, agent });
  return { ...turn, prompt: { ...turn.prompt, sender: UserId.parse(sender) } };
};

let count = 0;
/** The ids are other than the fixtures'. */
const stored = (ledger: Ledger, ...turns: NewTurn[]) => settled(ledger, { turns }, { event_id: `$new${++count}` });

describe("a direct chat", () => {
  test("has a conversation for each person, and one for all while it is opened", async () => {
    const ledger = await opened(temporaryLedger());
    const sessions = [
      await sessionOf(ledger, inChat(ALICE)),
      await sessionOf(ledger, inChat(BOB)),
      await sessionOf(ledger, inChat(ALICE, { direct: false, opened: true })),
    ];
    expect(new Set(sessions.map(({ session }) => session)).size).toBe(3);
    const alone = inChat(BOB, { direct: false, opened: true });
    expect((await sessionOf(ledger, alone)).session).toBe(sessions[2]?.session);
  });

  test("that is no direct chat any more goes on without what was said in it", async () => {
    const ledger = await opened(temporaryLedger());
    const here = inChat(ALICE, { direct: false });
    const { session } = await sessionOf(ledger, here);
    await stored(ledger, asked(session, ALICE, true));
    const after = await sessionOf(ledger, here);
    expect(after.session).not.toBe(session);
    await stored(ledger, asked(after.session, ALICE, false));
    expect((await sessionOf(ledger, here)).session).toBe(after.session);
  });
});

describe.each(OLD_VERSIONS)("a direct chat of $version", ({ version }) => {
  const chat = (sender: UserId | undefined) => inChat(sender, { origin: DIRECT });
  const openedOld = () => opened(oldLedger(version, NOW));

  test("goes on for the person who asked last in it, and for nobody else", async () => {
    const ledger = await openedOld();
    const alices = await sessionOf(ledger, chat(ALICE));
    expect(alices.session).toBe(FORMER);
    expect(alices.waiting.count).toBe(2);
    const bobs = await sessionOf(ledger, chat(BOB));
    expect(bobs.session).not.toBe(FORMER);
    expect(await ledger.transcript(bobs.session, 10)).toEqual([]);
    await stored(ledger, asked(bobs.session, BOB, true));
    expect((await sessionOf(ledger, chat(BOB))).session).toBe(bobs.session);
    expect((await sessionOf(ledger, chat(ALICE))).session).toBe(FORMER);
  });

  test("begins anew with !new, for its person alone", async () => {
    const ledger = await openedOld();
    const { base } = await sessionOf(ledger, chat(ALICE));
    await ledger.beginEpoch(base, { epoch: 1_000, session: base, atMs: 0 });
    const fresh = await sessionOf(ledger, chat(ALICE));
    expect([FORMER, base]).not.toContain(fresh.session);
    expect(await ledger.transcript(fresh.session, 10)).toEqual([]);
    expect((await sessionOf(ledger, chat(BOB))).session).not.toBe(fresh.session);
  });

  test("that was begun anew goes on from there, for the person who asked last since", async () => {
    const ledger = await openedOld();
    await ledger.beginEpoch(SessionKey.parse(FORMER), { epoch: 1_000, session: SessionKey.parse(FORMER), atMs: 0 });
    const session = sessionKey(ECHO, digest(epochScope(formerScope(chat(ALICE)) ?? [], 1_000)));
    expect((await sessionOf(ledger, chat(ALICE))).session).not.toBe(session);
    await stored(ledger, asked(session, ALICE, true), asked(session, CAROL, true));
    expect((await sessionOf(ledger, chat(CAROL))).session).toBe(session);
    expect((await sessionOf(ledger, chat(ALICE))).session).not.toBe(session);
  });
});
