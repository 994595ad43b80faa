/** Messages and settings in a few words, and whether two messages are in one session. */
import { AgentId, EventId, RoomId, UserId } from "#core/protocol/ids.ts";
import { epochScope, sessionScope, type Where } from "#core/turn/session.ts";

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

export const where = (said: Said, set: SessionSettings): Where => ({
  agent: AgentId.parse(said.agent ?? "echo"),
  origin: RoomId.parse(said.room ?? "!room"),
  sender: UserId.parse(said.sender ?? "@alice:hs.test"),
  eventId: EventId.parse(said.event ?? "$event"),
  thread: said.thread === undefined ? undefined : EventId.parse(said.thread),
  direct: said.direct ?? false,
  opened: said.opened ?? false,
  settings: { scope: "thread", dmScope: "thread", threads: "inbound", dmThreads: "inbound", ...set },
});
export const scopeOf = (said: Said, set: SessionSettings): string =>
  JSON.stringify(epochScope(sessionScope(where(said, set)), said.epoch ?? 0));
/** `one`: both messages are in the same session. */
export const relation = (one: Said, other: Said, set: SessionSettings): "one" | "two" =>
  scopeOf(one, set) === scopeOf(other, set) ? "one" : "two";

export const BOB = "@bob:hs.test";

export const SCOPES: Scope[] = ["room", "thread", "user", "thread+user"];
