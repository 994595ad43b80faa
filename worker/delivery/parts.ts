/** The parts of a reply: their marks, the key of the draft, and where a text is cut. */
import { type DeliveryKey, deliveryKey, type Mark } from "#core/message/mark.ts";
import { splitReply } from "#core/turn/parts.ts";
import type { Turn } from "#core/turn/turn.ts";
import { fitsAsEdit } from "./content.ts";

export const markOf = (turn: Turn, part: number, kind: Mark["kind"], parts?: number): Mark => ({
  agent: turn.agent,
  turn: turn.id,
  part,
  hop: turn.hop,
  kind,
  thread: turn.threadRoot,
  parts,
});

/** The parts in which a text of this turn is sent. `kind` counts, because the mark is in the bytes. */
export const partsOf = (turn: Turn, markdown: string, kind: Mark["kind"]): string[] => {
  // No reply has more parts than 9,999, so a text that fits with this mark fits with its own.
  const mark = markOf(turn, 9_999, kind, 9_999);
  return splitReply(markdown, (part) => fitsAsEdit(part, mark));
};

export const draftKeyOf = (turn: Pick<Turn, "id">): DeliveryKey => deliveryKey(turn.id, 0, "draft");
