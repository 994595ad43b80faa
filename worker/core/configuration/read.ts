/** Reads the body of a request as a configuration or as agents; else every complaint about it. */
import { err, ok, type Result } from "../result.ts";
import { AgentList, AgentSpec } from "./agent.ts";
import { complaintsOf, type Issue, type Path } from "./complaints.ts";
import { Configuration } from "./configuration.ts";

export function readConfiguration(body: unknown): Result<Configuration, string[]> {
  const read = Configuration.safeParse(body);
  return read.success ? ok(read.data) : err(sentences(read.error.issues, body));
}

export function readAgents(body: unknown): Result<AgentSpec[], string[]> {
  const read = AgentList.safeParse(body);
  return read.success ? ok(read.data.agents) : err(sentences(read.error.issues, body));
}

export function readAgent(body: object): Result<AgentSpec, string[]> {
  const read = AgentSpec.safeParse(body);
  if (read.success) return ok(read.data);
  const among = read.error.issues.map((issue) => ({ ...issue, path: ["agents", 0, ...issue.path] }));
  return err(sentences(among, { agents: [body] }));
}

/** Agents are named by their ids, not by their places in the list. */
function sentences(issues: readonly Issue[], body: unknown): string[] {
  if (body === undefined) return ["The body is not JSON."];
  const nameOf = ([first, at, ...rest]: Path): string => {
    if (first !== "agents" || typeof at !== "number")
      return [first, at, ...rest].filter(isThere).join(".") || "The body";
    return ["agents", idAt(body, at) ?? at, ...rest].join(".");
  };
  return issues.flatMap((issue) => complaintsOf(issue, nameOf)).map((complaint) => complaint.sentence);
}
const isThere = (part: PropertyKey | undefined) => part !== undefined;

function idAt(body: unknown, at: number): string | undefined {
  const { agents } = Object(body) as { agents?: unknown };
  const { id } = Object(Array.isArray(agents) ? agents[at] : undefined) as { id?: unknown };
  return typeof id === "string" ? id : undefined;
}
