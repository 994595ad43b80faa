/** A command on its way: what is known of where it was said, and what it brings. */
import type { Agent } from "#core/configuration/agent.ts";
import { type Concerned, isDirect, isOpened } from "#core/gate/facts.ts";
import type { EventId } from "#core/protocol/ids.ts";
import type { SessionKey } from "#core/turn/turn.ts";
import type { OutboxRow } from "#ports/delivery.ts";
import type { Decision, RoomLook } from "#ports/rooms.ts";
import { sessionOf } from "../new-turn.ts";
import type { JoinNeeds } from "../rooms/join.ts";
import type { Asked, WakeNeeds } from "../wake.ts";

export type CommandNeeds = JoinNeeds & WakeNeeds;

/** A command with all that is known of where it was said. */
export interface Order {
  needs: CommandNeeds;
  asked: Asked;
  room: RoomLook;
  args: string;
  /** Whom it concerns; the first of them is the one that permitted it. */
  concerned: readonly Concerned[];
  /** The same, as agents. */
  agents: readonly Agent[];
  isAdmin: boolean;
  thread: EventId | undefined;
}

/** The conversation somebody who says a command has with an agent here. */
export function conversationOf(
  { needs, asked, room }: Order,
  concerned: Concerned,
): Promise<{ session: SessionKey; base: SessionKey }> {
  const { event } = asked.waiting;
  return sessionOf(needs.ledger, {
    ...{ agent: concerned.agent, event, origin: room.origin },
    ...{ direct: isDirect(concerned, asked.facts.room), opened: isOpened(concerned, asked.facts.room) },
  });
}

/** What a command brings: something to say, in Markdown, and perhaps something to tell what runs. */
export interface Obeyed {
  say?: string;
  controls?: Decision["controls"];
  /** What is said elsewhere. */
  notices?: readonly OutboxRow[];
}
