/** Output and questions for a terminal. Without a terminal the output is plain text. */
import { createInterface } from "node:readline/promises";

export const isColoured = (): boolean => process.stdout.isTTY === true && !process.env["NO_COLOR"];

export const say = (line: string): void => void process.stdout.write(`${line}\n`);

/** Asks for a yes; undefined when there is no terminal to ask at. */
export async function confirm(question: string): Promise<boolean | undefined> {
  if (!process.stdin.isTTY || !process.stdout.isTTY) return undefined;
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  // Ctrl-D and Ctrl-C count as no.
  const closed = new Promise<string>((resolve) => terminal.once("close", () => resolve("")));
  terminal.on("SIGINT", () => terminal.close());
  const answer = await Promise.race([terminal.question(`${question} [y/N] `).catch(() => ""), closed]);
  terminal.close();
  return /^y(es)?$/i.test(answer.trim());
}

/** A text from others, made safe to print: without control and format characters, which could move the cursor. */
export const plain = (text: string): string => text.replace(/[\p{Cc}\p{Cf}]/gu, "\u{fffd}");

/** The same for a text of several lines. */
export const plainLines = (text: string): string => text.replaceAll("\r", "").replace(/[^\P{Cc}\n\t]/gu, "\u{fffd}");

/** Aligns rows in columns with two spaces between them. */
export function columns(rows: readonly (readonly string[])[]): string[] {
  const clean = rows.map((row) => row.map(plain));
  const widths = clean.reduce<number[]>((all, row) => {
    row.forEach((cell, at) => {
      all[at] = Math.max(all[at] ?? 0, cell.length);
    });
    return all;
  }, []);
  return clean.map((row) =>
    row
      .map((cell, at) => cell.padEnd(widths[at] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}
