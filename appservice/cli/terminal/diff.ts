/** A change of configuration as lines: what comes, what goes, what becomes something else. */
import { styleText } from "node:util";
import * as z from "zod/v4";
import { plain } from "./terminal.ts";

export const Changed = z.object({
  changes: z.array(z.object({ path: z.string(), before: z.unknown().optional(), after: z.unknown().optional() })),
  unresolved: z.array(z.string()).default([]),
});
type Change = z.infer<typeof Changed>["changes"][number];

const VALUE_SHOWN = 120;

export const changeLines = (changes: readonly Change[], coloured: boolean): string[] =>
  changes.map((change) => {
    const { sign, colour, text } = lineOf(change);
    const line = `${sign} ${plain(change.path)}: ${text}`;
    return coloured ? styleText(colour, line, { validateStream: false }) : line;
  });

function lineOf({ before, after }: Change) {
  if (before === undefined) return { sign: "+", colour: "green", text: written(after) } as const;
  if (after === undefined) return { sign: "-", colour: "red", text: written(before) } as const;
  return { sign: "~", colour: "yellow", text: `${written(before)} → ${written(after)}` } as const;
}

function written(value: unknown): string {
  const text = plain(JSON.stringify(value) ?? "nothing");
  return text.length > VALUE_SHOWN ? `${text.slice(0, VALUE_SHOWN)}…` : text;
}

export const count = (changes: readonly Change[]): string =>
  changes.length === 1 ? "1 change" : `${changes.length} changes`;

/** What could not be looked up; it will be tried again. */
export const unresolvedLines = (unresolved: readonly string[]): string[] =>
  unresolved.map((alias) => `${plain(alias)} means no room, as far as the homeserver says.`);
