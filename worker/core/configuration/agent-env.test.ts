import { describe, expect, test } from "vitest";
import { refusalOf } from "../strings/agent-env.ts";
import type { BackendSpec } from "./agent.ts";
import { refusedNames } from "./agent-env.ts";
import { Environment } from "./environment.ts";

const PRESET = Environment.shape.AGENT_ENV.parse(undefined);
const openai = (over: object): BackendSpec => ({ use: "openai", baseUrl: "http://a.test", model: "m", ...over });
const refused = (name: string, patterns = PRESET) =>
  refusedNames({ patterns, ofFile: [] }, openai({ apiKey: `$${name}` }));

describe("a variable that an agent names", () => {
  test.for<[name: string, patterns: string[] | undefined, isRead: boolean]>([
    ["OPENAI_API_KEY", undefined, true],
    ["GROQ_API_KEY", undefined, true],
    ["MY_BASE_URL", undefined, true],
    ["TROUPE_MODEL", undefined, true],
    ["AWS_SECRET_ACCESS_KEY", undefined, false],
    ["API_KEY", undefined, false],
    ["openai_api_key", undefined, false],
    ["CORP", ["CORP"], true],
    ["CORP_2", ["CORP"], false],
    ["MY_CORP_KEY", ["*_CORP_*"], true],
    ["A_B", ["A_*_B", "AB*"], false],
    ["ABAB", ["AB*AB"], true],
    ["ABA", ["AB*BA"], false],
    ["ANYTHING", ["*"], true],
  ])("%s is read where the operator lists %s: %s", ([name, patterns, isRead]) =>
    expect(refused(name, patterns)).toEqual({ own: [], unlisted: isRead ? [] : [name] }),
  );

  test.for(
    Object.keys(Environment.shape).flatMap((name) => [
      name,
      name.toLowerCase(),
      `${name[0]}${name.slice(1).toLowerCase()}`,
    ]),
  )("%s is a setting of the bridge, which no list opens", (name) =>
    expect(refused(name, ["*", name])).toEqual({ own: [name], unlisted: [] }),
  );

  test("is found at any depth, and the refusal has the line to add", () => {
    const spec = openai({ headers: [{ a: "$DEEP" }], apiKey: "$CORP", model: "$TROUPE_MODEL" });
    expect(refusalOf(refusedNames({ patterns: PRESET, ofFile: [] }, spec), PRESET)).toContain(
      "AGENT_ENV=*_API_KEY,*_BASE_URL,TROUPE_*,OPENAI_*,ANTHROPIC_*,DEEP,CORP",
    );
  });
});

describe("a name in the host's own file", () => {
  const own = openai({ apiKey: "$CORP" });
  const unlisted = (spec: BackendSpec) => refusedNames({ patterns: PRESET, ofFile: [own] }, spec).unlisted;
  test("is read for a backend with the same settings, in any order", () => {
    expect(unlisted({ apiKey: "$CORP", model: "m", baseUrl: "http://a.test", use: "openai" })).toEqual([]);
  });
  test.for<[what: string, spec: BackendSpec]>([
    ["another host", openai({ apiKey: "$CORP", baseUrl: "http://evil.test" })],
    ["another model", openai({ apiKey: "$CORP", model: "$CORP" })],
    ["one setting more", openai({ apiKey: "$CORP", historyTokens: 100 })],
  ])("is not read for a backend with %s, which somebody may have written by the API", ([, spec]) =>
    expect(unlisted(spec)).toEqual(["CORP"]),
  );
  test("opens no setting of the bridge", () => {
    const spec = openai({ apiKey: "$AS_TOKEN" });
    expect(refusedNames({ patterns: [], ofFile: [spec] }, spec).own).toEqual(["AS_TOKEN"]);
  });
});
