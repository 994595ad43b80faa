/** The session lane: turns and their sessions. */
import type { Agent } from "#core/configuration/agent.ts";
import type { RoomEvent } from "#core/protocol/event.ts";
import type { AgentId, EventId, RoomId, UserId } from "#core/protocol/ids.ts";
import type { LaneId, Lease } from "#core/turn/lane.ts";
import type { LearntEntries } from "#core/turn/learnt.ts";
import type { Reply, SessionKey, Turn, TurnEnding, TurnId } from "#core/turn/turn.ts";
import type { OutboxRow } from "./delivery.ts";
import type { Ghost } from "./homeserver.ts";
import type { DeadLetter } from "./operator.ts";

/**
 * `stop` ends the oldest open turn of the session; those behind it ended when it was stored. `interrupt` ends it only if
 * it has begun: a newer message takes over. A turn that is answered is not affected.
 */
export type ControlKind = "stop" | "interrupt";

/** Why a turn ended without the agent's answer, and the dead letter if an operator should see it. */
export interface Lack {
  ending: TurnEnding;
  deadLetter?: DeadLetter;
}

/** How a turn is answered. */
export interface TurnAnswer {
  reply: Reply;
  rows: readonly OutboxRow[];
  /** Undefined when the reply is the agent's answer. */
  lack?: Lack | undefined;
  /** Milliseconds since the epoch. */
  nowMs: number;
}

/** Limits under which an attempt starts. */
export interface TurnCaps {
  /** How many turns of this agent, and of all agents, may run at the same time. */
  agent: number;
  all: number;
  /** How many messages may wait in the out lane of the agent and the room. While there are more, no turn begins. */
  out: { lane: LaneId; depth: number };
  /** Those whose token the turn does not have yet. */
  buckets: readonly TurnBucket[];
  /** When the turn is too old to be answered: it waits no longer for a place. */
  lateAtMs: number;
  nowMs: number;
}

/** A turn and what its next step needs. */
export interface CurrentTurn {
  turn: Turn;
  hasControls: boolean;
  /** With the settings that hold in the turn's room; undefined when the agent is retired. */
  agent: Agent | undefined;
  /** The agent's ghost as it was made; undefined when it was not. */
  ghost: Ghost | undefined;
  /** What is known of the servers of the agent's backend, also with earlier settings. */
  learnt: LearntEntries;
}

/** What was found out about the servers of backends. `agent`: the id that it is written under, a family's with its `*`. */
export interface LearntLedger {
  setLearnt(lease: Lease, agent: string, entries: LearntEntries, nowMs: number): Promise<void>;
  learnt(agent: string): Promise<LearntEntries>;
}

/**
 * Why an attempt did not start. `full`: too many turns run or too many messages wait. `changed`: the lease is lost, or
 * the turn is no more what it was. Otherwise a bucket is empty, and the turn is due when it has a token.
 */
export type NotStarted = "full" | "changed" | { tokensInMs: number };

/** The sessions that may begin a turn in the places that a write has freed; undefined when nothing was written. */
export type Granted = readonly SessionKey[] | undefined;

/** Turns of one agent that wait for a place. `places`: how many of its turns may run, as it was when they began to wait. */
export interface Line {
  agent: AgentId;
  /** The room of the oldest of them. */
  roomId: RoomId;
  places: number;
}

/** Places for turns that missed them: a crash came between, or more turns may run now. */
export interface PlaceLedger {
  /** Grants free places, at most one to the turns of one agent. */
  grantPlaces(nowMs: number): Promise<readonly SessionKey[]>;
  /** The lines of turns that wait, longest first. From now on so many turns of all agents may run. */
  lines(allPlaces: number, limit: number): Promise<Line[]>;
  /** From now on so many turns of the line's agent may run. */
  setPlaces(line: Line, places: number): Promise<void>;
}

/** A token bucket: `perMinute` tokens flow in, and it holds at most `perMinute`. */
export interface Bucket {
  key: string;
  perMinute: number;
}

/** A bucket that turns wait for, with what spreads them out. */
export interface TurnBucket extends Bucket {
  spreadMs: number;
}

