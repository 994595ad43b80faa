/** `troupe.yaml`: the agents as an operator writes them. Strict, and every complaint says where it is about. */
import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { type Document, LineCounter, parseDocument } from "yaml";
import * as z from "zod/v4";
import { Agent, BackendSpec, TurnSettings } from "#core/agent.ts";
import { AgentId } from "#core/protocol/ids.ts";
import { err, ok, type Result } from "#core/result.ts";

const Written = z.strictObject({
  name: z.string().min(1).max(200).optional(),
  avatar: z.string().min(1).optional(),
  backend: BackendSpec,
  turns: TurnSettings.partial().optional(),
});
const File = z.strictObject({ agents: z.record(AgentId, Written) });

/** What a picture begins with, read as Latin-1. The name of a file may lie about it. */
const MEDIA_TYPES: readonly [magic: string, at: number, mediaType: string][] = [
  ["\x89PNG\r\n\x1a\n", 0, "image/png"],
  ["\xff\xd8\xff", 0, "image/jpeg"],
  ["GIF8", 0, "image/gif"],
  ["WEBP", 8, "image/webp"],
];
const MAGIC_BYTES = 16;

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
  if (broken) return err(`${path}:${lines.linePos(broken.pos[0]).line}: ${brokenBy(broken, text)}`);

  const file = File.safeParse(unfolded(document));
  if (!file.success) {
    const place = (keys: readonly PropertyKey[]) => `${path}${lineOf(document, lines, keys)}`;
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

/** The parser's own sentence ends with its place and a picture of it; of those the place is told before it. */
function brokenBy({ code, message, pos }: Document.Parsed["errors"][number], text: string): string {
  if (code === "DUPLICATE_KEY") return `${text.slice(...pos).split(":")[0]} is there twice`;
  return message.split(/ at line \d+/)[0] ?? message;
}

function unfolded(document: Document.Parsed): unknown {
  try {
    return document.toJS();
  } catch {
    // Aliases that unfold without end are no list of agents either.
    return undefined;
  }
}

/** Of the nearest thing around it that is there: what is missing has no line. */
function lineOf(document: Document.Parsed, lines: LineCounter, keys: readonly PropertyKey[]): string {
  for (let length = keys.length; length > 0; length--) {
    const node = document.getIn(keys.slice(0, length), true);
    const range = node !== null && typeof node === "object" && "range" in node ? node.range : undefined;
    if (Array.isArray(range)) return `:${lines.linePos(Number(range[0])).line}`;
  }
  return "";
}

function sentence(issue: z.core.$ZodIssue): string {
  if (issue.path.length === 0 && issue.code === "invalid_type")
    return "this is no list of agents; it begins with agents:";
  const where = issue.path.join(".") || "the file";
  if (issue.code === "unrecognized_keys")
    return `${where} has no setting ${issue.keys.map((key) => `"${key}"`).join(", ")}`;
  if (issue.code === "invalid_key") return `${where}: an agent's id is made of a-z, 0-9, _, ., = and -`;
  return issue.message.endsWith("received undefined") ? `${where} is missing` : `${where}: ${issue.message}`;
}

function toAgent(
  path: string,
  id: string,
  { name, avatar, backend, turns }: z.infer<typeof Written>,
): Result<Agent, string> {
  const image = avatar === undefined ? undefined : readAvatar(resolve(dirname(path), avatar));
  if (image && !image.ok) return err(`${path}: agents.${id}.avatar: ${image.error}`);
  const written = {
    id,
    name: name ?? id,
    backend,
    ...(turns ? { turns } : {}),
    ...(image ? { avatar: image.value } : {}),
  };
  const agent = Agent.safeParse(written);
  return agent.success ? ok(agent.data) : err(`${path}: agents.${id}: ${agent.error.issues[0]?.message}`);
}

function readAvatar(path: string): Result<{ mediaType: string; base64: string }, string> {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch {
    return err(`${path} cannot be read`);
  }
  const beginning = bytes.toString("latin1", 0, MAGIC_BYTES);
  const mediaType = MEDIA_TYPES.find(([magic, at]) => beginning.startsWith(magic, at))?.[2];
  if (!mediaType) return err(`${path} is no PNG, JPEG, GIF or WebP picture`);
  return ok({ mediaType, base64: bytes.toString("base64") });
}
