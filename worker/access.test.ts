/** Access from end to end: pairing, invitations, and bots that wake an agent too often. */
import { describe, expect, test, vi } from "vitest";
import { UserId } from "#core/protocol/ids.ts";
import { aMembership, aMessage, anEvent } from "#testing/events.ts";
import { ROOM } from "#testing/ledger-rows.ts";
import { ALICE, aBridge, BOB, ECHO, EVE, echo, soon } from "#testing/room.ts";

const mention = (userId: string) => ({ content: { "m.mentions": { user_ids: [userId] } } });
const replyTo = (event_id: string) => ({ content: { "m.relates_to": { "m.in_reply_to": { event_id } } } });
const bridge = aBridge();

describe("pairing", () => {
  const shy = echo({ users: [], dm: "pairing", admins: [BOB] });
  const code = () => bridge.said().flatMap((body) => body.match(/[A-Z2-9]{8}/)?.[0] ?? []);

  test("gives one code, repeats it, and lets in the approved user", async () => {
    await bridge.begin(shy, EVE, ECHO);
    await bridge.world.push(aMessage("hello", { sender: EVE }));
    await vi.waitFor(() => expect(code()).toHaveLength(1), soon);
    await bridge.world.push(aMessage("hello?", { sender: EVE }));
    await vi.waitFor(async () => expect((await bridge.world.ledger.verdicts())["pair"]).toBe(2), soon);
    expect(new Set(code()).size).toBe(1);
    const approved = await bridge.world.operator("POST", `/admin/pairings/${code()[0]}/approve`);
    expect(approved.status).toBe(200);
    await bridge.world.push(aMessage("and now?", { sender: EVE }));
    await bridge.answered(/^echo and now\?$/);
  });

  test("is not approved by the user who was given the code", async () => {
    await bridge.begin(shy, EVE, ECHO);
    await bridge.world.push(aMessage("hello", { sender: EVE }));
    await vi.waitFor(() => expect(code()).toHaveLength(1), soon);
    await bridge.world.push(aMessage(`!pair ${code()[0]}`, { sender: EVE }));
    await bridge.answered(/not valid here/);
    await bridge.world.push(aMessage("and now?", { sender: EVE }));
    await bridge.verdict("pair");
    expect(bridge.said()).not.toContain("echo and now?");
  });

  test("gives codes to three users at a time", async () => {
    await bridge.begin(shy, EVE, ECHO);
    for (const name of ["a", "b", "c", "d"])
      await bridge.world.push(aMessage("hello", { sender: `@${name}:evil.test` }));
    await vi.waitFor(async () => expect((await bridge.world.ledger.verdicts())["pair"]).toBe(4), soon);
    await bridge.answered(/too many users wait/);
    expect(new Set(code()).size).toBe(3);
  });

  test("an invite code of the operator lets in the first user who says it, and no other", async () => {
    await bridge.begin(shy, EVE, ECHO);
    const made = await bridge.world.operator("POST", "/admin/agents/echo/invite-codes");
    const { code: invite } = (await made.json()) as { code: string };
    await bridge.world.push(aMessage(`!pair ${invite}`, { sender: EVE }));
    await bridge.answered(/Welcome/);
    await bridge.world.push(aMessage("hi", { sender: EVE }));
    await bridge.answered(/^echo hi$/);
    await bridge.world.push(aMessage(`!pair ${invite}`, { sender: "@mallory:evil.test" }));
    await bridge.answered(/not valid here/);
  });

  test("is taken back by an admin's command", async () => {
    await bridge.begin(shy, EVE, ECHO);
    await bridge.world.push(aMessage(`!allow ${EVE}`, { sender: BOB }));
    await bridge.answered(/may now talk to/);
    await bridge.world.push(aMessage("hi", { sender: EVE }));
    await bridge.answered(/^echo hi$/);
    await bridge.world.push(aMessage(`!deny ${EVE}`, { sender: BOB }));
    await bridge.answered(/^Done/);
    await bridge.world.push(aMessage("again", { sender: EVE }));
    await bridge.verdict("pair");
    expect(bridge.said()).not.toContain("echo again");
  });
});

test("a bot that no setting names and that replies to every answer is ignored after twenty", async () => {
  await bridge.begin(echo({ users: ["*"] }), ALICE, BOB, ECHO);
  await bridge.world.push(aMessage("hello", mention(ECHO)));
  for (let n = 0; n < 20; n++) {
    await vi.waitFor(() => expect(bridge.world.server.sent).toHaveLength(n + 1), soon);
    await bridge.world.push(
      aMessage(`answer ${n}`, { sender: BOB, ...replyTo(bridge.world.server.sent[n]?.eventId ?? "") }),
    );
  }
  await vi.waitFor(() => expect(bridge.world.server.sent).toHaveLength(21), soon);
  await bridge.world.push(aMessage("and on", { sender: BOB, ...replyTo(bridge.world.server.sent[20]?.eventId ?? "") }));
  await bridge.verdict("pair_guard");
  // Alice and Echo are another pair.
  await bridge.world.push(aMessage("still there?", mention(ECHO)));
  await bridge.answered(/^echo still there\?$/);
});

