/**
 * Compares what operators and users see with the code: environment variables, keys, commands, the registration, paths in
 * the README. `npx vitest -u --project pure worker/surface.test.ts` writes the generated files; CI fails on a difference.
 */
import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import * as z from "zod/v4";
import { PLACEHOLDER_TOKENS, readEnvironment, secretsOf, variableRows } from "#core/configuration/environment.ts";
import { keyRows, Layer, RoomLayer } from "#core/configuration/settings.ts";
import { TurnSettings } from "#core/configuration/turn-settings.ts";
import { COMMAND_NAMES, describeCommand } from "#core/message/command.ts";
import { complaints, Registration, registrationShape, usersRegex } from "#core/protocol/registration.ts";
import { retentionRows } from "#core/retention.ts";
import { fileSchema } from "../appservice/host/configuration/form.ts";

const README = readFileSync("README.md", "utf8");

function environmentTable(): string {
  const rows = variableRows().map(({ name, sentence, secret, nodeOnly, preset, required }) => {
    // As code where Markdown would read it as emphasis.
    const otherwise = required ? "required" : (preset?.replace(/^.*\*.*$/, "`$&`") ?? "not set");
    const notes = [secret ? "A secret." : "", nodeOnly ? "Node host only." : ""].filter(Boolean).join(" ");
    return `| \`${name}\` | ${otherwise} | ${[sentence, notes].filter(Boolean).join(" ")} |`;
  });
  return ["| variable | default | meaning |", "| --- | --- | --- |", ...rows, ""].join("\n");
}

const devVars = () =>
  variableRows()
    .filter(({ nodeOnly }) => !nodeOnly)
    .map(({ name, sentence, preset, required }) => `# ${sentence}\n${required ? "" : "# "}${name}=${preset ?? ""}\n`)
    .join("\n");

describe("environment variables", () => {
  test("are listed in the README's table", async () => {
    await expect(environmentTable()).toMatchFileSnapshot("./surface/environment.md");
    expect(README).toContain(environmentTable());
  });
  test("of a Worker are listed in .dev.vars.example", () =>
    expect(devVars()).toMatchFileSnapshot("../.dev.vars.example"));

  const GIVEN = { HOMESERVER_URL: "https://hs.test/", SERVER_NAME: "hs.test", AS_TOKEN: "as", HS_TOKEN: "hs" };
  test("are read with their presets", () => {
    expect(readEnvironment(GIVEN)).toMatchObject({
      ok: true,
      value: { HOMESERVER_URL: "https://hs.test", PORT: 9993 },
    });
  });
  test("may leave out the homeserver's URL", () => {
    expect(readEnvironment({ ...GIVEN, HOMESERVER_URL: "" })).toMatchObject({
      ok: true,
      value: { SERVER_NAME: "hs.test" },
    });
  });
  test.for(["A".repeat(43), `${"-_".repeat(21)}A=`, `${"+/".repeat(21)}A=`])("accept the secret key %s", (key) => {
    expect(readEnvironment({ ...GIVEN, SECRET_KEY: key })).toMatchObject({ ok: true });
  });
  test.for(["short", "A".repeat(44), "A".repeat(64), `${"A".repeat(42)} `])(
    "reject the secret key %s without repeating it",
    (key) => {
      const read = readEnvironment({ ...GIVEN, SECRET_KEY: key });
      expect(read).toMatchObject({ ok: false, error: expect.stringContaining("openssl rand -base64 32") });
      expect(JSON.stringify(read)).not.toContain(key);
    },
  );
  test.for(["AS_TOKEN", "HS_TOKEN", "ADMIN_TOKEN", "SECRET_KEY", "LIBSQL_AUTH_TOKEN"])("%s is a secret", (name) => {
    expect(secretsOf({ [name]: "the-value" })).toContain("the-value");
  });
  test("a credential inside the URL of a setting is a secret, as it is written and as it is meant", () => {
    expect(secretsOf({ LIBSQL_URL: "libsql://db.test?authToken=a%2Bb", SERVER_NAME: "hs.test" })).toEqual([
      "a%2Bb",
      "a+b",
    ]);
  });
  test.for(["https://u:pw-sentinel@hs.test", "https://hs.test/?key=pw-sentinel", "https://hs.test/#pw-sentinel"])(
    "reject the homeserver's URL %s without repeating it: no credential in it could be sent",
    (HOMESERVER_URL) => {
      const read = readEnvironment({ ...GIVEN, HOMESERVER_URL });
      expect(read).toMatchObject({ ok: false, error: expect.stringContaining("without a user") });
      expect(JSON.stringify(read)).not.toContain("pw-sentinel");
    },
  );
  test.for<[given: string, patterns: string[] | undefined]>([
    ["A_*, B\n*C", ["A_*", "B", "*C"]],
    ["$A", undefined],
    ["A=b", undefined],
  ])("read %j as names that agents may use: %j", ([AGENT_ENV, patterns]) => {
    const read = readEnvironment({ ...GIVEN, AGENT_ENV });
    expect(read.ok ? read.value.AGENT_ENV : undefined).toEqual(patterns);
  });
  test.for(Object.keys(GIVEN).filter((name) => name !== "HOMESERVER_URL"))(
    "are rejected without %s, with its name",
    (name) => {
      expect(readEnvironment({ ...GIVEN, [name]: "" })).toEqual({ ok: false, error: `${name} is not set` });
    },
  );
  test.for(PLACEHOLDER_TOKENS)("reject the placeholder %s without repeating it", (token) => {
    const read = readEnvironment({ ...GIVEN, AS_TOKEN: token });
    expect(read).toMatchObject({ ok: false, error: expect.stringContaining("AS_TOKEN is the placeholder") });
    expect(JSON.stringify(read)).not.toContain(token);
  });
});

