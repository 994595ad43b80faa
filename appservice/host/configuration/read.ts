/** Reads `troupe.yaml`: the whole configuration, or every complaint about it at once, each with its line. */
import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import { type Document, LineCounter, parseDocument } from "yaml";
import type { AgentSpec } from "#core/configuration/agent.ts";
import { complaintsOf, type Path } from "#core/configuration/complaints.ts";
import { type Configuration, complaintsAbout } from "#core/configuration/configuration.ts";
import { readAgent } from "#core/configuration/read.ts";
import { err, ok, type Result } from "#core/result.ts";
import { type FileAgent, FileForm } from "./form.ts";
import { readPicture } from "./picture.ts";

export interface ReadFile {
  configuration: Configuration;
  /** Puts file and line before a complaint that begins with a path, such as `agents.helper.mention: …`. */
  locate(complaint: string): string;
}

/** Validates the whole file, but for the backends' own settings: each backend validates those. */
export function readConfigurationFile(path: string): Result<ReadFile, string> {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    return err(`${path} cannot be read`);
  }
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true });
  if (document.errors.length > 0) {
    const broken = document.errors.map(
      (error) => `${path}:${lines.linePos(error.pos[0]).line}: ${sentenceOf(error, text)}`,
    );
    return err(broken.join("\n"));
  }
  const written = toObject(document);
  const file = FileForm.safeParse(written);
  const placed = (keys: Path, sentence: string) => `${path}${lineOf(document, lines, keys)}: ${sentence}`;
  if (!file.success) {
    if (typeof written !== "object" || written === null || Array.isArray(written)) {
      return err(`${path}: this is no configuration; it begins with agents:`);
    }
    const complaints = file.error.issues.flatMap((issue) => complaintsOf(issue, nameOf));
    return err(complaints.map((one) => placed(one.path, one.sentence)).join("\n"));
  }
  const { defaults, groups, agents, rooms } = file.data;
  const locate = (complaint: string) => placed(placeIn(written, complaint), complaint);
  const read = Object.entries(agents).map(([id, agent]) => toAgent(dirname(path), id, agent));
  const configuration: Configuration = {
    defaults: defaults ?? {},
    groups: groups ?? {},
    rooms: rooms ?? {},
    agents: read.flatMap((one) => one.agents),
  };
  const complaints = [...read.flatMap((one) => one.complaints), ...complaintsAbout(configuration)];
  return complaints.length > 0 ? err(complaints.map(locate).join("\n")) : ok({ configuration, locate });
}

const nameOf = (keys: Path): string => keys.join(".") || "the file";

/** The parser's sentence without the place and the excerpt at its end; the place is put before it. */
function sentenceOf({ code, message, pos }: Document.Parsed["errors"][number], text: string): string {
  if (code === "DUPLICATE_KEY") return `${text.slice(...pos).split(":")[0]} is there twice`;
  return message.split(/ at line \d+/)[0] ?? message;
}

function toObject(document: Document.Parsed): unknown {
  try {
    return document.toJS();
  } catch {
    // YAML aliases that expand without end throw here.
    return undefined;
  }
}

/** A missing key has no line: it gets the line of the nearest key around it. */
function lineOf(document: Document.Parsed, lines: LineCounter, keys: Path): string {
  for (let length = keys.length; length > 0; length--) {
    const node = document.getIn(keys.slice(0, length), true);
    const range = node !== null && typeof node === "object" && "range" in node ? node.range : undefined;
    if (Array.isArray(range)) return `:${lines.linePos(Number(range[0])).line}`;
  }
  return "";
}

/** The deepest node whose path a complaint begins with. Names may contain dots, so the path is matched against the file. */
function placeIn(written: unknown, complaint: string): string[] {
  if (typeof written !== "object" || written === null) return [];
  const named = Object.entries(written).filter(
    ([name]) => complaint.startsWith(name) && /^(?:[.:; ]|$)/.test(complaint.slice(name.length)),
  );
  const [longest] = named.sort(([one], [two]) => two.length - one.length);
  if (!longest) return [];
  const [name, below] = longest;
  return [name, ...placeIn(below, complaint.slice(name.length + 1))];
}

interface FromFile {
  agents: AgentSpec[];
  complaints: string[];
}

/** Drops a picture that cannot be read, so that the rest is validated too. */
function toAgent(folder: string, id: string, { avatar, ...rest }: FileAgent): FromFile {
  const picture = avatar === undefined ? undefined : readPicture(folder, avatar);
  const agent = readAgent({ id, name: id, ...rest, ...(picture?.ok ? { avatar: picture.value } : {}) });
  return {
    agents: agent.ok ? [agent.value] : [],
    complaints: [
      ...(picture && !picture.ok ? [`agents.${id}.avatar: ${picture.error}`] : []),
      ...(agent.ok ? [] : agent.error),
    ],
  };
}
