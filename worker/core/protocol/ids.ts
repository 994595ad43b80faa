/**
 * Identifiers of the specification, lenient for what we receive.
 *
 * A room id is opaque: from room version 12 on it has no server part. A user id splits at its *first* colon only,
 * because the server name may carry a port.
 *
 * @see https://spec.matrix.org/v1.19/appendices/#common-identifier-format
 */

import * as z from "zod/v4";
import { BOUNDS } from "../bounds.ts";

/** Ids with NUL or half a surrogate pair are refused: databases change them, and two ids could become the same. */
const fits = (id: string) =>
  id.isWellFormed() && !id.includes("\0") && new TextEncoder().encode(id).length <= BOUNDS.id.max;

export const UserId = z
  .string()
  .regex(/^@[^:]*:.+$/)
  .refine(fits)
  .brand<"UserId">();
export type UserId = z.infer<typeof UserId>;

/** Room ids have no server name from room version 12 on, so none is required. */
export const RoomId = z.string().regex(/^!./).refine(fits).brand<"RoomId">();
export type RoomId = z.infer<typeof RoomId>;

export const EventId = z.string().regex(/^\$./).refine(fits).brand<"EventId">();
export type EventId = z.infer<typeof EventId>;

/** The operator's name for an agent: the part of its ghost's localpart after the prefix. */
export const AgentId = z
  .string()
  .regex(/^[a-z0-9_.=-]+$/, "an agent's id is made of a-z, 0-9, _, ., = and -")
  .max(BOUNDS.agentId.max)
  .brand<"AgentId">();
export type AgentId = z.infer<typeof AgentId>;

/** The key of an agent in the configuration: an id, or a pattern with one `*` for all agents whose ids match. */
export const AgentKey = z
  .string()
  .regex(/^[a-z0-9_.=-]*\*?[a-z0-9_.=-]*$/, "an agent's id is made of a-z, 0-9, _, ., = and -, with one * at most")
  .min(1)
  .max(BOUNDS.agentId.max)
  .brand<"AgentKey">();
export type AgentKey = z.infer<typeof AgentKey>;

/** Stands for the bot where an agent's id is expected. An agent's id cannot contain an `@`, so no agent can have this id. */
export const BOT = "@bot";
/** The speaker of a message of ours: an agent, or the bot. */
export type Speaker = AgentId | typeof BOT;

/** `@alice:example.org:8448` → `["alice", "example.org:8448"]`. */
export function splitUserId(userId: UserId): [localpart: string, serverName: string] {
  const colon = userId.indexOf(":");
  return [userId.slice(1, colon), userId.slice(colon + 1)];
}

/** Our users on the homeserver: the bot and the ghosts. */
export interface Namespace {
  serverName: string;
  ghostPrefix: string;
  botLocalpart: string;
}

/** The ghost of an agent. Ids are put together only here and in `botUserId`. */
export const ghostUserId = (namespace: Namespace, agent: AgentId): UserId =>
  UserId.parse(`@${namespace.ghostPrefix}${agent}:${namespace.serverName}`);

export const botUserId = (namespace: Namespace): UserId =>
  UserId.parse(`@${namespace.botLocalpart}:${namespace.serverName}`);

/** The user id of an agent or of the bot. */
export const userIdOf = (namespace: Namespace, speaker: Speaker): UserId =>
  speaker === BOT ? botUserId(namespace) : ghostUserId(namespace, speaker);

/** The agent whose ghost has this id, by prefix *and* server name. The ledger knows whether the agent exists. */
export function agentOfGhost(namespace: Namespace, userId: UserId): AgentId | undefined {
  const [localpart, serverName] = splitUserId(userId);
  if (serverName !== namespace.serverName || !localpart.startsWith(namespace.ghostPrefix)) return undefined;
  const id = AgentId.safeParse(localpart.slice(namespace.ghostPrefix.length));
  return id.success ? id.data : undefined;
}

/** True for every user of our own homeserver. */
export const isLocal = ({ serverName }: Namespace, userId: UserId): boolean => splitUserId(userId)[1] === serverName;

/** The server of a user of others; undefined for those of our own. */
export const remoteServerOf = (namespace: Namespace, userId: UserId): string | undefined =>
  isLocal(namespace, userId) ? undefined : splitUserId(userId)[1];

/**
 * True for the bot and for every user whose id an agent's ghost can have, whether or not there is such an agent. Others
 * whose names merely begin with the prefix are people: our namespace does not keep them from registering.
 */
export const isOurs = (namespace: Namespace, userId: UserId): boolean =>
  isBot(namespace, userId) || agentOfGhost(namespace, userId) !== undefined;

function isBot({ serverName, botLocalpart }: Namespace, userId: UserId): boolean {
  const [localpart, server] = splitUserId(userId);
  return server === serverName && localpart === botLocalpart;
}
