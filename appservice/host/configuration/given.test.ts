import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { configurationOf } from "./given.ts";

const folder = mkdtempSync(join(tmpdir(), "troupe-given-"));
afterAll(() => rmSync(folder, { recursive: true }));
const named = (name: string, text?: string) => {
  const file = join(folder, name);
  if (text !== undefined) writeFileSync(file, text);
  return { TROUPE_FILE: file };
};

test("the file that is named is read", () => {
  const given = configurationOf(named("good.yaml", "agents: { a: { backend: { use: echo } } }\n"));
  expect(given?.agents).toMatchObject([{ id: "a" }]);
});
test("a named file that does not exist is an error; without a name, and with `none`, there is no file", () => {
  expect(() => configurationOf(named("misspelt.yaml"))).toThrow(
    /TROUPE_FILE names .*misspelt\.yaml, which does not exist/,
  );
  // The working directory of the tests has no troupe.yaml.
  for (const env of [{}, { TROUPE_FILE: "" }, { TROUPE_FILE: "none" }]) expect(configurationOf(env)).toBeUndefined();
});
test.for([
  ["a missing key", "agents: { a: {} }\n", "bad.yaml:1: agents.a.backend is missing"],
  [
    "an unknown backend",
    "agents:\n  a:\n    backend: { use: no }\n",
    'bad.yaml:3: agents.a.backend.use: there is no "no"',
  ],
  [
    "a setting of the bridge as an agent's variable",
    "agents:\n  a:\n    backend: { use: openai, baseUrl: $LIBSQL_URL, model: m }\n",
    "bad.yaml:3: agents.a.backend: $LIBSQL_URL",
  ],
] as const)("%s is an error with its line, before anything starts", ([, text, sentence]) =>
  expect(() => configurationOf(named("bad.yaml", text))).toThrow(sentence),
);
