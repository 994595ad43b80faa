/** The parts of a reply: their marks, the key of the draft, and where a text is cut. */
import { type DeliveryKey, deliveryKey, type Mark } from "#core/message/mark.ts";
import { splitReply } from "#core/turn/parts.ts";
import type { Turn } from "#core/turn/turn.ts";
import { reachOf } from "./weight.ts";

export const markOf = (turn: Turn, part: number, kind: Mark["kind"], parts?: number): Mark => ({
  agent: turn.agent,
  turn: turn.id,
  part,
  hop: turn.hop,
  kind,
  thread: turn.threadRoot,
  parts,
});

/** The parts in which a text is sent, each cut when it is asked for. */
export const partsOf = (markdown: string): Generator<string, void, undefined> => splitReply(markdown, reachOf);

/** The first of them. */
export const firstPart = (markdown: string): string => partsOf(markdown).next().value ?? markdown;

export const draftKeyOf = (turn: Pick<Turn, "id">): DeliveryKey => deliveryKey(turn.id, 0, "draft");
