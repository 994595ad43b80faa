/** Invitations from end to end: what strangers can make with them, what is accepted, and what is left again. */
import { afterEach, describe, expect, test, vi } from "vitest";
import { AgentSpec } from "#core/configuration/agent.ts";
import { AgentId, RoomId, UserId } from "#core/protocol/ids.ts";
import { type Composed, composed } from "#testing/composed.ts";
import { aMembership, aMessage } from "#testing/events.ts";
import { ROOM } from "#testing/ledger-rows.ts";
import { ALICE, BOB, ECHO, EVE, echo, soon } from "#testing/room.ts";
import { type TemporaryLedger, temporaryLedger } from "#testing/temp-ledger.ts";
import { systemClock } from "./clock.ts";

let world: Composed;
let store: TemporaryLedger;
afterEach(() => world.close());

async function begin(agents: Record<string, object>, settings: Record<string, unknown> = {}): Promise<void> {
  store = await temporaryLedger();
  await store.ledger.setAgents(Object.entries(agents).map(([id, one]) => AgentSpec.parse({ id, name: id, ...one })));
  world = await composed({}, settings, systemClock, store);
}

const tickets = (more: object = {}) => ({ "ticket_*": { backend: { use: "echo" }, ...more } });
const ticket = (name: string | number) => `@agent_ticket_${name}:hs.test`;
let rooms = 0;
/** In a room of its own, unless one is named. */
const invites = (sender: string, userId: string, more: { room?: string; direct?: boolean } = {}) =>
  aMembership(userId, "invite", {
    sender,
    room_id: more.room ?? `!invited${++rooms}`,
    content: { membership: "invite", ...(more.direct ? { is_direct: true } : {}) },
  });
const ask = (userId: string) =>
  world.app.http.request(`/_matrix/app/v1/users/${userId}`, {
    headers: { authorization: "Bearer hs-token-of-tests" },
  });
const requested = (pattern: RegExp) => world.server.requests.filter((request) => pattern.test(request));
const verdicts = (expected: Record<string, number>) =>
  vi.waitFor(async () => expect(await world.ledger.verdicts()).toEqual(expected), soon);
const said = () => world.bodies().map(String);
async function rowsAbout(like: string, table: string, column = "user_id"): Promise<number> {
  const { rows } = await store.client.execute(`SELECT count(*) AS n FROM ${table} WHERE ${column} LIKE '${like}'`);
  return Number(rows[0]?.["n"]);
}

describe("the names of a family", () => {
  test("get no account by a question of the homeserver; an agent with a name of its own does", async () => {
    await begin({ ...tickets(), ...echo() });
    expect((await ask(ticket(1))).status).toBe(200);
    expect((await ask("@agent_other:hs.test")).status).toBe(404);
    expect(requested(/register/)).toEqual([]);
    expect((await ask(ECHO)).status).toBe(200);
    expect(requested(/register/)).toHaveLength(1);
  });

  test("get no account and no row by a stranger's invitations, and one line a minute in all", async () => {
    await begin(tickets({ users: [ALICE] }));
    for (let second = 0; second < 3; second++) {
      const names = Array.from({ length: 40 }, (_, n) => ticket(`${second}_${n}`));
      await Promise.all(names.map(ask));
      await world.push(...names.map((name) => invites(BOB, name, { room: ROOM, direct: true })));
    }
    await verdicts({ not_invited_by_user: 120 });
    await world.settled();
    expect(world.server.requests).toEqual([]);
    for (const table of ["ghosts", "members", "directs"]) expect(await rowsAbout("@agent_ticket%", table)).toBe(0);
    await world.app.tend();
    await world.app.tend();
    expect(world.lines.filter((line) => !line.startsWith("transaction"))).toContain(
      'invitations_refused {"count":120}',
    );
    expect(world.lines.filter((line) => /ticket|event_dropped|invitations_refused/.test(line))).toHaveLength(1);
  });

  test("that nobody is meant by leave no row either", async () => {
    await begin(echo());
    await world.push(invites(BOB, ticket(1), { room: ROOM, direct: true }));
    await verdicts({ unknown_agent: 1 });
    for (const table of ["ghosts", "members", "directs"]) expect(await rowsAbout("@agent_ticket%", table)).toBe(0);
  });

  test("get their account as they join, and can decline from then on", async () => {
    await begin(tickets({ users: [ALICE] }));
    const room = "!first";
    world.server.members.set(room, [ALICE, ticket(1)]);
    await world.push(invites(ALICE, ticket(1), { room }));
    await verdicts({ join: 1 });
    expect(requested(/register/)).toHaveLength(1);
    expect(await rowsAbout("@agent_ticket%", "ghosts")).toBe(1);
    await world.push(invites(BOB, ticket(1), { room: "!second" }));
    await verdicts({ join: 1, not_invited_by_user: 1 });
    expect(requested(/!second\/leave/)).toHaveLength(1);
  });
});

