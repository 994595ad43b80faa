/** Rows for tests of the ledger. A test names only the fields that matter to it. */
import { AgentSpec } from "#core/configuration/agent.ts";
import type { RoomLayer } from "#core/configuration/settings.ts";
import { DeliveryKey } from "#core/message/mark.ts";
import type { Utterance } from "#core/message/utterance.ts";
import { AgentId, EventId, type Namespace, RoomId, UserId } from "#core/protocol/ids.ts";
import { type LaneId, type Lease, laneOf, outLane, roomLane, sessionLane } from "#core/turn/lane.ts";
import {
  type NewTurn,
  type Prompt,
  SessionKey,
  type Turn,
  TurnId,
  textPrompt,
  textReply,
  type WaitingEvent,
} from "#core/turn/turn.ts";
import type { LayerChange } from "#ports/configuration.ts";
import type { FrozenRequest, OutboxRow } from "#ports/delivery.ts";
import type { Ledger } from "#ports/ledger.ts";
import type { Membership, Settled } from "#ports/rooms.ts";
import type { TurnAnswer, TurnCaps } from "#ports/turns.ts";
import { anEvent } from "./events.ts";

export const NAMESPACE: Namespace = { serverName: "hs.test", ghostPrefix: "agent_", botLocalpart: "troupe" };
export const ROOM = RoomId.parse("!room");
export const ECHO = AgentId.parse("echo");
const SESSION = SessionKey.parse("mx.echo.1");
export const ROOM_LANE = roomLane(ROOM);
export const SESSION_LANE = sessionLane(SESSION);
export const OUT_LANE = outLane(UserId.parse("@agent_echo:hs.test"), ROOM);
export const NOW = 1_000_000;
const LEASE_MS = 30_000;

let count = 0;

/** An agent as an operator writes it, with its id as its name. */
export const aSpec = (id: string, over: Record<string, unknown> = {}): AgentSpec =>
  AgentSpec.parse({ id, name: id, backend: { use: "echo" }, ...over });

export const member = (userId: string, membership: Membership["membership"] = "join"): Membership => ({
  userId: UserId.parse(userId),
  membership,
});
export const ghost = (id: string, membership: Membership["membership"] = "join"): Membership =>
  member(`@agent_${id}:hs.test`, membership);

/** The ids of the agents that are present. */
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
    prompt: aPrompt(),
    ...over,
  };
}

export function aPrompt(text = "hello", over: Partial<Prompt> = {}): Prompt {
  count++;
  return {
    eventId: EventId.parse(`$prompt${count}`),
    sender: UserId.parse("@alice:hs.test"),
    parts: textPrompt(text),
    sentAtMs: 5,
    ...over,
  };
}

export const anAnswer = (markdown = "hi", over: Partial<TurnAnswer> = {}): TurnAnswer => ({
  reply: textReply("reply", markdown),
  rows: [],
  nowMs: NOW,
  ...over,
});

/** Some message, to be said in the room. */
export const anUtterance = (markdown = "hello"): Utterance => ({
  say: "message",
  part: { type: "text", markdown },
  mark: { agent: ECHO, turn: "turn", part: 0, hop: 0, kind: "reply" },
  mentions: [],
});

/** An event as the room lane reads it, after no failure. */
export const aWaiting = (event: WaitingEvent["event"], over: Partial<WaitingEvent> = {}): WaitingEvent => ({
  seq: 1,
  event,
  receivedAtMs: NOW,
  failures: 0,
  notBeforeMs: 0,
  ...over,
});

export const keyOf = (key: string): DeliveryKey => DeliveryKey.parse(key);

export function aRow({ key, ...over }: Partial<Omit<OutboxRow, "key">> & { key?: string } = {}): OutboxRow {
  count++;
  return {
    key: keyOf(key ?? `key${count}`),
    lane: OUT_LANE,
    agent: ECHO,
    userId: UserId.parse("@agent_echo:hs.test"),
    utterance: anUtterance(),
    ...over,
  };
}

/** The request of a row, as the out lane might freeze it. */
export const aRequest = (over: Partial<FrozenRequest> = {}): FrozenRequest => ({
  deviceId: "DEVICE",
  path: "/_matrix/client/v3/rooms/!room/send/m.room.message/key",
  body: '{"body":"hello"}',
  ...over,
});

/** A turn that is read back, or was never stored. */
export const aStoredTurn = (over: Partial<Turn> = {}): Turn => {
  const { ending, ...turn } = aTurn();
  return { ...turn, seq: 1, merged: [], state: "queued", attempt: 0, failures: 0, ...over };
};

export const aSettled = (over: Partial<Settled> = {}): Settled => ({
  reason: "wake_mention",
  turns: [],
  members: [],
  controls: [],
  notices: [],
  ...over,
});

/** Claims the lane; throws when another runner has it. */
export async function leaseOf(ledger: Ledger, lane: LaneId, runner = "runner", nowMs = NOW): Promise<Lease> {
  const lease = await ledger.claim(lane, runner, nowMs, LEASE_MS);
  if (!lease) throw new Error(`${lane} is leased to another runner`);
  return lease;
}

/** Stores an event, and reads it as the room lane does. */
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

/** Queues turns in their order; returns the lease of the session lane. */
export async function queued(ledger: Ledger, ...turns: NewTurn[]): Promise<Lease> {
  for (const turn of turns) await settled(ledger, { turns: [turn] });
  return leaseOf(ledger, SESSION_LANE);
}

/** When a lane is due, as the release of a lease says that is not held. */
export const dueAt = (ledger: Ledger, lane: LaneId): Promise<number | undefined> => ledger.release({ lane, fence: -1 });

/** Higher than any test reaches. */
export const CAPS: TurnCaps = {
  agent: 100,
  all: 100,
  out: { lane: OUT_LANE, depth: 100 },
  buckets: [],
  lateAtMs: NOW + 3_600_000,
  nowMs: NOW,
};
/** Starts the first attempt of a turn, unless it says that it had others. */
export const startAttempt = (
  ledger: Ledger,
  lease: Lease,
  turn: Pick<NewTurn, "id" | "agent"> & { attempt?: number },
  caps = CAPS,
) => ledger.startAttempt(lease, { attempt: 0, ...turn }, caps);
export const isDelivered = async (ledger: Ledger, lease: Lease, turn: Pick<NewTurn, "id">) =>
  (await ledger.markDelivered(lease, turn, OUT_LANE)).isDelivered;

export const currentTurn = async (ledger: Ledger, lease: Lease): Promise<Turn | undefined> =>
  (await ledger.currentTurn(lease))?.turn;

/** The controls of a turn with this seq. */
export function controlsOf(ledger: Ledger, lease: Lease, seq = 0) {
  const lane = laneOf(lease.lane);
  if (lane.kind !== "session") throw new Error(`${lease.lane} is no session's lane`);
  return ledger.controls(lease, { session: lane.session, seq });
}

export const aSession = (key: string): SessionKey => SessionKey.parse(key);
export const aTurnId = (id: string): TurnId => TurnId.parse(id);

/** Replaces the layer of a room or an alias. */
export const setRoomLayer = (ledger: Ledger, name: string, layer: RoomLayer): Promise<LayerChange> =>
  ledger.changeRoomLayer(name, () => layer);
