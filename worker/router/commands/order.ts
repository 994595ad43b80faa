/** A command on its way: where it was said, and its result. */
import { type Concerned, conversationWith } from "#core/gate/facts.ts";
import type { EventId } from "#core/protocol/ids.ts";
import type { OutboxRow } from "#ports/delivery.ts";
import type { Settled } from "#ports/rooms.ts";
import { type Session, sessionOf } from "../new-turn.ts";
import type { Occasion } from "../occasion.ts";
import type { ActNeeds } from "../wake.ts";

export interface Order {
  needs: ActNeeds;
  occasion: Occasion;
  args: string;
  /** The agents it is for; the first of them is the one that permitted it. */
  concerned: readonly Concerned[];
  isAdmin: boolean;
  thread: EventId | undefined;
}

/** The sender's conversation with an agent here. */
export function conversationOf({ needs, occasion: { message, facts } }: Order, concerned: Concerned): Promise<Session> {
  return sessionOf(needs.ledger, conversationWith(concerned, message, facts));
}

export const namesOf = (concerned: readonly Concerned[]): string[] => concerned.map(({ agent }) => agent.name);

/** The result of a command: an answer in Markdown, and controls for running turns. */
export interface Obeyed {
  say?: string;
  controls?: Settled["controls"];
  /** Messages in other rooms. */
  notices?: readonly OutboxRow[];
}
