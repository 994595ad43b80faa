import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readAgentsFile } from "./agents-file.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "troupe-agents-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

const file = () => join(folder, "troupe.yaml");
function reading(text: string) {
  writeFileSync(file(), text);
  return readAgentsFile(file());
}
const complaint = (text: string): string => {
  const read = reading(text);
  return read.ok ? "none" : read.error.replaceAll(`${folder}/`, "");
};

const PNG = Buffer.from("89504e470d0a1a0a0000000d49484452", "hex");

describe("the agents' file", () => {
  test("is a list of agents; one without a name is called by its id, and $NAMES stay as they are", () => {
    const text =
      "agents:\n  helper:\n    name: Helper\n    backend: { use: openai, model: $MODEL }\n  echo:\n    backend: { use: echo }\n";
    expect(reading(text)).toMatchObject({
      ok: true,
      value: [
        { id: "helper", name: "Helper", backend: { use: "openai", model: "$MODEL" } },
        { id: "echo", name: "echo", backend: { use: "echo" } },
      ],
    });
  });

  test("finds an avatar beside itself and believes its bytes, not its name", () => {
    writeFileSync(join(folder, "face.jpg"), PNG);
    expect(reading("agents:\n  a:\n    avatar: ./face.jpg\n    backend: { use: echo }\n")).toMatchObject({
      value: [{ avatar: { mediaType: "image/png", base64: PNG.toString("base64") } }],
    });
  });

  test.for<[what: string, text: string, sentence: string]>([
    [
      "an agent that is there twice",
      "agents:\n  a: { backend: { use: echo } }\n  a: { backend: { use: echo } }\n",
      "troupe.yaml:3: a is there twice",
    ],
    [
      "an unknown key",
      "agents:\n  a: { backend: { use: echo }, nmae: A }\n",
      'troupe.yaml:2: agents.a has no setting "nmae"',
    ],
    ["an unknown key beside the agents", "agents: {}\nversion: 1\n", 'troupe.yaml: the file has no setting "version"'],
    ["an agent without a backend", "agents:\n  a:\n    name: A\n", "troupe.yaml:3: agents.a.backend is missing"],
    ["a backend without use", "agents:\n  a:\n    backend: {}\n", "troupe.yaml:3: agents.a.backend.use is missing"],
    [
      "an id that fits no user id",
      "agents:\n  Helper: { backend: { use: echo } }\n",
      "troupe.yaml:2: agents.Helper: an agent's id is made of a-z, 0-9, _, ., = and -",
    ],
    ["an empty file", "", "troupe.yaml: this is no list of agents; it begins with agents:"],
    [
      "a picture that is not there",
      "agents:\n  a: { avatar: no.png, backend: { use: echo } }\n",
      "troupe.yaml: agents.a.avatar: no.png cannot be read",
    ],
    [
      "a picture that is none",
      "agents:\n  a: { avatar: troupe.yaml, backend: { use: echo } }\n",
      "troupe.yaml: agents.a.avatar: troupe.yaml is no PNG, JPEG, GIF or WebP picture",
    ],
  ])("says where %s is", ([, text, sentence]) => expect(complaint(text)).toBe(sentence));

  test("says all that is wrong at once", () => {
    expect(complaint("agents:\n  a: { name: A }\n  b: { backend: 3 }\n").split("\n")).toHaveLength(2);
  });

  test("says so when it is no YAML, in one line with its number", () => {
    expect(complaint("agents:\n  a: [1\n")).toMatch(/^troupe\.yaml:\d+: [^\n]+$/);
  });

  test("refuses aliases that unfold without end", () => {
    const nests = Array.from({ length: 12 }, (_, at) => {
      const below = at === 0 ? "x" : `*n${at - 1}`;
      return `n${at}: &n${at} [${Array(10).fill(below).join(", ")}]`;
    });
    expect(complaint(nests.join("\n"))).toContain("troupe.yaml");
  });
});