describe("invitations that are accepted are counted", () => {
  test("by their inviter; a further one is declined, and others are not concerned", async () => {
    await begin(echo(), { INVITATIONS_PER_HOUR: 2 });
    await world.push(...[1, 2, 3, 4].map(() => invites(ALICE, ECHO)), invites(BOB, ECHO));
    await verdicts({ join: 3, invite_limit: 2 });
    expect(requested(/POST .*\/join/)).toHaveLength(3);
    expect(requested(/\/leave/)).toHaveLength(2);
  });

  test("by the server of users of others", async () => {
    await begin(echo({ users: ["*"] }), { INVITATIONS_PER_HOUR: 2 });
    await world.push(...["a", "b", "c"].map((name) => invites(`@${name}:evil.test`, ECHO)), invites(BOB, ECHO));
    await verdicts({ join: 3, invite_limit: 1 });
    // By way of that server, so that its joins are told from those of others (matrix/room-requests.ts).
    expect(requested(/\/join\/.*server_name=evil\.test/)).toHaveLength(2);
  });

  test.for<[name: string, settings: Record<string, number>, expected: Record<string, number>]>([
    ["of a family in an hour", { FAMILY_ACCOUNTS_PER_HOUR: 2 }, { join: 2, account_limit: 3 }],
    ["of all families in an hour", { ACCOUNTS_PER_HOUR: 4 }, { join: 4, account_limit: 1 }],
    ["of a family in all", { FAMILY_MEMBERS: 3 }, { join: 3, family_full: 2 }],
    ["without a limit", { FAMILY_MEMBERS: 0, ACCOUNTS_PER_HOUR: 0, FAMILY_ACCOUNTS_PER_HOUR: 0 }, { join: 5 }],
  ])("by the accounts made for them: %s", async ([, settings, expected]) => {
    await begin(tickets(), settings);
    // Into rooms of their own, so that they are decided at the same time.
    await world.push(...[1, 2, 3, 4, 5].map((n) => invites(ALICE, ticket(n))));
    await verdicts(expected);
    expect(requested(/register/)).toHaveLength(expected["join"] ?? 0);
    expect(requested(/\/leave/)).toEqual([]);
  });
});

describe("an invitation to a direct chat", () => {
  const open = () => echo({ users: [], dm: "open", introduction: "I am Echo." });
  const crowd = (size: number) => [EVE, ECHO, ...Array.from({ length: size }, (_, n) => `@m${n}:evil.test`)];

  test("in which others are is left at once, without a trace but one notice", async () => {
    await begin(open());
    world.server.members.set(ROOM, crowd(500));
    const state = { users: { [ECHO]: 100 } };
    world.server.state.set(`${ROOM}|m.room.power_levels`, { sender: EVE, content: state });
    await world.push(invites(EVE, ECHO, { room: ROOM, direct: true }));
    await verdicts({ not_invited_by_user: 1 });
    expect(requested(/!room\/leave/)).toHaveLength(1);
    expect(requested(/PUT .*!room\/state/)).toEqual([]);
    expect(said()).toEqual([expect.stringContaining("there are others in this room")]);
    expect(await rowsAbout("%", "members")).toBe(0);
    expect(await rowsAbout("%", "directs")).toBe(0);
    await world.push(aMessage("hello", { sender: EVE, room_id: ROOM }));
    await verdicts({ not_invited_by_user: 1, no_agent: 1 });
  });

  test("to which others come later is left then, unless one of them may bring the agent to a room", async () => {
    for (const [users, left] of [
      [[], 1],
      [[EVE], 0],
    ] as const) {
      await begin(echo({ users, dm: "open" }));
      world.server.members.set(ROOM, [EVE, ECHO]);
      await world.push(invites(EVE, ECHO, { room: ROOM, direct: true }));
      await verdicts({ join: 1 });
      const joins = (id: string) => aMembership(id, "join", { sender: id, room_id: ROOM });
      await world.push(joins(EVE), joins("@mallory:evil.test"), joins("@m2:evil.test"));
      await verdicts(left === 1 ? { join: 1, membership: 2, no_direct_chat: 1 } : { join: 1, membership: 3 });
      expect(requested(/!room\/leave/)).toHaveLength(left);
      expect(said().filter((text) => text.includes("others in this room"))).toHaveLength(left);
      if (left === 1) world.close();
    }
  });

  test("to which others come while the room is read is left by the event of the first of them", async () => {
    await begin(open());
    let reads = 0;
    world.server.answerFirst = ({ path }) => {
      if (path.endsWith("/joined_members")) reads++;
      world.server.members.set(ROOM, reads <= 1 ? [EVE, ECHO] : crowd(2));
      return undefined;
    };
    const joins = (id: string) => aMembership(id, "join", { sender: id, room_id: ROOM });
    await world.push(invites(EVE, ECHO, { room: ROOM, direct: true }), joins("@m0:evil.test"), joins("@m1:evil.test"));
    await verdicts({ join: 1, no_direct_chat: 1, membership: 1 });
    expect(requested(/!room\/leave/)).toHaveLength(1);
  });

  test("in which nobody else is, is one", async () => {
    await begin(open());
    world.server.members.set(ROOM, [EVE, ECHO]);
    await world.push(invites(EVE, ECHO, { room: ROOM, direct: true }));
    await verdicts({ join: 1 });
    await world.push(aMessage("hello", { sender: EVE, room_id: ROOM }));
    await vi.waitFor(() => expect(said()).toContain("echo hello"), soon);
  });

  test("is none where the room cannot be read after the join: strangers in it are no partners of a chat", async () => {
    await begin(echo({ users: [ALICE], dm: "open", mention: false }));
    world.server.members.set(ROOM, [ALICE, EVE, ECHO]);
    world.server.answerFirst = ({ path }) =>
      path.includes("/state/") ? Response.json({ errcode: "M_FORBIDDEN" }, { status: 403 }) : undefined;
    await world.push(invites(ALICE, ECHO, { room: ROOM, direct: true }));
    await verdicts({ given_up: 1 });
    await world.push(aMembership(ECHO, "join", { sender: ECHO, room_id: ROOM }));
    await world.push(aMessage("hello", { sender: EVE, room_id: ROOM }));
    await verdicts({ given_up: 1, membership: 1, not_permitted: 1 });
    expect(await rowsAbout("%", "directs")).toBe(0);
  });

  test("in which others are is a room where the inviter may bring the agent to a room too", async () => {
    await begin(echo());
    world.server.members.set(ROOM, [ALICE, BOB, ECHO]);
    await world.push(invites(ALICE, ECHO, { room: ROOM, direct: true }));
    await verdicts({ join: 1 });
    const { present } = await world.ledger.room(RoomId.parse(ROOM));
    expect(present).toMatchObject([{ userId: ECHO, invitedDirectly: false }]);
    expect(requested(/\/leave/)).toEqual([]);
  });
});

