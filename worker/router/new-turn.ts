/** A turn for an event and an agent, under ids that come out the same however often it is decided. */
import { sha256 } from "@noble/hashes/sha2.js";
import type { RoomEvent } from "#core/protocol/event.ts";
import type { AgentId, EventId } from "#core/protocol/ids.ts";
import { sessionKey, sessionScope } from "#core/session.ts";
import type { NewTurn } from "#core/turn.ts";

interface Cause {
  agent: AgentId;
  event: RoomEvent;
  text: string;
  direct: boolean;
  thread: EventId | undefined;
  /** On our clock. */
  askedAtMs: number;
  notBeforeMs: number;
}

const TURN_ID_LENGTH = 24;

export function newTurn({ agent, event, text, direct, thread, askedAtMs, notBeforeMs }: Cause): NewTurn {
  const scope = digest(sessionScope(agent, event.room_id, thread));
  const turn = digest(["turn", agent, event.event_id]);
  return {
    id: turn.slice(0, TURN_ID_LENGTH),
    session: sessionKey(agent, scope),
    agent,
    roomId: event.room_id,
    direct,
    askedAtMs,
    notBeforeMs,
    prompt: { eventId: event.event_id, sender: event.sender, text, sentAtMs: sentAtMs(event) },
    ...(thread ? { threadRoot: thread } : {}),
  };
}

const ALPHABET = "abcdefghijklmnopqrstuvwxyz234567";

/**
 * SHA-256 in the base32 alphabet, five bits a letter, one letter a byte: 32 letters, 160 bits. Not by `crypto.subtle`,
 * which asks another thread: that takes longer than all the SQL of the decision.
 */
function digest(parts: readonly string[]): string {
  const bytes = sha256(new TextEncoder().encode(JSON.stringify(parts)));
  return Array.from(bytes, (byte) => ALPHABET[byte % ALPHABET.length]).join("");
}

/** A stranger's clock; beyond what a number holds exactly libSQL's client throws at reading it. */
const sentAtMs = ({ origin_server_ts: ms = 0 }: RoomEvent): number => (Number.isSafeInteger(ms) ? ms : 0);
