/** `troupe dead-letters` lists what was given up; `troupe replay` queues a turn again. */
import * as z from "zod/v4";
import { askBridge, pagesOf } from "../api/ask.ts";
import { whereIsBridge } from "../api/where.ts";
import { plain, say } from "../terminal/terminal.ts";

const Letters = z.object({
  deadLetters: z.array(z.object({ kind: z.string(), reason: z.string(), raw: z.string(), createdAtMs: z.number() })),
});
const Replayed = z.object({ turn: z.string() });

export async function deadLetters({ url }: { url?: string }): Promise<void> {
  let isEmpty = true;
  for await (const page of pagesOf(whereIsBridge(url), "dead-letters")) {
    for (const { kind, reason, raw, createdAtMs } of Letters.parse(page).deadLetters) {
      isEmpty = false;
      say(`${new Date(createdAtMs).toISOString()}  ${kind.padEnd(6)}  ${plain(reason)}`);
      if (kind === "turn") say(`  npx troupe replay ${plain(raw)}`);
    }
  }
  if (isEmpty) say("There are no dead letters.");
}

export async function replay(turn: string, { url }: { url?: string }): Promise<void> {
  const path = `turns/${encodeURIComponent(turn)}/replay`;
  const { turn: again } = Replayed.parse(await askBridge(whereIsBridge(url), "POST", path));
  say(`The turn is queued again, as ${again}.`);
}
