/** The file that describes a running playground. A module of its own, so that commands need not load the playground. */
import { existsSync, readFileSync } from "node:fs";

/** Relative to the working directory. */
export const PLAYGROUND_FILE = "data/playground.json";

/** The description of the playground that runs in the working directory; undefined when none does. */
export function readPlayground(): unknown {
  return existsSync(PLAYGROUND_FILE) ? JSON.parse(readFileSync(PLAYGROUND_FILE, "utf8")) : undefined;
}
