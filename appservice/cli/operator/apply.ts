/** `troupe apply`: shows what a file changes on a running bridge, asks, and applies it. */
import { type ReadFile, readConfigurationFile } from "../../host/configuration/read.ts";
import { EnvironmentError } from "../../host/environment.ts";
import { askBridge, Refused } from "../api/ask.ts";
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
  const { changes, warnings } = await put(where, file.value, "?dry=true");
  for (const line of warningLines(warnings)) say(line);
  if (changes.length === 0) {
    say("Nothing to change: the bridge already has this configuration.");
    return;
  }
  for (const line of changeLines(changes, isColoured())) say(line);
  if (dryRun) return;
  const isConfirmed =
    yes || (await confirm(`Apply ${changes.length === 1 ? "this change" : `these ${count(changes)}`}?`));
  if (isConfirmed === undefined) {
    throw new UsageError(
      "Nothing was changed. Without a terminal, confirm with --yes, or use --dry-run to see the changes only.",
    );
  }
  if (!isConfirmed) throw new EnvironmentError("Nothing was changed.");
  const applied = await put(where, file.value, "");
  say(`Applied ${count(applied.changes)}.`);
  for (const line of unresolvedLines(applied.unresolved)) say(line);
}

/** Sends the file. Complaints of the bridge get their line in the file. */
async function put(where: Where, { configuration, locate }: ReadFile, query: string) {
  try {
    return Changed.parse(await askBridge(where, "PUT", `configuration${query}`, configuration));
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    throw new EnvironmentError(error.sentences.map((one) => (/^[\w]+\./.test(one) ? locate(one) : one)).join("\n"));
  }
}