/** Turns from queued to delivered, and the controls they get. */
export interface TurnLedger {
  /** The oldest open turn of the session, with the prompts merged into it. */
  currentTurn(lease: Lease): Promise<CurrentTurn | undefined>;
  /**
   * Starts the next attempt; or has the turn wait, first for its tokens, which it then keeps, then for a place. A turn
   * that waits for a place is not due until it is granted one, or too old.
   */
  startAttempt(
    lease: Lease,
    turn: Pick<Turn, "id" | "agent" | "attempt" | "redacted">,
    caps: TurnCaps,
  ): Promise<"started" | NotStarted>;
  /** Puts the turn off until `notBeforeMs` (milliseconds since the epoch). */
  postpone(lease: Lease, turnId: TurnId, notBeforeMs: number, nowMs: number): Promise<Granted>;
  /** `postpone`, and counts a failure of the turn's backend. */
  postponeFailed(lease: Lease, turnId: TurnId, notBeforeMs: number, nowMs: number): Promise<Granted>;
  /** Stores the text that is shown of an unfinished answer. */
  storeShown(lease: Lease, turnId: TurnId, shown: string): Promise<boolean>;
  /** The controls of this turn. They stay until `storeAnswer` or `endTurn`, so that a crash before it forgets none. */
  controls(lease: Lease, turn: Pick<Turn, "session" | "seq">): Promise<ControlKind[]>;
  /** Forgets what means nothing to a turn that has not begun. A stop means something to every turn. */
  dropControls(lease: Lease, turn: Pick<Turn, "session">): Promise<boolean>;
  /**
   * Merges the waiting turns of the session into this one: those of its sender, or all, as far as their prompts fit
   * together. They end and keep their rows. Says how many there were.
   */
  merge(lease: Lease, turn: Pick<Turn, "session" | "seq" | "prompt">, whose: "sender" | "all"): Promise<number>;
  /** The latest `notBeforeMs` of the sender's waiting turns behind this one; 0 when there is none. */
  heldBackUntil(lease: Lease, turn: Pick<Turn, "session" | "seq" | "prompt">): Promise<number>;
  /** One atomic batch: the reply on the turn's row, why it is not the agent's answer, and the rows that deliver it. */
  storeAnswer(lease: Lease, turnId: TurnId, answer: TurnAnswer): Promise<Granted>;
  /** Ends a turn that has no reply. `nowMs` dates its dead letter. */
  endTurn(lease: Lease, turnId: TurnId, lack: Lack, nowMs: number): Promise<Granted>;
  /**
   * Marks the turn delivered if none of its rows in this out lane is open, and gives the session's next turn. Where there is
   * none, it releases the lease in the same batch.
   */
  markDelivered(
    lease: Lease,
    turn: Pick<Turn, "id">,
    out: LaneId,
  ): Promise<{ isDelivered: boolean; next: CurrentTurn | undefined; isReleased: boolean }>;
  /** Turns of the session with a reply, and those that were too late or declined, with their merged prompts; newest first. */
  transcript(session: SessionKey, limit: number): Promise<Turn[]>;
  /** Takes a token of each bucket and gives 0, or takes none and gives the wait for the emptiest one in milliseconds. */
  takeTokens(wanted: readonly Bucket[], nowMs: number): Promise<number>;
}

/** The open turns of a session. */
export interface WaitingTurns {
  count: number;
  oldest?: TurnId;
  /** Who asked last in the session, also where that turn has ended, and whether in a direct chat. */
  last?: { sender: UserId; direct: boolean };
}

/** How many turns are open: of a sender, in a room, and in all. */
export interface OpenTurns {
  sender: number;
  room: number;
  all: number;
}

/** Who asks, and where. */
export interface Asker {
  sender: UserId;
  roomId: RoomId;
}

export interface SessionEpoch {
  /** The seq of the event that began the session anew; 0 before the first time. */
  epoch: number;
  waiting: WaitingTurns;
}

/** A session that `!new` began. */
export interface BegunSession {
  /** The seq of the event that began it. */
  epoch: number;
  session: SessionKey;
  /** Milliseconds since the epoch. */
  atMs: number;
}

/** The sessions of a room, and the messages around a prompt. */
export interface SessionLedger {
  /** Sessions of these agents with an unanswered turn in the room or thread; outside of threads also where it begins one. */
  openSessions(roomId: RoomId, threadRoot: EventId | undefined, agents: readonly AgentId[]): Promise<SessionKey[]>;
  /** Sessions of these agents with an unanswered turn in the room whose prompt is this event, or whose draft it is. */
  openSessionsAt(eventId: EventId, roomId: RoomId, agents: readonly AgentId[]): Promise<SessionKey[]>;
  /** Sessions of the room with an unanswered turn, whatever the thread or the agent. */
  openSessionsIn(roomId: RoomId): Promise<SessionKey[]>;
  /** How many turns of a session are open, and the oldest of them. */
  waitingIn(session: SessionKey): Promise<WaitingTurns>;
  /**
   * The epoch of a session, and the open turns of its epoch 0, whose key is `base`. The same of a `former` one, if it has any.
   * `open`: the turns that count for the asker's limits.
   */
  epoch(
    base: SessionKey,
    former?: SessionKey,
    asker?: Asker,
  ): Promise<SessionEpoch & { former?: SessionEpoch; open: OpenTurns }>;
  /** Begins the session anew; an earlier epoch never replaces a later one. */
  beginEpoch(base: SessionKey, begun: BegunSession): Promise<void>;
  /** A stored event with its content; undefined when it is unknown or its content was forgotten. */
  event(eventId: EventId): Promise<RoomEvent | undefined>;
  /** True when the session had no turn before this one. */
  isFirst(turn: Pick<Turn, "session" | "seq">): Promise<boolean>;
  /**
   * The latest messages of the room (outside of threads) or of the thread between the session's last prompt, if any, and this
   * turn's, oldest first. Without those of our own users and of ignored ones, those that ask this agent, commands and echoes.
   * `lastJoin`: and only since the last time that a user of others joined.
   */
  chatter(
    turn: Pick<Turn, "session" | "seq" | "agent" | "roomId" | "threadRoot" | "prompt">,
    limit: number,
    since?: "lastTurn" | "lastJoin",
  ): Promise<RoomEvent[]>;
}
