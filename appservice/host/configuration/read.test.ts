import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { toFile } from "./form.ts";
import { readConfigurationFile } from "./read.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "troupe-configuration-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

const file = () => join(folder, "troupe.yaml");
function reading(text: string) {
  writeFileSync(file(), text);
  return readConfigurationFile(file());
}
function configurationOf(text: string) {
  const read = reading(text);
  if (!read.ok) throw new Error(read.error);
  return read.value.configuration;
}
const complaint = (text: string): string => {
  const read = reading(text);
  return read.ok ? "none" : read.error.replaceAll(`${folder}/`, "");
};

const PNG = Buffer.from("89504e470d0a1a0a0000000d49484452", "hex");
const ECHO = "backend: { use: echo }";

const WHOLE = `
defaults: { users: [local, "group:staff"], mention: false, turns: { queue: 5 } }
groups:
  staff: ["@alice:example.org"]
agents:
  helper:
    name: Helper
    ${ECHO}
    bots: mentions
  ticket_*: { ${ECHO}, sticky: 0 }
rooms:
  "#lobby:example.org": { muted: true, agents: { helper: { mention: true } } }
  "!abc": { direct: true }
`;

describe("the configuration's file", () => {
  test("holds agents; one without a name is called by its id, and $NAMES stay as they are", () => {
    const text = `agents:\n  helper:\n    name: Helper\n    backend: { use: openai, model: $MODEL }\n  echo:\n    ${ECHO}\n`;
    expect(configurationOf(text)).toEqual({
      defaults: {},
      groups: {},
      rooms: {},
      agents: [
        { id: "helper", name: "Helper", backend: { use: "openai", model: "$MODEL" } },
        { id: "echo", name: "echo", backend: { use: "echo" } },
      ],
    });
  });

  test("holds defaults, groups and rooms, and families among the agents", () => {
    expect(configurationOf(WHOLE)).toMatchObject({
      defaults: { mention: false, turns: { queue: 5 } },
      groups: { staff: ["@alice:example.org"] },
      agents: [
        { id: "helper", bots: "mentions" },
        { id: "ticket_*", name: "ticket_*", sticky: 0 },
      ],
      rooms: { "#lobby:example.org": { muted: true, agents: { helper: { mention: true } } }, "!abc": { direct: true } },
    });
  });

  test("may leave sections empty, but not the agents", () => {
    expect(configurationOf(`rooms:\ngroups:\ndefaults:\nagents: { a: { ${ECHO} } }`)).toMatchObject({ rooms: {} });
    expect(complaint("agents:\n")).toBe("troupe.yaml:1: agents: expected record, received null");
    expect(complaint("defaults: {}\n")).toBe("troupe.yaml: agents is missing");
  });

  test("finds an avatar in its folder, and its type by its bytes, not its name", () => {
    writeFileSync(join(folder, "face.jpg"), PNG);
    const [agent] = configurationOf(`agents:\n  a:\n    avatar: ./face.jpg\n    ${ECHO}\n`).agents;
    expect(agent?.avatar).toEqual({ mediaType: "image/png", base64: PNG.toString("base64") });
  });

  test("is the same after it is written and read, avatars too", () => {
    const avatar = `data:image/png;base64,${PNG.toString("base64")}`;
    const configuration = configurationOf(WHOLE.replace("bots: mentions", `avatar: ${avatar}`));
    expect(configuration.agents[0]?.avatar?.base64).toBe(PNG.toString("base64"));
    expect(configurationOf(stringify(toFile(configuration)))).toEqual(configuration);
    expect(stringify(toFile(configurationOf("agents: {}\n")))).toBe("agents: {}\n");
  });
});

