/** The configuration that operators write, and the users who were let in. */
import type { Agent, AgentSpec } from "#core/configuration/agent.ts";
import type { Configuration } from "#core/configuration/configuration.ts";
import type { RoomLayer, Settings } from "#core/configuration/settings.ts";
import type { AgentId, AgentKey, RoomId, UserId } from "#core/protocol/ids.ts";

/** A user who asks to be let in to an agent. */
export interface Pairing {
  agent: AgentId;
  userId: UserId;
  code: string;
  /** Our clock, milliseconds since the epoch. */
  atMs: number;
}

export interface Grant {
  agent: AgentId;
  userId: UserId;
  atMs: number;
}

/** A part of a long list. `next` names where the next part begins; undefined at the end. */
export interface Page<Item> {
  items: Item[];
  next?: string;
}

/** Names a state of the configuration. Every write of the configuration gives it another one. */
export type Revision = string;

/** What became of a change of a room's layer. `refused`: by whoever asked for it. `unreadable`: the stored one cannot be read. */
export type LayerChange = "changed" | "refused" | "unreadable";

/**
 * The configuration as written, and the settings that result from it. A write with a revision is done only while the
 * configuration has that revision, and is false otherwise.
 */
export interface ConfigurationLedger {
  /** Its agents are without their pictures, for which a mask stands (`isStoredPicture`). Written back, it keeps them. */
  configuration(): Promise<Configuration>;
  revisedConfiguration(): Promise<{ configuration: Configuration; revision: Revision }>;
  /** Replaces the whole configuration. Agents that are not in it are retired. */
  setConfiguration(configuration: Configuration, revision?: Revision): Promise<boolean>;
  /** Replaces the agents only. Agents that are not in the list are retired. */
  setAgents(agents: readonly AgentSpec[], revision?: Revision): Promise<boolean>;
  /** Adds an agent or replaces it. */
  putAgent(agent: AgentSpec, revision?: Revision): Promise<boolean>;
  /** Retires an agent; false when there is no such agent. */
  removeAgent(id: AgentKey): Promise<boolean>;
  /** Sets an agent's home and nothing else; false when there is no such agent. */
  setHome(id: AgentKey, roomId: RoomId): Promise<boolean>;
  /** The layer of a room or an alias; empty when there is none. */
  roomLayer(name: string): Promise<RoomLayer>;
  /**
   * Replaces the layer by what `change` makes of it. `change` is called again when the layer was written meanwhile; without
   * a result of it nothing is written. One that cannot be read is never written over: nobody knows what it restricts.
   */
  changeRoomLayer(name: string, change: (layer: RoomLayer) => RoomLayer | undefined): Promise<LayerChange>;
  /** The settings of no agent in particular, with groups replaced by their members. */
  defaults(): Promise<Settings>;
  /** Aliases with the rooms they meant when they were last resolved. */
  aliases(): Promise<{ alias: string; roomId?: RoomId; atMs: number }[]>;
  /** Stores aliases that are not known yet, so that they are looked up whatever becomes of the request that names them. */
  noteAliases(aliases: readonly string[]): Promise<void>;
  /** Without a room id the last known room is kept, so that the alias's layer still applies there. */
  setAlias(alias: string, roomId: RoomId | undefined, nowMs: number): Promise<void>;
  /** An agent or a member of a family, with its settings in a room or, without a room id, in no room in particular. */
  agent(id: AgentId, roomId?: RoomId): Promise<Agent | undefined>;
  /** All agents as written, including families, without their pictures. */
  agents(): Promise<AgentSpec[]>;
  /** The same, one page: those whose ids come after this one. */
  agentsPage(after: string, limit: number): Promise<Page<AgentSpec>>;
  /** The picture of an agent; undefined where there is none. */
  picture(id: AgentKey): Promise<AgentSpec["avatar"]>;
  /** The ids of those agents that have the same picture stored. */
  unchangedPictures(agents: readonly Pick<AgentSpec, "id" | "avatar">[]): Promise<Set<string>>;
}

/** Users who were let in by name, and those who ask to be. */
export interface PeopleLedger {
  /** The user's code: an earlier one that is still valid, or this one. Undefined when too many users are waiting. */
  offerPairing(pairing: Pairing): Promise<string | undefined>;
  /** Users who wait for approval, oldest first. */
  pairings(nowMs: number): Promise<Pairing[]>;
  /** Lets in the user with this code; with an agent given, only to that one. Undefined if it is invalid. Idempotent for a minute. */
  approve(code: string, nowMs: number, agent?: AgentId): Promise<Pairing | undefined>;
  /** Lets a user in. Idempotent. */
  allow(agent: AgentId, userId: UserId, nowMs: number): Promise<void>;
  /** Undoes `allow`, `approve` or an invite code, or voids a code; false when there was none. */
  deny(agent: AgentId, userOrCode: string): Promise<boolean>;
  grants(): Promise<Grant[]>;
  /** One page of them, ordered by user and agent: `after` is the `next` of the page before, or empty. */
  grantsPage(after: string, limit: number): Promise<Page<Grant>>;
  /** A code that lets in the first user who sends it within a week. */
  addInviteCode(agent: AgentId, code: string, nowMs: number): Promise<void>;
  /** Lets the user in if the code is valid, and says whether it was. Idempotent for the same user for a minute. */
  useInviteCode(agent: AgentId, code: string, userId: UserId, nowMs: number): Promise<boolean>;
}
