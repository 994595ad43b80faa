/** `troupe apply`: shows what a file changes on a running bridge, asks, and applies it. */
import { type ReadFile, readConfigurationFile } from "../../host/configuration/read.ts";
import { EnvironmentError } from "../../host/environment.ts";
import { askBridge, ChangedMeanwhile, Refused } from "../api/ask.ts";
import { type Where, whereIsBridge } from "../api/where.ts";
import { UsageError } from "../terminal/complain.ts";
import { Changed, changeLines, count, unresolvedLines, warningLines } from "../terminal/diff.ts";
import { confirm, isColoured, say } from "../terminal/terminal.ts";

interface Options {
  url?: string;
  yes?: boolean;
  dryRun?: boolean;
}

export async function apply(path: string, { url, yes, dryRun }: Options): Promise<void> {
  const file = readConfigurationFile(path);
  if (!file.ok) throw new EnvironmentError(file.error);
  const where = whereIsBridge(url);
  for (;;) {
    const { changes, revision } = await look(where, file.value);
    if (changes.length === 0 || dryRun) return;
    if (!yes) await confirmOrThrow(changes.length);
    // With --yes nobody looks at the changes, and the bridge applies the file to whatever it has now.
    const applied = await write(where, file.value, yes ? undefined : revision);
    if (applied) return report(applied);
    say("The configuration was changed by others meanwhile. Nothing was applied; these are the changes now:");
  }
}

/** Shows what the file would change. */
async function look(where: Where, file: ReadFile) {
  const planned = await put(where, file, "?dry=true");
  for (const line of warningLines(planned.warnings)) say(line);
  for (const line of changeLines(planned.changes, isColoured())) say(line);
  if (planned.changes.length === 0) say("Nothing to change: the bridge already has this configuration.");
  return planned;
}

/** Applies the file; with a revision only where the configuration still has it. Undefined where it has not. */
async function write(where: Where, file: ReadFile, revision: string | undefined) {
  try {
    return await put(where, file, revision === undefined ? "" : `?revision=${encodeURIComponent(revision)}`);
  } catch (error) {
    if (error instanceof ChangedMeanwhile) return undefined;
    throw error;
  }
}

function report({ changes, unresolved }: Awaited<ReturnType<typeof put>>): void {
  say(`Applied ${count(changes)}.`);
  for (const line of unresolvedLines(unresolved)) say(line);
}

async function confirmOrThrow(changes: number): Promise<void> {
  const isConfirmed = await confirm(`Apply ${changes === 1 ? "this change" : `these ${changes} changes`}?`);
  if (isConfirmed === undefined) {
    throw new UsageError(
      "Nothing was changed. Without a terminal, confirm with --yes, or use --dry-run to see the changes only.",
    );
  }
  if (!isConfirmed) throw new EnvironmentError("Nothing was changed.");
}

/** Sends the file. Complaints of the bridge get their line in the file. */
async function put(where: Where, { configuration, locate }: ReadFile, query: string) {
  try {
    return Changed.parse(await askBridge(where, "PUT", `configuration${query}`, configuration));
  } catch (error) {
    if (!(error instanceof Refused) || error instanceof ChangedMeanwhile) throw error;
    throw new EnvironmentError(error.sentences.map((one) => (/^[\w]+\./.test(one) ? locate(one) : one)).join("\n"));
  }
}