/** A row of a Markdown table. Bars are escaped, because they would end the cell. */
const cells = (...texts: string[]): string => `| ${texts.map((text) => text.replaceAll("|", "\\|")).join(" | ")} |`;
const header = (...names: string[]): string[] => [cells(...names), cells(...names.map(() => "---"))];

/** As code, because some names look like HTML tags. */
const asCode = (text: string): string => (text === "–" ? text : text.replace(/[^,\s]+/g, "`$&`"));

function keysTable(): string {
  const keys = keyRows().map(({ name, preset, sentence, unit, peers }) =>
    cells(
      `\`${name}\``,
      `\`${preset}\``,
      sentence,
      unit,
      ...[peers.openclaw, peers.hermes, peers.zeroclaw].map(asCode),
    ),
  );
  const turns = Object.entries(TurnSettings.shape).map(([name, schema]) =>
    cells(`\`turns.${name}\``, `\`${JSON.stringify(schema.parse(undefined))}\``, schema.description ?? "?"),
  );
  const ofRooms = Object.entries(RoomLayer.shape)
    .filter(([name]) => !(name in Layer.shape))
    .map(([name, schema]) => cells(`\`${name}\``, schema.description ?? "?"));
  return [
    ...header("key", "default", "meaning", "unit", "OpenClaw", "Hermes", "ZeroClaw"),
    ...keys,
    "",
    "Settings of turns, with times in seconds:",
    "",
    ...header("key", "default", "meaning"),
    ...turns,
    "",
    "Only under `rooms`:",
    "",
    ...header("key", "meaning"),
    ...ofRooms,
    "",
  ].join("\n");
}

function commandsTable(): string {
  const rows = COMMAND_NAMES.map((name) => {
    const { usage, sentence, allowed, aliases = [] } = describeCommand(name);
    const others = aliases.map((alias) => `\`!${alias}\``).join(", ");
    const word = others ? `\`!${name}\` (${others})` : `\`!${name}\``;
    return cells(word, usage && `\`${usage}\``, sentence, allowed.map((entry) => `\`${entry}\``).join(", "));
  });
  return [...header("command", "usage", "meaning", "who may give it"), ...rows, ""].join("\n");
}

