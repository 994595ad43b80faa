/** A command that is being obeyed: who gave it where, and its result. */
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
  /** The text after the command's word. */
  args: string;
  /** The agents it is for: those that permit it to the sender. */
  concerned: readonly Concerned[];
  /** The sender may do what `admins` may. */
  isAdmin: boolean;
  thread: EventId | undefined;
}

/** The sender's conversation with an agent here. */
export function conversationOf({ needs, occasion: { message, facts } }: Order, concerned: Concerned): Promise<Session> {
  return sessionOf(needs.ledger, conversationWith(concerned, message, facts));
}

export const namesOf = (concerned: readonly Concerned[]): string[] => concerned.map(({ agent }) => agent.name);

/** The result of a command. `say` is its answer, in Markdown. */
export interface Obeyed {
  say?: string;
  controls?: Settled["controls"];
  /** Further messages, also in other rooms. */
  notices?: readonly OutboxRow[];
}
