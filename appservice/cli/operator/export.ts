/** `troupe export`: the configuration of a bridge as a file. Applying it again changes nothing, not even masked secrets. */
import { writeFileSync } from "node:fs";
import { dirname, relative, resolve } from "node:path";
import { stringify } from "yaml";
import type { AgentSpec } from "#core/configuration/agent.ts";
import { Configuration } from "#core/configuration/configuration.ts";
import { toFile } from "../../host/configuration/form.ts";
import { EnvironmentError } from "../../host/environment.ts";
import { askBridge } from "../api/ask.ts";
import { type Where, whereIsBridge } from "../api/where.ts";
import { say } from "../terminal/terminal.ts";
import { storedPicture } from "./pictures.ts";

const SCHEMA = resolve(import.meta.dirname, "../../../worker/surface/troupe.schema.json");

export async function exportConfiguration({ url, out }: { url?: string; out?: string }): Promise<void> {
  const where = whereIsBridge(url);
  const masked = Configuration.parse(await askBridge(where, "GET", "configuration"));
  const configuration: Configuration = { ...masked, agents: [] };
  for (const agent of masked.agents) configuration.agents.push(await withPicture(where, agent));
  const text = fileText(configuration, relative(out === undefined ? process.cwd() : dirname(resolve(out)), SCHEMA));
  if (out === undefined) {
    process.stdout.write(text);
    return;
  }
  writeNew(out, text);
  say(`Written to ${out}.`);
}

/** Pictures are asked for one by one: together they may be more than a bridge can send. */
async function withPicture(where: Where, { avatar, ...agent }: AgentSpec): Promise<AgentSpec> {
  const picture = avatar && (await storedPicture(where, agent.id));
  return picture ? { ...agent, avatar: picture } : agent;
}

/** The first line tells editors where the schema is. */
const fileText = (configuration: Configuration, schema: string): string =>
  `# yaml-language-server: $schema=${schema.startsWith(".") ? schema : `./${schema}`}\n${stringify(toFile(configuration), { lineWidth: 0 })}`;

/** Writes a new file; an existing one is never overwritten. */
export function writeNew(path: string, text: string): void {
  try {
    writeFileSync(path, text, { flag: "wx", mode: 0o600 });
  } catch (error) {
    if (!(error instanceof Error && "code" in error)) throw error;
    if (error.code === "EEXIST") {
      throw new EnvironmentError(`${path} exists already and was not changed; remove it, or name another file.`);
    }
    throw new EnvironmentError(`${path} cannot be written (${error.code}).`);
  }
}
