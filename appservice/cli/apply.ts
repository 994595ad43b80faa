/** `troupe apply`: a file of agents to a running bridge. */
import { readAgentsFile } from "../host/agents-file.ts";
import { SettingsError } from "../host/settings.ts";
import { askBridge } from "./operator.ts";

export async function apply(file: string, url: string): Promise<void> {
  const agents = readAgentsFile(file);
  if (!agents.ok) throw new SettingsError(agents.error);
  await askBridge(url, "PUT", "agents", { agents: agents.value });
  const names = agents.value.map(({ id }) => id).join(", ");
  process.stdout.write(names ? `The bridge has these agents now: ${names}\n` : "The bridge has no agents now.\n");
}
