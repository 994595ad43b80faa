/** Messages and settings in a few words, and whether two messages are in one session. */
import { AgentId, EventId, RoomId, UserId } from "#core/protocol/ids.ts";
import { answerThread, type Conversation, epochScope, sessionScope } from "#core/turn/session.ts";

export type Mode = "off" | "inbound" | "always";
export type Scope = "room" | "thread" | "user" | "thread+user";
export interface Said {
  agent?: string;
  room?: string;
  sender?: string;
  event?: string;
  thread?: string;
  direct?: boolean;
  opened?: boolean;
  epoch?: number;
}
export interface SessionSettings {
  scope?: Scope;
  dmScope?: Scope;
  threads?: Mode;
  dmThreads?: Mode;
}

const settingsOf = (set: SessionSettings) => ({
  scope: "thread" as const,
  dmScope: "thread" as const,
  threads: "inbound" as const,
  dmThreads: "inbound" as const,
  ...set,
});

/** The thread that the answer goes to. */
export function threadFor({ event = "$event", thread, direct = false }: Said, set: SessionSettings) {
  const eventId = EventId.parse(event);
  const place = thread === undefined ? { eventId } : { eventId, thread: EventId.parse(thread) };
  return answerThread(place, direct, settingsOf(set));
}

export const conversation = (said: Said, set: SessionSettings): Conversation => ({
  agent: { id: AgentId.parse(said.agent ?? "echo"), settings: settingsOf(set) },
  origin: RoomId.parse(said.room ?? "!room"),
  sender: UserId.parse(said.sender ?? "@alice:hs.test"),
  direct: said.direct ?? false,
  opened: said.opened ?? false,
  answersIn: threadFor(said, set),
});
export const scopeOf = (said: Said, set: SessionSettings): string =>
  JSON.stringify(epochScope(sessionScope(conversation(said, set)), said.epoch ?? 0));
/** `one`: both messages are in the same session. */
export const relation = (one: Said, other: Said, set: SessionSettings): "one" | "two" =>
  scopeOf(one, set) === scopeOf(other, set) ? "one" : "two";

export const BOB = "@bob:hs.test";

export const SCOPES: Scope[] = ["room", "thread", "user", "thread+user"];
