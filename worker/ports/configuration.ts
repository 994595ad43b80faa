/** What operators wrote, and who was let in. */
import type { Agent, AgentSpec } from "#core/configuration/agent.ts";
import type { Configuration } from "#core/configuration/configuration.ts";
import type { RoomLayer, Settings } from "#core/configuration/settings.ts";
import type { AgentId, AgentKey, RoomId, UserId } from "#core/protocol/ids.ts";

/** Somebody who asks to be let in. */
export interface Pairing {
  agent: AgentId;
  userId: UserId;
  code: string;
  /** Our clock, milliseconds since the epoch. */
  atMs: number;
}

/** What operators wrote, and what holds by it. */
export interface ConfigurationLedger {
  configuration(): Promise<Configuration>;
  /** All of it at once. Who is missing among the agents is retired. */
  setConfiguration(configuration: Configuration): Promise<void>;
  /** The agents alone. */
  setAgents(agents: readonly AgentSpec[]): Promise<void>;
  putAgent(agent: AgentSpec): Promise<void>;
  /** False when there is none such. */
  removeAgent(id: AgentKey): Promise<boolean>;
  /** The layer that was written for a room or an alias. */
  roomLayer(name: string): Promise<RoomLayer>;
  setRoomLayer(name: string, layer: RoomLayer): Promise<void>;
  /** What holds for nobody in particular: the defaults, with groups spelt out. */
  defaults(): Promise<Settings>;
  /** Rooms that aliases meant when they were looked up last. */
  aliases(): Promise<{ alias: string; roomId?: RoomId; atMs: number }[]>;
  /** Of an alias that means no room any more the last one is kept: what was written for it must not vanish with it. */
  setAlias(alias: string, roomId: RoomId | undefined, nowMs: number): Promise<void>;
  /** With what holds for it in a room, or in none. A family's member is an agent as well. */
  agent(id: AgentId, roomId?: RoomId): Promise<Agent | undefined>;
  /** As they were written, families too. */
  agents(): Promise<AgentSpec[]>;
}

/** Who was let in, and who asks to be. */
export interface PeopleLedger {
  /** The code somebody has, or the new one; undefined when as many as may ask already. Codes that are an hour old are void. */
  offerPairing(pairing: Pairing): Promise<string | undefined>;
  pairings(nowMs: number): Promise<Pairing[]>;
  /** Lets in whoever was given this code, undefined when it is void; only for this agent if one is named. The same for a minute. */
  approve(code: string, nowMs: number, agent?: AgentId): Promise<Pairing | undefined>;
  allow(agent: AgentId, userId: UserId, nowMs: number): Promise<void>;
  /** Takes back what `allow`, `approve` or a code gave, or voids a code; false when there was nothing. */
  deny(agent: AgentId, userOrCode: string): Promise<boolean>;
  grants(): Promise<{ agent: AgentId; userId: UserId; atMs: number }[]>;
  /** A code that lets in the first who says it within a week, and says so to them again for a minute. */
  addInviteCode(agent: AgentId, code: string, nowMs: number): Promise<void>;
  useInviteCode(agent: AgentId, code: string, userId: UserId, nowMs: number): Promise<boolean>;
}
