/** `troupe dead-letters` and `troupe replay`: what was given up, and another try. */
import * as z from "zod/v4";
import { askBridge } from "./operator.ts";

const Letters = z.object({
  deadLetters: z.array(z.object({ kind: z.string(), reason: z.string(), raw: z.string(), createdAtMs: z.number() })),
});
const Replayed = z.object({ turn: z.string() });

export async function deadLetters(url: string): Promise<void> {
  const { deadLetters: letters } = Letters.parse(await askBridge(url, "GET", "dead-letters"));
  if (letters.length === 0) process.stdout.write("There are no dead letters.\n");
  for (const { kind, reason, raw, createdAtMs } of letters) {
    process.stdout.write(`${new Date(createdAtMs).toISOString()}  ${kind.padEnd(6)}  ${reason}\n`);
    if (kind === "turn") process.stdout.write(`  npx troupe replay ${raw}\n`);
  }
}

export async function replay(turn: string, url: string): Promise<void> {
  const { turn: again } = Replayed.parse(await askBridge(url, "POST", `turns/${encodeURIComponent(turn)}/replay`));
  process.stdout.write(`It is in line again, as ${again}.\n`);
}