describe("the configuration", () => {
  test("has a table of keys, each with a sentence", async () => {
    expect(keysTable()).not.toContain("| ? |");
    await expect(keysTable()).toMatchFileSnapshot("./surface/keys.md");
  });
  test("has a table of commands", () => expect(commandsTable()).toMatchFileSnapshot("./surface/commands.md"));
  test("has a JSON Schema for editors", () =>
    expect(`${JSON.stringify(fileSchema(), null, 2)}\n`).toMatchFileSnapshot("./surface/troupe.schema.json"));
  test.for<[part: string, isValid: boolean, text: string]>([
    ["an agent", true, "agents: { a: { backend: { use: echo, x: 1 }, mention: false } }"],
    [
      "every section",
      true,
      "{ defaults: { turns: { queue: 3 } }, groups: { g: [] }, agents: {}, rooms: { '!a': { muted: true } } }",
    ],
    ["an empty section", true, "agents: {}\nrooms:\n"],
    ["a file without agents", false, "defaults: {}"],
    ["a misspelt key", false, "agents: { a: { backend: { use: echo }, mentions: false } }"],
    ["a room's key in the defaults", false, "agents: {}\ndefaults: { muted: true }"],
    ["a value of the wrong type", false, "agents: {}\ndefaults: { mention: maybe }"],
  ])("has a JSON Schema for which %s is valid: %s", ([, isValid, text]) => {
    const schema = z.fromJSONSchema(fileSchema() as Parameters<typeof z.fromJSONSchema>[0]);
    expect(schema.safeParse(parse(text)).success).toBe(isValid);
  });
  test("has a JSON Schema with a sentence for every key", () => {
    const { $defs } = fileSchema() as { $defs: Record<string, { description?: string }> };
    const named = ["settings", ...keyRows().map(({ name }) => name), "turns"];
    expect(Object.keys($defs)).toEqual(expect.arrayContaining(named));
    const undocumented = Object.entries($defs).filter(([name, { description }]) => name !== "settings" && !description);
    expect(undocumented).toEqual([]);
  });
});

describe("what is kept", () => {
  const table = [...header("what", "how long"), ...retentionRows().map(({ what, kept }) => cells(what, kept)), ""].join(
    "\n",
  );
  test("is listed in the README, for how long", async () => {
    await expect(table).toMatchFileSnapshot("./surface/retention.md");
    expect(README).toContain(table);
  });
});

describe("registration.yaml", () => {
  const namespace = { serverName: "example.org", ghostPrefix: "agent_", botLocalpart: "troupe" };
  const file = Registration.parse(parse(readFileSync("registration.yaml", "utf8")));

  test("has the shape that the code expects, with placeholders for tokens", () => {
    const [asToken, hsToken] = PLACEHOLDER_TOKENS;
    expect(file).toEqual(
      registrationShape({ id: "troupe", url: "http://127.0.0.1:9993", asToken, hsToken, namespace }),
    );
    expect(complaints(file, namespace)).toEqual([]);
  });
  test("is rejected for another server name, bot or rate limit", () => {
    expect(complaints(file, { ...namespace, serverName: "other.org" })).toHaveLength(1);
    expect(complaints({ ...file, sender_localpart: "x", rate_limited: true }, namespace)).toHaveLength(2);
  });
  test.for([
    ["@agent_echo:example.org", true],
    ["@agent_echo:example.org.evil.test", false],
    ["@agent_echo:exampleXorg", false],
    ["@alice:example.org", false],
  ] as const)("claims the user %s: %s", ([userId, claimed]) =>
    expect(new RegExp(usersRegex(namespace)).test(userId)).toBe(claimed),
  );
});

describe("README", () => {
  const named = [...README.matchAll(/`((?:worker|appservice|migrations|scripts|bench)\/[\w./-]+)`/g)].map(
    (match) => match[1] ?? "",
  );
  test("names files in the repository", () => expect(named.length).toBeGreaterThan(15));
  test.for([...new Set(named)])("names %s, which exists", (path) => expect(existsSync(path)).toBe(true));
});