test("an invitation to a room that does not replace the one it claims is judged as any other", async () => {
  await begin(echo({ invites: "off" }));
  await world.joined(ALICE, ECHO, BOB);
  await world.ledger.setState(ROOM, { ...(await world.ledger.room(ROOM)).state, replacement: RoomId.parse("!next") });
  world.server.members.set("!next", [ALICE, ECHO]);
  const content = { room_version: "12", predecessor: { room_id: "!another" } };
  world.server.state.set("!next|m.room.create", { sender: ALICE, content });
  await world.push(invites(ALICE, ECHO, { room: "!next" }));
  await verdicts({ invites_off: 1 });
  expect(requested(/!next\/leave/)).toHaveLength(1);
  world.server.state.set("!next|m.room.create", {
    sender: ALICE,
    content: { ...content, predecessor: { room_id: ROOM } },
  });
  await world.push(invites(ALICE, ECHO, { room: "!next" }));
  await verdicts({ invites_off: 1, join: 1 });
});

test("rooms that say that another one replaces them keep nobody from following into it", async () => {
  await begin(echo({ invites: "off" }));
  for (const room of [RoomId.parse("!a"), ROOM]) {
    const members = [ALICE, ECHO].map((id) => ({ userId: UserId.parse(id), membership: "join" as const }));
    await world.ledger.setMembers(room, members);
    await world.ledger.setState(room, { ...(await world.ledger.room(room)).state, replacement: RoomId.parse("!next") });
  }
  world.server.members.set("!next", [ALICE, ECHO]);
  const content = { room_version: "12", predecessor: { room_id: ROOM } };
  world.server.state.set("!next|m.room.create", { sender: ALICE, content });
  await world.push(invites(ALICE, ECHO, { room: "!next" }));
  await verdicts({ join: 1 });
});

test("strangers who wait for approval keep neither local users nor those of other servers from asking", async () => {
  await begin(echo({ users: [], dm: "pairing" }));
  const offer = (userId: string, code: string) =>
    world.ledger.offerPairing({ agent: AgentId.parse("echo"), userId: UserId.parse(userId), code, atMs: 1 });
  expect(await Promise.all(["a", "b", "c"].map((name) => offer(`@${name}:evil.test`, `CODE${name}`)))).not.toContain(
    undefined,
  );
  expect(await offer("@d:evil.test", "CODEd")).toBeUndefined();
  expect(await offer("@e:else.test", "CODEe")).toBe("CODEe");
  expect(await offer(BOB, "CODEf")).toBe("CODEf");
});
