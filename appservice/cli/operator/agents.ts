/** `troupe agent`: lists, adds and removes single agents. */
import * as z from "zod/v4";
import { EnvironmentError } from "../../host/environment.ts";
import { askBridge, pagesOf, Refused } from "../api/ask.ts";
import { type Where, whereIsBridge } from "../api/where.ts";
import { settingsOf } from "../terminal/assignments.ts";
import { Changed, changeLines, unresolvedLines, warningLines } from "../terminal/diff.ts";
import { columns, isColoured, plain, say } from "../terminal/terminal.ts";

const Listed = z.object({
  agents: z.array(z.looseObject({ id: z.string(), name: z.string(), backend: z.looseObject({ use: z.string() }) })),
});

interface Addition {
  url?: string;
  backend: string;
  name?: string;
  set?: string[];
  backendSet?: string[];
  replace?: boolean;
}

type Listed = z.infer<typeof Listed>;

export async function readAgents(where: Where): Promise<Listed["agents"]> {
  const agents: Listed["agents"] = [];
  for await (const page of pagesOf(where, "agents")) agents.push(...Listed.parse(page).agents);
  return agents;
}

export async function listAgents({ url }: { url?: string }): Promise<void> {
  const agents = await readAgents(whereIsBridge(url));
  if (agents.length === 0) say("There are no agents; add one with `troupe agent add`.");
  for (const line of columns(agents.map(({ id, name, backend }) => [id, backend.use, name]))) say(line);
}

export async function addAgent(id: string, given: Addition): Promise<void> {
  const where = whereIsBridge(given.url);
  const agents = await readAgents(where);
  if (agents.some((agent) => agent.id === id) && !given.replace) {
    throw new EnvironmentError(`The agent ${id} exists already; use --replace to replace it.`);
  }
  // The bridge looks again: somebody else may add an agent with this id at this moment.
  const path = `agents/${encodeURIComponent(id)}${given.replace ? "" : "?new=true"}`;
  const { changes, unresolved, warnings } = Changed.parse(await askBridge(where, "PUT", path, agentOf(given)));
  for (const line of changeLines(changes, isColoured())) say(line);
  say(changes.length === 0 ? "Nothing to change." : `${plain(id)} is ready; invite it to a room.`);
  for (const line of [...unresolvedLines(unresolved), ...warningLines(warnings)]) say(line);
}

const agentOf = ({ name, set = [], backend, backendSet = [] }: Addition): object => ({
  name,
  ...settingsOf(set),
  backend: { ...settingsOf(backendSet), use: backend },
});

export async function removeAgent(id: string, { url }: { url?: string }): Promise<void> {
  try {
    await askBridge(whereIsBridge(url), "DELETE", `agents/${encodeURIComponent(id)}`);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    throw new EnvironmentError(`${id}: ${error.message}`);
  }
  say(`${plain(id)} is retired and does not answer any more.`);
}
