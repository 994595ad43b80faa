/** A turn for an event and an agent, under ids that come out the same however often it is decided. */
import type { Agent } from "#core/configuration/agent.ts";
import { placeOf } from "#core/message/text.ts";
import type { RoomEvent } from "#core/protocol/event.ts";
import type { RoomId } from "#core/protocol/ids.ts";
import { answerThread, epochScope, sessionKey, sessionScope, type Where } from "#core/turn/session.ts";
import { type NewTurn, type SessionKey, textPrompt } from "#core/turn/turn.ts";
import type { Ledger } from "#ports/ledger.ts";
import { digest } from "./digest.ts";

interface Cause {
  agent: Agent;
  event: RoomEvent;
  text: string;
  direct: boolean;
  opened: boolean;
  /** The first of the rooms that replaced each other. */
  origin: RoomId;
  hop: number;
  /** On our clock. */
  askedAtMs: number;
  notBeforeMs: number;
}

const TURN_ID_LENGTH = 24;

type Said = Pick<Cause, "agent" | "event" | "origin" | "direct" | "opened">;

const whereOf = ({ agent, event, origin, direct, opened }: Said): Where => ({
  ...{ agent: agent.id, origin, sender: event.sender, direct, opened },
  ...placeOf(event),
  settings: agent.settings,
});

/** The session an event belongs to: its key, and the key it would have before any `!new`. */
export async function sessionOf(ledger: Ledger, cause: Said): Promise<{ session: SessionKey; base: SessionKey }> {
  const scope = sessionScope(whereOf(cause));
  const base = sessionKey(cause.agent.id, digest(scope));
  const epoch = await ledger.epoch(base);
  return { base, session: epoch === 0 ? base : sessionKey(cause.agent.id, digest(epochScope(scope, epoch))) };
}

export async function newTurn(ledger: Ledger, cause: Cause): Promise<NewTurn> {
  const { agent, event, text, direct, hop, askedAtMs, notBeforeMs } = cause;
  const thread = answerThread(whereOf(cause));
  const { session } = await sessionOf(ledger, cause);
  return {
    id: digest(["turn", agent.id, event.event_id]).slice(0, TURN_ID_LENGTH),
    ...{ session, agent: agent.id, roomId: event.room_id, direct, hop, askedAtMs, notBeforeMs },
    prompt: { eventId: event.event_id, sender: event.sender, parts: textPrompt(text), sentAtMs: sentAtMs(event) },
    ...(thread ? { threadRoot: thread } : {}),
  };
}

/** A stranger's clock; beyond what a number holds exactly libSQL's client throws at reading it. */
const sentAtMs = ({ origin_server_ts: ms = 0 }: RoomEvent): number => (Number.isSafeInteger(ms) ? ms : 0);
