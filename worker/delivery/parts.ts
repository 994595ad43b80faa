/** The parts of a reply: their keys, their marks, and where a text is cut. */
import type { ContentMark } from "#core/message/mark.ts";
import { deliveryKey } from "#core/message/mark.ts";
import { splitReply } from "#core/turn/parts.ts";
import type { Turn } from "#core/turn/turn.ts";
import { fitsAsEdit } from "./content.ts";

export const markOf = (turn: Turn, part: number, kind: ContentMark["kind"], parts?: number): ContentMark => ({
  agent: turn.agent,
  turn: turn.id,
  part,
  hop: turn.hop,
  kind,
  ...(turn.threadRoot ? { thread: turn.threadRoot } : {}),
  ...(parts === undefined ? {} : { parts }),
});

/** The parts a text of this turn is sent in. `kind` counts: its mark is in the bytes. */
export const partsOf = (turn: Turn, markdown: string, kind: ContentMark["kind"]): string[] => {
  // 9,999 parts are more than any reply has; measured so, the real number fits.
  const mark = markOf(turn, 9_999, kind, 9_999);
  return splitReply(markdown, (part) => fitsAsEdit(part, mark));
};

export const draftKeyOf = (turn: Turn): string => deliveryKey(turn.id, 0, "draft");
