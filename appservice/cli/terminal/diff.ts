/** Changes of a configuration as lines: added, removed, changed. */
import { styleText } from "node:util";
import * as z from "zod/v4";
import { plain } from "./terminal.ts";

export const Changed = z.object({
  changes: z.array(z.object({ path: z.string(), before: z.unknown().optional(), after: z.unknown().optional() })),
  unresolved: z.array(z.string()).default([]),
  warnings: z.array(z.string()).default([]),
  /** The state of the configuration that the changes are from; none from an earlier version. */
  revision: z.string().optional(),
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
  if (before === undefined) return { sign: "+", colour: "green", text: shortJson(after) } as const;
  if (after === undefined) return { sign: "-", colour: "red", text: shortJson(before) } as const;
  return { sign: "~", colour: "yellow", text: `${shortJson(before)} → ${shortJson(after)}` } as const;
}

function shortJson(value: unknown): string {
  const text = plain(JSON.stringify(value) ?? "nothing");
  return text.length > VALUE_SHOWN ? `${text.slice(0, VALUE_SHOWN)}…` : text;
}

export const count = (changes: number): string => (changes === 1 ? "1 change" : `${changes} changes`);

export const warningLines = (warnings: readonly string[]): string[] => warnings.map((one) => `Warning: ${plain(one)}`);

/** Aliases that could not be resolved. The bridge will try again. */
export const unresolvedLines = (unresolved: readonly string[]): string[] =>
  unresolved.map((alias) => `${plain(alias)} could not be resolved to a room yet; the bridge tries again.`);
