/** Where a running playground is written down. Apart from all that runs it, so that a command starts at once. */
import { existsSync, readFileSync } from "node:fs";

/** Relative to the working directory, as the commands look for it. */
export const PLAYGROUND_FILE = "data/playground.json";

/** Whether a playground runs in the working directory, and how to reach it. */
export function readPlayground(): unknown {
  return existsSync(PLAYGROUND_FILE) ? JSON.parse(readFileSync(PLAYGROUND_FILE, "utf8")) : undefined;
}
