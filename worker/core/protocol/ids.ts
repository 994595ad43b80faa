/**
 * Identifiers of the specification, lenient for what we receive.
 *
 * A room id is opaque: from room version 12 on it has no server part. A user id splits at its *first* colon only,
 * because the server name may carry a port.
 *
 * @see https://spec.matrix.org/v1.19/appendices/#common-identifier-format
 */
import * as z from "zod/v4";

/** @see https://spec.matrix.org/v1.19/appendices/#size-limits */
const ID_BYTES_MAX = 255;
/** Half a surrogate pair and NUL are in no id, and no ledger gives them back: two ids would become one, or a longer one. */
const fits = (id: string) =>
  id.isWellFormed() && !id.includes("\0") && new TextEncoder().encode(id).length <= ID_BYTES_MAX;

export const UserId = z
  .string()
  .regex(/^@[^:]*:.+$/)
  .refine(fits)
  .brand<"UserId">();
export type UserId = z.infer<typeof UserId>;

/** From room version 12 on a room id carries no server name, so none is demanded here. */
export const RoomId = z.string().regex(/^!./).refine(fits).brand<"RoomId">();
export type RoomId = z.infer<typeof RoomId>;

export const EventId = z.string().regex(/^\$./).refine(fits).brand<"EventId">();
export type EventId = z.infer<typeof EventId>;

/** The operator's name for an agent: the part of its ghost's localpart after the prefix. */
export const AgentId = z
  .string()
  .regex(/^[a-z0-9_.=-]+$/, "an agent's id is made of a-z, 0-9, _, ., = and -")
  .max(128)
  .brand<"AgentId">();
export type AgentId = z.infer<typeof AgentId>;

/**
 * The bot, where an agent's id could stand as well. No agent's id has an `@`, so an agent named `bot` is not taken for it.
 */
export const BOT = "@bot";
/** A speaker of ours: an agent, or the bot. */
export type Speaker = AgentId | typeof BOT;

/** How an agent is written down: an id, or one with a `*` in it for every agent whose id is like it. */
export const AgentKey = z
  .string()
  .regex(/^[a-z0-9_.=-]*\*?[a-z0-9_.=-]*$/, "an agent's id is made of a-z, 0-9, _, ., = and -, with one * at most")
  .min(1)
  .max(128)
  .brand<"AgentKey">();
export type AgentKey = z.infer<typeof AgentKey>;

/** `@alice:example.org:8448` → `["alice", "example.org:8448"]`. */
export function splitUserId(userId: UserId): [localpart: string, serverName: string] {
  const colon = userId.indexOf(":");
  return [userId.slice(1, colon), userId.slice(colon + 1)];
}

/** Who is ours on the homeserver: the bot and the ghosts. Made once from the configuration. */
export interface Namespace {
  serverName: string;
  ghostPrefix: string;
  botLocalpart: string;
}

/** The ghost of an agent. Its parts were checked when they were read, so this is the one place an id is put together. */
export const ghostUserId = (namespace: Namespace, agent: AgentId): UserId =>
  UserId.parse(`@${namespace.ghostPrefix}${agent}:${namespace.serverName}`);

export const botUserId = (namespace: Namespace): UserId =>
  UserId.parse(`@${namespace.botLocalpart}:${namespace.serverName}`);

/** The agent whose ghost this would be, by prefix *and* domain; whether there is such an agent the ledger knows. */
export function agentOfGhost(namespace: Namespace, userId: UserId): AgentId | undefined {
  const [localpart, serverName] = splitUserId(userId);
  if (serverName !== namespace.serverName || !localpart.startsWith(namespace.ghostPrefix)) return undefined;
  const id = AgentId.safeParse(localpart.slice(namespace.ghostPrefix.length));
  return id.success ? id.data : undefined;
}

/** Whether somebody is a user of our own homeserver. */
export const isLocal = ({ serverName }: Namespace, userId: UserId): boolean => splitUserId(userId)[1] === serverName;

/** True for the bot and for every user of our namespace, whether or not an agent of that name exists. */
export function isOurs(namespace: Namespace, userId: UserId): boolean {
  const [localpart, serverName] = splitUserId(userId);
  if (serverName !== namespace.serverName) return false;
  return localpart === namespace.botLocalpart || localpart.startsWith(namespace.ghostPrefix);
}
