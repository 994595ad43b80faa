/** What a terminal is for: colours, questions, columns. Without one everything is plain text. */
import { createInterface } from "node:readline/promises";

export const isColoured = (): boolean => process.stdout.isTTY === true && !process.env["NO_COLOR"];

export const say = (line: string): void => void process.stdout.write(`${line}\n`);

/** Undefined where nobody can be asked. */
export async function confirm(question: string): Promise<boolean | undefined> {
  if (!process.stdin.isTTY || !process.stdout.isTTY) return undefined;
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  // Ctrl-D and Ctrl-C are answers too.
  const closed = new Promise<string>((resolve) => terminal.once("close", () => resolve("")));
  terminal.on("SIGINT", () => terminal.close());
  const answer = await Promise.race([terminal.question(`${question} [y/N] `).catch(() => ""), closed]);
  terminal.close();
  return /^y(es)?$/i.test(answer.trim());
}

/** Whoever wrote it, it moves no cursor and hides nothing. */
export const plain = (text: string): string => text.replace(/[\p{Cc}\p{Cf}]/gu, "\u{fffd}");

/** Rows in columns, two spaces between them. */
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