describe("an invitation", () => {
  const invite = (sender: string, more: object = {}) =>
    aMembership(ECHO, "invite", { sender, content: { membership: "invite", ...more } });
  const joins = () =>
    bridge.world.server.requests.filter((request) => request.startsWith("POST") && request.includes("/join"));
  const leaves = () => bridge.world.server.requests.filter((request) => request.includes("/leave"));

  test("from a user is accepted, and the room is read", async () => {
    await bridge.begin(echo({ introduction: "I am Echo." }), ALICE);
    bridge.world.server.members.set(ROOM, [ALICE, ECHO]);
    bridge.world.server.state.set(`${ROOM}|m.room.name`, { sender: ALICE, content: { name: "Kitchen" } });
    await bridge.world.push(invite(ALICE, { is_direct: true }));
    await bridge.verdict("join");
    expect(joins()).toHaveLength(1);
    await bridge.answered(/^I am Echo\.$/);
    expect((await bridge.world.ledger.room(ROOM)).state.name).toBe("Kitchen");
    await bridge.world.push(aMessage("hello"));
    await bridge.answered(/^echo hello$/);
  });

  test("from a stranger is rejected with a reason", async () => {
    await bridge.begin(echo(), EVE, ECHO);
    await bridge.world.ledger.setGhost({ userId: UserId.parse(ECHO), deviceId: "TROUPE" });
    await bridge.world.push(invite(EVE, { is_direct: true }));
    await bridge.verdict("not_invited_by_user");
    expect(joins()).toEqual([]);
    expect(leaves()).toHaveLength(1);
  });

  test("from a stranger is accepted where unknown users are given codes, and to a direct chat only", async () => {
    await bridge.begin(echo({ users: [], dm: "pairing" }), EVE);
    bridge.world.server.members.set(ROOM, [EVE, ECHO]);
    await bridge.world.push(invite(EVE));
    await bridge.verdict("not_invited_by_user");
    await bridge.world.push(invite(EVE, { is_direct: true }));
    await bridge.verdict("join");
  });
});

test.for(["@agent_+plus:hs.test", "@agent_/slash:hs.test"])(
  "a person whose name begins like an agent's is answered, and may take a message back: %s",
  async (person) => {
    await bridge.begin(echo(), person, ECHO);
    const asked = aMessage("hello", { sender: person });
    await bridge.world.push(asked);
    await bridge.answered(/^echo hello$/);
    await bridge.world.push(
      anEvent({ type: "m.room.redaction", sender: person, content: { redacts: asked.event_id } }),
    );
    await bridge.verdict("redaction");
  },
);

describe("an agent that speaks for somebody", () => {
  const STAFF = "@agent_staff:hs.test";
  const agents = {
    echo: { backend: { use: "echo" }, users: ["*"], turns: { whileBusy: "collect" } },
    staff: { backend: { use: "echo" }, users: [BOB], bots: "mentions" },
  };
  /** What an agent said comes back from the homeserver; `over` is what somebody could change in it. */
  const comesBack = async (at: number, over: object = {}) => {
    const { content, userId, eventId } = bridge.world.server.sent[at] ?? {};
    await bridge.world.push(anEvent({ sender: userId, event_id: eventId, content: { ...content, ...over } }));
  };

  test("reaches another agent for a user of it, and not for anybody else", async () => {
    await bridge.begin(agents, ALICE, BOB, ECHO, STAFF);
    await bridge.world.push(aMessage(`${STAFF} pay mallory`, mention(ECHO)));
    await bridge.answered(/^echo .*pay mallory$/);
    await comesBack(0);
    await bridge.verdict("asker_not_permitted");
    await bridge.world.push(aMessage(`${STAFF} pay alice`, { sender: BOB, ...mention(ECHO) }));
    await bridge.answered(/^echo .*pay alice$/);
    await comesBack(1);
    await bridge.answered(/^echo echo .*pay alice$/);
    expect(bridge.said()).toHaveLength(3);
  });

  test("does so by our own rows alone: what its event says of the turn counts for nothing", async () => {
    await bridge.begin(agents, ALICE, BOB, ECHO, STAFF);
    await bridge.world.push(aMessage(`${STAFF} pay alice`, { sender: BOB, ...mention(ECHO) }));
    await bridge.answered(/^echo .*pay alice$/);
    const { content } = bridge.world.server.sent[0] ?? {};
    const mark = { ...(content?.["chat.troupe"] as object), turn: "another" };
    await comesBack(0, { "chat.troupe": mark });
    await bridge.verdict("asker_unknown");
  });

  test("hands on for whom to the agents behind it", async () => {
    const third = { third: { backend: { use: "echo" }, users: [ALICE], bots: true } };
    const [THIRD, open] = ["@agent_third:hs.test", { ...agents.staff, users: ["*"] }];
    await bridge.begin({ ...agents, staff: open, ...third }, ALICE, BOB, ECHO, STAFF, THIRD);
    const ask = (sender: string) =>
      bridge.world.push(aMessage(`${STAFF} ${THIRD} hello from ${sender}`, { sender, ...mention(ECHO) }));
    await ask(BOB);
    await bridge.answered(/^echo .*hello from @bob/);
    await comesBack(0);
    await bridge.answered(/^echo echo .*hello from @bob/);
    await comesBack(1);
    await bridge.verdict("asker_not_permitted");
    await ask(ALICE);
    await bridge.answered(/^echo .*hello from @alice/);
    await comesBack(2);
    await bridge.answered(/^echo echo .*hello from @alice/);
  });
});
