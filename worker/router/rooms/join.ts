/**
 * One of us follows an invitation: it joins, the room is read once, and so is what was said before it came. The homeserver
 * pushes nothing of a room between the invitation and the join, so what the inviter wrote at once would be lost. It is
 * read back with `/messages` and takes the same way as everything else, in its place in the room.
 */

import { joinRoom } from "#core/protocol/client/rooms.ts";
import { isPassing } from "#core/protocol/errcode.ts";
import { type AgentId, type Namespace, type RoomId, splitUserId, type UserId } from "#core/protocol/ids.ts";
import type { Delivery, OutboxRow } from "#ports/delivery.ts";
import type { Ghosts } from "#ports/homeserver.ts";
import type { Clock, Log } from "#ports/host.ts";
import type { Ledger } from "#ports/ledger.ts";
import { digest } from "../digest.ts";
import { publishCommands } from "./descriptions.ts";
import { readBack } from "./gaps.ts";
import { readRoom } from "./read-room.ts";
import { Trouble } from "./trouble.ts";

export interface JoinNeeds {
  ledger: Ledger;
  ghosts: Ghosts;
  clock: Clock;
  log: Log;
  delivery: Delivery;
  namespace: Namespace;
}

/** Among more people nobody is introduced unasked. */
const INTRODUCED_TO_MAX = 20;

export interface Joined {
  /** The verdict for the row of whatever brought it here. */
  reason: "join" | "join_failed" | "unknown_agent";
  notices: OutboxRow[];
}

/** The intent of an agent, or of the bot where none is named; undefined where there is no such agent. */
export async function intentOf({ ledger, ghosts }: JoinNeeds, agentId: AgentId | undefined) {
  if (agentId === undefined) return ghosts.bot();
  const agent = await ledger.agent(agentId);
  return agent && ghosts.intent(agent);
}

/** `via`: servers that know the room. Throws when it is worth another try: the lane comes back to it. */
export async function join(
  needs: JoinNeeds,
  roomId: RoomId,
  agentId: AgentId | undefined,
  via: readonly string[] = [],
): Promise<Joined> {
  const { log } = needs;
  const intent = await intentOf(needs, agentId);
  if (!intent) return { reason: "unknown_agent", notices: [] };
  const joined = intent.ok ? await intent.value.send(joinRoom(roomId, via)) : intent;
  if (!intent.ok || !joined.ok) {
    const error = joined.ok ? undefined : joined.error;
    log("join_failed", { agent: agentId, room: roomId, status: error?.status, errcode: error?.errcode });
    if (error && isPassing(error)) throw new Trouble(`${agentId} could not join yet`, error);
    return { reason: "join_failed", notices: [] };
  }
  log("joined", { agent: agentId, room: roomId });
  const isFirst = (await needs.ledger.ghostsIn(roomId, "", 1)).length === 0;
  const { state, people } = await readRoom(needs, intent.value, roomId);
  await readBack(needs, intent.value, roomId);
  // One of us says for all what can be said.
  if (isFirst) await publishCommands(intent.value, roomId, state);
  return { reason: "join", notices: await introduction(needs, roomId, agentId, people) };
}

/**
 * The same where somebody waits for it: a room that cannot be reached now is not tried again, and keeps nobody waiting.
 * Whoever sends an agent there knows a server that is in the room; its id names none from version 12 on.
 */
export function joinAtOnce(
  needs: JoinNeeds,
  roomId: RoomId,
  agentId: AgentId | undefined,
  by: UserId,
): Promise<Joined> {
  const via = new Set([splitUserId(by)[1], needs.namespace.serverName]);
  return join(needs, roomId, agentId, [...via]).catch((error: unknown) => {
    if (error instanceof Trouble && !error.isOurs) return { reason: "join_failed", notices: [] };
    throw error;
  });
}

async function introduction(
  { ledger, delivery }: JoinNeeds,
  roomId: RoomId,
  agentId: AgentId | undefined,
  people: number,
): Promise<OutboxRow[]> {
  const agent = agentId && (await ledger.agent(agentId, roomId));
  if (!agent || agent.settings.introduction === "" || people > INTRODUCED_TO_MAX) return [];
  const cause = `intro-${digest([agent.id, roomId]).slice(0, 20)}`;
  return [delivery.notice({ agent: agent.id, roomId, cause }, agent.settings.introduction)];
}
