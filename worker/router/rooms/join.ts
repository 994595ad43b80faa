/**
 * One of our users accepts an invitation: it joins, reads the room once, and reads back the messages before the join. The
 * homeserver pushes nothing of a room between the invitation and the join, so the inviter's first messages would be lost.
 */

import { BOUNDS } from "#core/bounds.ts";
import { cutEntry, type Grounds, grounds } from "#core/gate/evidence.ts";
import type { IgnoreReason } from "#core/gate/reasons.ts";
import { joinRoom, leaveRoom } from "#core/protocol/client/rooms.ts";
import { type HomeserverError, isPassing } from "#core/protocol/errcode.ts";
import { BOT, type Namespace, type RoomId, type Speaker, splitUserId, type UserId } from "#core/protocol/ids.ts";
import type { Delivery, OutboxRow } from "#ports/delivery.ts";
import type { Ghosts, Intent, Standing } from "#ports/homeserver.ts";
import type { Clock, Log } from "#ports/host.ts";
import type { Ledger } from "#ports/ledger.ts";
import type { InvitationLimits } from "#ports/rooms.ts";
import { causeOf } from "../digest.ts";
import { publishCommands } from "./descriptions.ts";
import { readBack } from "./gaps.ts";
import { readMembers, readRoom } from "./read-room.ts";
import { isForAll, Trouble } from "./trouble.ts";

export interface JoinNeeds {
  ledger: Ledger;
  ghosts: Ghosts;
  standing: Standing;
  clock: Clock;
  log: Log;
  delivery: Delivery;
  namespace: Namespace;
  /** How many invitations are accepted, and accounts made for them. */
  invitations: InvitationLimits;
}

export interface Joined extends Grounds<"join" | "join_failed" | IgnoreReason> {
  notices: OutboxRow[];
}

/**
 * Looks at a room that was just joined, before anything of it is stored; the grounds to leave it again at once. Those who come
 * later than these members are judged by the event of their join.
 */
export type Judge = (intent: Intent, members: readonly string[]) => Promise<Grounds<IgnoreReason> | undefined>;

interface JoinOptions {
  /** Servers that are in the room. */
  via?: readonly string[];
  judge?: Judge;
}

/** The intent of a speaker; undefined where there is no such agent. */
export async function intentOf({ ledger, ghosts }: JoinNeeds, speaker: Speaker) {
  if (speaker === BOT) return ghosts.bot();
  const agent = await ledger.agent(speaker);
  return agent && ghosts.intent(agent);
}

const joinFailed = (error: HomeserverError | undefined): Grounds<"join_failed"> =>
  grounds("join_failed", error && { status: error.status, errcode: cutEntry(error.errcode) });

/**
 * Joins, reads the room and its missing events, and introduces the agent. Throws `Trouble` when another try may succeed.
 */
export async function join(
  needs: JoinNeeds,
  roomId: RoomId,
  speaker: Speaker,
  { via = [], judge }: JoinOptions = {},
): Promise<Joined> {
  const { log } = needs;
  const intent = await intentOf(needs, speaker);
  if (!intent) return { reason: "unknown_agent", notices: [] };
  const joined = intent.ok ? await intent.value.send(joinRoom(roomId, via)) : intent;
  if (!intent.ok || !joined.ok) {
    const error = joined.ok ? undefined : joined.error;
    log("join_failed", { agent: speaker, room: roomId, status: error?.status, errcode: error?.errcode });
    if (error && isPassing(error)) throw new Trouble(`${speaker} could not join yet`, error);
    return { ...joinFailed(error), notices: [] };
  }
  const members = await readMembers(needs, intent.value, roomId);
  const refused = await judge?.(intent.value, members.ids);
  if (refused) {
    const left = await intent.value.send(leaveRoom(roomId));
    if (!left.ok && isPassing(left.error)) throw new Trouble(`${speaker} could not leave yet`, left.error);
    return { ...refused, notices: [] };
  }
  log("joined", { agent: speaker, room: roomId });
  const isFirst = (await needs.ledger.ghostsIn(roomId, "", 1)).length === 0;
  const { state, people } = await readRoom(needs, intent.value, roomId, members);
  await readBack(needs, intent.value, roomId);
  // The descriptions are the same for all our users, so the first one publishes them.
  if (isFirst) await publishCommands(intent.value, roomId, state);
  return { reason: "join", notices: await introduction(needs, roomId, speaker, people) };
}

/**
 * Joins without a retry: a room that cannot be reached now must not keep the lane waiting. `by` is the user who sends the
 * agent there. Their server is in the room; the room's id names no server from room version 12 on.
 */
export function joinAtOnce(
  needs: JoinNeeds,
  roomId: RoomId,
  speaker: Speaker,
  by: UserId,
  judge?: Judge,
): Promise<Joined> {
  const via = new Set([splitUserId(by)[1], needs.namespace.serverName]);
  const tried = join(needs, roomId, speaker, { via: [...via], ...(judge ? { judge } : {}) });
  return tried.catch(async (error: unknown) => {
    if (!(error instanceof Trouble) || (await isForAll(error.error, needs.standing))) throw error;
    return { ...joinFailed(error.error), notices: [] };
  });
}

async function introduction(
  { ledger, delivery }: JoinNeeds,
  roomId: RoomId,
  speaker: Speaker,
  people: number,
): Promise<OutboxRow[]> {
  const agent = speaker === BOT ? undefined : await ledger.agent(speaker, roomId);
  if (!agent || agent.settings.introduction === "" || people > BOUNDS.introducedTo.max) return [];
  const cause = causeOf("intro", [agent.id, roomId]);
  return [delivery.notice({ agent: agent.id, roomId, cause }, agent.settings.introduction)];
}