describe("a complaint", () => {
  test.for<[what: string, text: string, sentence: string]>([
    [
      "an agent that is there twice",
      `agents:\n  a: { ${ECHO} }\n  a: { ${ECHO} }\n`,
      "troupe.yaml:3: a is there twice",
    ],
    [
      "a misspelt key, on its own line",
      `agents:\n  a:\n    ${ECHO}\n    mentions: false\n`,
      'troupe.yaml:4: agents.a has no setting "mentions"; did you mean "mention"?',
    ],
    [
      "swapped letters",
      `agents:\n  a: { ${ECHO}, nmae: A }\n`,
      'troupe.yaml:2: agents.a has no setting "nmae"; did you mean "name"?',
    ],
    [
      "a key as OpenClaw calls it",
      `agents: {}\ndefaults: { requireMention: true }\n`,
      'troupe.yaml:2: defaults has no setting "requireMention"; did you mean "mention"?',
    ],
    [
      "a misspelt key of turns",
      `agents:\n  a:\n    ${ECHO}\n    turns:\n      debunce: 1\n`,
      'troupe.yaml:5: agents.a.turns has no setting "debunce"; did you mean "debounce"?',
    ],
    [
      "a misspelt key of a room",
      `agents: {}\nrooms:\n  "!a":\n    mutted: true\n`,
      'troupe.yaml:4: rooms.!a has no setting "mutted"; did you mean "muted"?',
    ],
    [
      "an unknown key that is near to none",
      "agents: {}\nversion: 1\n",
      'troupe.yaml:2: the file has no setting "version"',
    ],
    ["an agent without a backend", "agents:\n  a:\n    name: A\n", "troupe.yaml:3: agents.a.backend is missing"],
    ["a backend without use", "agents:\n  a:\n    backend: {}\n", "troupe.yaml:3: agents.a.backend.use is missing"],
    [
      "an id that fits no user id",
      `agents:\n  Helper: { ${ECHO} }\n`,
      "troupe.yaml:2: agents.Helper: an agent's id is made of a-z, 0-9, _, ., = and -, with one * at most",
    ],
    [
      "a value of another kind",
      `agents:\n  a:\n    ${ECHO}\n    mention: maybe\n`,
      "troupe.yaml:4: agents.a.mention: expected boolean, received string",
    ],
    [
      "a value that is none of a few",
      `agents:\n  a:\n    ${ECHO}\n    dm: closed\n`,
      'troupe.yaml:4: agents.a.dm: expected one of "pairing"|"allowlist"|"open"|"disabled"',
    ],
    [
      "a value of neither kind",
      `agents:\n  a:\n    ${ECHO}\n    bots: 3\n`,
      'troupe.yaml:4: agents.a.bots: expected false; or expected "mentions"; or expected true',
    ],
    [
      "an entry of a list",
      `agents: {}\ndefaults:\n  users:\n    - local\n    - alice\n`,
      "troupe.yaml:5: defaults.users.1: is no user id such as @alice:example.org or @*:example.org, and no *, local, group:<name> or power:<level>",
    ],
    [
      "a room that is none",
      `agents: {}\nrooms:\n  lobby: { muted: true }\n`,
      "troupe.yaml:3: rooms.lobby: is neither a room id (!…) nor an alias (#name:server)",
    ],
    [
      "a group that is not there",
      `agents:\n  a.b:\n    ${ECHO}\n    users: ["group:staff"]\n`,
      'troupe.yaml:3: agents.a.b: there is no group "staff"',
    ],
    ["an empty file", "", "troupe.yaml: this is no configuration; it begins with agents:"],
    [
      "a picture that is not there",
      `agents:\n  a: { avatar: no.png, ${ECHO} }\n`,
      "troupe.yaml:2: agents.a.avatar: no.png cannot be read",
    ],
    [
      "a picture that is none",
      `agents:\n  a: { avatar: troupe.yaml, ${ECHO} }\n`,
      "troupe.yaml:2: agents.a.avatar: troupe.yaml is no PNG, JPEG, GIF or WebP picture",
    ],
    [
      "a data URI that is none",
      `agents:\n  a: { avatar: "data:image/png,x", ${ECHO} }\n`,
      "troupe.yaml:2: agents.a.avatar: expected data:image/png;base64,… or the like",
    ],
  ])("says where %s is", ([, text, sentence]) => expect(complaint(text)).toBe(sentence));

  test("lists all errors at once", () => {
    const shape = "agents:\n  a: { name: A }\n  b: { backend: 3, mentoin: 1, atroom: true }\nroom: {}\n";
    expect(complaint(shape).split("\n")).toHaveLength(5);
    const sense = `agents:\n  a: { avatar: no.png, ${ECHO} }\n  b: { avatar: no.png, users: ["group:x"], ${ECHO} }\n`;
    expect(complaint(sense).split("\n")).toHaveLength(3);
  });

  test("never repeats a value, which may be a secret", () => {
    const text = `agents:\n  a: { backend: { use: echo, apiKey: sk-1 }, mention: sk-2, users: [sk-3], prompt: [sk-4], sk: 1 }\n`;
    expect(complaint(text)).toMatch(/agents\.a\.prompt/);
    expect(complaint(text)).not.toMatch(/sk-/);
  });

  test("of the bridge gets its file and line", () => {
    const read = reading(`agents:\n  a: { ${ECHO} }\n  a.b:\n    ${ECHO}\n    mention: true\n`);
    if (!read.ok) throw new Error(read.error);
    const located = (text: string) => read.value.locate(text).replace(`${folder}/`, "");
    expect(located("agents.a.b.mention: no")).toBe("troupe.yaml:5: agents.a.b.mention: no");
    expect(located("agents.a.backend.use: no")).toBe("troupe.yaml:2: agents.a.backend.use: no");
    expect(located("Something else.")).toBe("troupe.yaml: Something else.");
  });

  test("says in one line, with its number, that a file is no YAML", () => {
    expect(complaint("agents:\n  a: [1\n")).toMatch(/^troupe\.yaml:\d+: [^\n]+$/);
  });

  test("rejects YAML aliases that expand without end", () => {
    const nests = Array.from({ length: 12 }, (_, at) => {
      const below = at === 0 ? "x" : `*n${at - 1}`;
      return `n${at}: &n${at} [${Array(10).fill(below).join(", ")}]`;
    });
    expect(complaint(nests.join("\n"))).toContain("troupe.yaml");
  });
});
