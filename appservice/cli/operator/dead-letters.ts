/** `troupe dead-letters` lists what was given up; `troupe replay` queues a turn again. */
import * as z from "zod/v4";
import { askBridge } from "../api/ask.ts";
import { whereIsBridge } from "../api/where.ts";
import { plain, say } from "../terminal/terminal.ts";

const Letters = z.object({
  deadLetters: z.array(z.object({ kind: z.string(), reason: z.string(), raw: z.string(), createdAtMs: z.number() })),
});
const Replayed = z.object({ turn: z.string() });

export async function deadLetters({ url }: { url?: string }): Promise<void> {
  const { deadLetters: letters } = Letters.parse(await askBridge(whereIsBridge(url), "GET", "dead-letters"));
  if (letters.length === 0) say("There are no dead letters.");
  for (const { kind, reason, raw, createdAtMs } of letters) {
    say(`${new Date(createdAtMs).toISOString()}  ${kind.padEnd(6)}  ${plain(reason)}`);
    if (kind === "turn") say(`  npx troupe replay ${plain(raw)}`);
  }
}

export async function replay(turn: string, { url }: { url?: string }): Promise<void> {
  const path = `turns/${encodeURIComponent(turn)}/replay`;
  const { turn: again } = Replayed.parse(await askBridge(whereIsBridge(url), "POST", path));
  say(`The turn is queued again, as ${again}.`);
}
