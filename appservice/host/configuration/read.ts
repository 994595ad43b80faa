/** `troupe.yaml`, read: the whole configuration, or every complaint about it at once, each with its line. */
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
  /** Puts file and line before a complaint that begins with where it is about, such as `agents.helper.mention: …`. */
  locate(complaint: string): string;
}

/** A backend's own settings are not looked at: the bridge knows them. */
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
    const broken = document.errors.map((error) => `${path}:${lines.linePos(error.pos[0]).line}: ${said(error, text)}`);
    return err(broken.join("\n"));
  }
  const written = unfolded(document);
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
    ...{ defaults: defaults ?? {}, groups: groups ?? {}, rooms: rooms ?? {} },
    agents: read.flatMap((one) => one.agents),
  };
  const complaints = [...read.flatMap((one) => one.complaints), ...complaintsAbout(configuration)];
  return complaints.length > 0 ? err(complaints.map(locate).join("\n")) : ok({ configuration, locate });
}

const nameOf = (keys: Path): string => keys.join(".") || "the file";

/** The parser's own sentence ends with its place and a picture of it; of those the place is told before it. */
function said({ code, message, pos }: Document.Parsed["errors"][number], text: string): string {
  if (code === "DUPLICATE_KEY") return `${text.slice(...pos).split(":")[0]} is there twice`;
  return message.split(/ at line \d+/)[0] ?? message;
}

function unfolded(document: Document.Parsed): unknown {
  try {
    return document.toJS();
  } catch {
    // Aliases that unfold without end are no configuration either.
    return undefined;
  }
}

/** Of the nearest thing around it that is there: what is missing has no line. */
function lineOf(document: Document.Parsed, lines: LineCounter, keys: Path): string {
  for (let length = keys.length; length > 0; length--) {
    const node = document.getIn(keys.slice(0, length), true);
    const range = node !== null && typeof node === "object" && "range" in node ? node.range : undefined;
    if (Array.isArray(range)) return `:${lines.linePos(Number(range[0])).line}`;
  }
  return "";
}

/** The deepest place whose name a complaint begins with. Names may hold dots, so the file is asked and not the text. */
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

/** Without a picture that cannot be had, so that the rest is looked at too. */
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
