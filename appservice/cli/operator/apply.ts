/** `troupe apply`: shows what a file changes on a running bridge, asks, and applies it. */
import type { AgentSpec } from "#core/configuration/agent.ts";
import { type ReadFile, readConfigurationFile } from "../../host/configuration/read.ts";
import { EnvironmentError } from "../../host/environment.ts";
import { askBridge, ChangedMeanwhile, Refused } from "../api/ask.ts";
import { type Where, whereIsBridge } from "../api/where.ts";
import { UsageError } from "../terminal/complain.ts";
import { Changed, changeLines, count, unresolvedLines, warningLines } from "../terminal/diff.ts";
import { confirm, isColoured, say } from "../terminal/terminal.ts";
import { inParts, sendPictures } from "./pictures.ts";

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
    const { first, later } = await inParts(where, file.value.configuration);
    const sent = { ...file.value, configuration: first };
    const { changes, revision } = await look(where, sent, later);
    const all = changes.length + later.length;
    if (all === 0 || dryRun) return;
    if (!yes) await confirmOrThrow(all);
    // With --yes nobody looks at the changes, and the bridge applies the file to whatever it has now.
    const applied = await write(where, sent, yes ? undefined : revision);
    if (applied) {
      await sendPictures(where, later);
      return report(applied, all);
    }
    say("The configuration was changed by others meanwhile. Nothing was applied; these are the changes now:");
  }
}

/** Shows what the file would change. */
async function look(where: Where, file: ReadFile, later: readonly AgentSpec[]) {
  const planned = await put(where, file, "?dry=true");
  for (const line of warningLines(planned.warnings)) say(line);
  for (const line of changeLines(planned.changes, isColoured())) say(line);
  for (const { id } of later) say(`~ agents.${id}.avatar: a new picture`);
  if (planned.changes.length + later.length === 0) say("Nothing to change: the bridge already has this configuration.");
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

function report({ unresolved }: Awaited<ReturnType<typeof put>>, changes: number): void {
  say(`Applied ${count(changes)}.`);
  for (const line of unresolvedLines(unresolved)) say(line);
}

async function confirmOrThrow(changes: number): Promise<void> {
  const isConfirmed = await confirm(`Apply ${changes === 1 ? "this change" : `these ${count(changes)}`}?`);
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
