/** What is put into a ledger; a test names only what matters to it. */
import { AgentSpec } from "#core/configuration/agent.ts";
import { AgentId, EventId, type Namespace, RoomId, UserId } from "#core/protocol/ids.ts";
import { type LaneId, laneOf, outLane, roomLane, sessionLane } from "#core/turn/lane.ts";
import { type NewTurn, SessionKey, type Turn, TurnId, type WaitingEvent } from "#core/turn/turn.ts";
import type { OutboxRow } from "#ports/delivery.ts";
import type { Lease } from "#ports/lanes.ts";
import type { Ledger } from "#ports/ledger.ts";
import type { Membership, Settled } from "#ports/rooms.ts";
import { anEvent } from "./events.ts";

export const NAMESPACE: Namespace = { serverName: "hs.test", ghostPrefix: "agent_", botLocalpart: "troupe" };
export const ROOM = RoomId.parse("!room");
export const ECHO = AgentId.parse("echo");
export const SESSION = SessionKey.parse("mx.echo.1");
export const ROOM_LANE = roomLane(ROOM);
export const SESSION_LANE = sessionLane(SESSION);
export const OUT_LANE = outLane(UserId.parse("@agent_echo:hs.test"), ROOM);
export const NOW = 1_000_000;
const LEASE_MS = 30_000;

let count = 0;

/** An agent as an operator would write it; named after its id. */
export const aSpec = (id: string, over: Record<string, unknown> = {}): AgentSpec =>
  AgentSpec.parse({ id, name: id, backend: { use: "echo" }, ...over });

export const member = (userId: string, membership: Membership["membership"] = "join"): Membership => ({
  userId: UserId.parse(userId),
  membership,
});
export const ghost = (id: string, membership: Membership["membership"] = "join"): Membership =>
  member(`@agent_${id}:hs.test`, membership);

/** Who is present, by their ids. */
export const presentIds = async (ledger: Ledger, roomId = ROOM): Promise<string[]> =>
  (await ledger.room(roomId)).present.map(({ agent }) => agent.id);

type TurnOver = Partial<Omit<NewTurn, "id" | "session">> & { id?: string; session?: string };

export function aTurn({ id, session, ...over }: TurnOver = {}): NewTurn {
  count++;
  return {
    id: TurnId.parse(id ?? `turn${count}`),
    session: SessionKey.parse(session ?? SESSION),
    agent: ECHO,
    roomId: ROOM,
    direct: false,
    hop: 0,
    askedAtMs: NOW,
    notBeforeMs: 0,
    prompt: {
      eventId: EventId.parse(`$prompt${count}`),
      sender: UserId.parse("@alice:hs.test"),
      text: "hello",
      sentAtMs: 5,
    },
    ...over,
  };
}

export function aRow(over: Partial<OutboxRow> = {}): OutboxRow {
  count++;
  return {
    key: `key${count}`,
    lane: OUT_LANE,
    agent: ECHO,
    userId: UserId.parse("@agent_echo:hs.test"),
    deviceId: "DEVICE",
    path: `/_matrix/client/v3/rooms/!room/send/m.room.message/key${count}`,
    body: '{"body":"hello"}',
    ...over,
  };
}

export const aSettled = (over: Partial<Settled> = {}): Settled => ({
  reason: "wake_mention",
  turns: [],
  members: [],
  controls: [],
  notices: [],
  ...over,
});

/** The lane's lease, which must be there to be had. */
export async function leaseOf(ledger: Ledger, lane: LaneId, owner = "owner", nowMs = NOW): Promise<Lease> {
  const lease = await ledger.claim(lane, owner, nowMs, LEASE_MS);
  if (!lease) throw new Error(`${lane} is leased to somebody else`);
  return lease;
}

/** One more undecided event of the room, as the room lane reads it. */
export async function waiting(ledger: Ledger, over: Record<string, unknown> = {}): Promise<[Lease, WaitingEvent]> {
  const event = anEvent(over);
  await ledger.accept({ events: [event], deadLetters: [], nowMs: NOW });
  const lease = await leaseOf(ledger, roomLane(event.room_id));
  const found = (await ledger.nextEvents(lease, 1_000)).find((one) => one.event.event_id === event.event_id);
  if (!found) throw new Error(`${event.event_id} is not waiting`);
  return [lease, found];
}

/** One event with its verdict, and everything the verdict settles. */
export async function settled(ledger: Ledger, over: Partial<Settled>, event: Record<string, unknown> = {}) {
  const [lease, found] = await waiting(ledger, event);
  if (!(await ledger.settle(lease, found, aSettled(over)))) throw new Error("the verdict was not stored");
}

/** Turns queued in their order, and the lease of the session lane. */
export async function queued(ledger: Ledger, ...turns: NewTurn[]): Promise<Lease> {
  for (const turn of turns) await settled(ledger, { turns: [turn] });
  return leaseOf(ledger, SESSION_LANE);
}

/** When a lane is due: what a release says, of a lease that nobody holds. */
export const dueAt = (ledger: Ledger, lane: LaneId): Promise<number | undefined> => ledger.release({ lane, fence: -1 });

/** More than any test runs at a time. */
export const CAPS = { agent: 100, all: 100, out: { lane: OUT_LANE, depth: 100 }, nowMs: NOW };

export const currentTurn = async (ledger: Ledger, lease: Lease): Promise<Turn | undefined> =>
  (await ledger.currentTurn(lease))?.turn;

/** The controls of a turn with this seq. */
export function controlsOf(ledger: Ledger, lease: Lease, seq = 0) {
  const lane = laneOf(lease.lane);
  if (lane.kind !== "session") throw new Error(`${lease.lane} is no session's lane`);
  return ledger.takeControls(lease, { session: lane.session, seq });
}

export const aSession = (key: string): SessionKey => SessionKey.parse(key);
export const aTurnId = (id: string): TurnId => TurnId.parse(id);
