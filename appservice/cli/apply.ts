/** `troupe apply`: a file of agents to a running bridge, on either host. */
import * as z from "zod/v4";
import { readAgentsFile } from "../host/agents-file.ts";
import { SettingsError } from "../host/settings.ts";

const Refusal = z.object({ errors: z.array(z.string()) });

export async function apply(file: string, url: string): Promise<void> {
  const token = process.env["ADMIN_TOKEN"];
  if (!token) throw new SettingsError("ADMIN_TOKEN is not set: it is what the bridge knows its operator by.");
  const agents = readAgentsFile(file);
  if (!agents.ok) throw new SettingsError(agents.error);
  const answer = await fetch(`${url.replace(/\/+$/, "")}/admin/agents`, {
    method: "PUT",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify({ agents: agents.value }),
  }).catch(() => undefined);
  if (!answer) throw new SettingsError(`Nothing answers at ${url}; is the bridge running?`);
  if (!answer.ok) {
    const refusal = Refusal.safeParse(await answer.json().catch(() => undefined));
    throw new SettingsError(refusal.success ? refusal.data.errors.join("\n") : `The bridge answered ${answer.status}.`);
  }
  const names = agents.value.map(({ id }) => id).join(", ");
  process.stdout.write(names ? `The bridge has these agents now: ${names}\n` : "The bridge has no agents now.\n");
}
