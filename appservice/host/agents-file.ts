/** `troupe.yaml`: the agents as an operator writes them. Strict, and every complaint says where it is about. */
import { readFileSync } from "node:fs";
import { dirname, extname, resolve } from "node:path";
import { LineCounter, parseDocument } from "yaml";
import * as z from "zod/v4";
import { Agent, BackendSpec } from "#core/agent.ts";
import { AgentId } from "#core/protocol/ids.ts";
import { err, ok, type Result } from "#core/result.ts";

const Written = z.strictObject({
  name: z.string().min(1).max(200).optional(),
  avatar: z.string().min(1).optional(),
  backend: BackendSpec,
});
const File = z.strictObject({ agents: z.record(AgentId, Written) });

const MEDIA_TYPE: Record<string, string> = {
  ".png": "image/png",
  ".jpg": "image/jpeg",
  ".jpeg": "image/jpeg",
  ".gif": "image/gif",
  ".webp": "image/webp",
};

/** The agents of a file, or all that is wrong with it, a line each. A backend's own settings the bridge checks. */
export function readAgentsFile(path: string): Result<Agent[], string> {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    return err(`${path} cannot be read`);
  }
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true });
  const [broken] = document.errors;
  if (broken) return err(`${path}: ${broken.message}`);

  const file = File.safeParse(document.toJS());
  if (!file.success) {
    const place = (keys: readonly PropertyKey[]): string => {
      const node = document.getIn(keys, true);
      const range = node !== null && typeof node === "object" && "range" in node ? node.range : undefined;
      return Array.isArray(range) ? `${path}:${lines.linePos(Number(range[0])).line}` : path;
    };
    return err(file.error.issues.map((issue) => `${place(issue.path)}: ${sentence(issue)}`).join("\n"));
  }
  const agents: Agent[] = [];
  for (const [id, written] of Object.entries(file.data.agents)) {
    const agent = toAgent(path, id, written);
    if (!agent.ok) return agent;
    agents.push(agent.value);
  }
  return ok(agents);
}

function sentence(issue: z.core.$ZodIssue): string {
  const where = issue.path.join(".") || "the file";
  if (issue.code === "unrecognized_keys")
    return `${where} has no setting ${issue.keys.map((key) => `"${key}"`).join(", ")}`;
  if (issue.code === "invalid_key") return `${where}: an agent's id is made of a-z, 0-9, _, ., = and -`;
  return issue.message.endsWith("received undefined") ? `${where} is missing` : `${where}: ${issue.message}`;
}

function toAgent(path: string, id: string, { name, avatar, backend }: z.infer<typeof Written>): Result<Agent, string> {
  const image = avatar === undefined ? undefined : readAvatar(resolve(dirname(path), avatar));
  if (image && !image.ok) return err(`${path}: agents.${id}.avatar: ${image.error}`);
  const agent = Agent.safeParse({ id, name: name ?? id, backend, ...(image ? { avatar: image.value } : {}) });
  return agent.success ? ok(agent.data) : err(`${path}: agents.${id}: ${agent.error.issues[0]?.message}`);
}

function readAvatar(path: string): Result<{ mediaType: string; base64: string }, string> {
  const mediaType = MEDIA_TYPE[extname(path).toLowerCase()];
  if (!mediaType) return err("is no picture; use .png, .jpg, .gif or .webp");
  try {
    return ok({ mediaType, base64: readFileSync(path).toString("base64") });
  } catch {
    return err(`${path} cannot be read`);
  }
}
