/**
 * What people outside see, held against what the code says: settings, the registration, the paths the README names.
 * `npx vitest -u --project pure worker/surface.test.ts` writes the generated files, CI refuses a difference.
 */
import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import * as z from "zod/v4";
import { isOwnSecret, PLACEHOLDER_TOKENS, readEnvironment, settingRows } from "#core/configuration/environment.ts";
import { keyRows, Layer, RoomLayer } from "#core/configuration/settings.ts";
import { TurnSettings } from "#core/configuration/turn-settings.ts";
import { COMMAND_NAMES, describeCommand } from "#core/message/command.ts";
import { complaints, Registration, registrationShape, usersRegex } from "#core/protocol/registration.ts";
import { fileSchema } from "../appservice/host/configuration/form.ts";

const README = readFileSync("README.md", "utf8");

function settingsTable(): string {
  const rows = settingRows().map(({ name, sentence, secret, nodeOnly, preset, required }) => {
    const otherwise = required ? "required" : (preset ?? "not set");
    const notes = [secret ? "A secret." : "", nodeOnly ? "Node host only." : ""].filter(Boolean).join(" ");
    return `| \`${name}\` | ${otherwise} | ${[sentence, notes].filter(Boolean).join(" ")} |`;
  });
  return ["| setting | default | what it is |", "| --- | --- | --- |", ...rows, ""].join("\n");
}

const devVars = () =>
  settingRows()
    .filter(({ nodeOnly }) => !nodeOnly)
    .map(({ name, sentence, preset, required }) => `# ${sentence}\n${required ? "" : "# "}${name}=${preset ?? ""}\n`)
    .join("\n");

describe("settings", () => {
  test("are the README's table", async () => {
    await expect(settingsTable()).toMatchFileSnapshot("./surface/settings.md");
    expect(README).toContain(settingsTable());
  });
  test("are the example of a Worker's variables", () => expect(devVars()).toMatchFileSnapshot("../.dev.vars.example"));

  const GIVEN = { HOMESERVER_URL: "https://hs.test/", SERVER_NAME: "hs.test", AS_TOKEN: "as", HS_TOKEN: "hs" };
  test("are read with their defaults", () => {
    expect(readEnvironment(GIVEN)).toMatchObject({
      ok: true,
      value: { HOMESERVER_URL: "https://hs.test", PORT: 9993 },
    });
  });
  test("of the homeserver's URL may be left out", () => {
    expect(readEnvironment({ ...GIVEN, HOMESERVER_URL: "" })).toMatchObject({
      ok: true,
      value: { SERVER_NAME: "hs.test" },
    });
  });
  test.for(["A".repeat(43), `${"-_".repeat(21)}A=`, `${"+/".repeat(21)}A=`])("take the secret key %s", (key) => {
    expect(readEnvironment({ ...GIVEN, SECRET_KEY: key })).toMatchObject({ ok: true });
  });
  test.for(["short", "A".repeat(44), "A".repeat(64), `${"A".repeat(42)} `])("refuse the secret key %s", (key) => {
    const read = readEnvironment({ ...GIVEN, SECRET_KEY: key });
    expect(read).toMatchObject({ ok: false, error: expect.stringContaining("openssl rand -base64 32") });
    expect(JSON.stringify(read)).not.toContain(key);
  });
  test.for(["AS_TOKEN", "HS_TOKEN", "ADMIN_TOKEN", "SECRET_KEY", "LIBSQL_AUTH_TOKEN"])("never give away %s", (name) =>
    expect(isOwnSecret(name)).toBe(true),
  );
  test.for(Object.keys(GIVEN).filter((name) => name !== "HOMESERVER_URL"))(
    "without %s are refused, by name",
    (name) => {
      expect(readEnvironment({ ...GIVEN, [name]: "" })).toEqual({ ok: false, error: `${name} is not set` });
    },
  );
  test.for(PLACEHOLDER_TOKENS)("refuse the placeholder %s and do not repeat it", (token) => {
    const read = readEnvironment({ ...GIVEN, AS_TOKEN: token });
    expect(read).toMatchObject({ ok: false, error: expect.stringContaining("AS_TOKEN is the placeholder") });
    expect(JSON.stringify(read)).not.toContain(token);
  });
});

/** A bar would end the cell. */
const cells = (...texts: string[]): string => `| ${texts.map((text) => text.replaceAll("|", "\\|")).join(" | ")} |`;
const header = (...names: string[]): string[] => [cells(...names), cells(...names.map(() => "---"))];

/** Of the peers' words some look like tags. */
const words = (text: string): string => (text === "–" ? text : text.replace(/[^,\s]+/g, "`$&`"));

function keysTable(): string {
  const keys = keyRows().map(({ name, preset, sentence, unit, peers }) =>
    cells(`\`${name}\``, `\`${preset}\``, sentence, unit, ...[peers.openclaw, peers.hermes, peers.zeroclaw].map(words)),
  );
  const turns = Object.entries(TurnSettings.shape).map(([name, schema]) =>
    cells(`\`turns.${name}\``, `\`${JSON.stringify(schema.parse(undefined))}\``, schema.description ?? "?"),
  );
  const ofRooms = Object.entries(RoomLayer.shape)
    .filter(([name]) => !(name in Layer.shape))
    .map(([name, schema]) => cells(`\`${name}\``, schema.description ?? "?"));
  return [
    ...header("key", "default", "what it is", "unit", "OpenClaw", "Hermes", "ZeroClaw"),
    ...[...keys, "", "How turns are run; times are in seconds:", ""],
    ...header("key", "default", "what it is"),
    ...[...turns, "", "Only under `rooms`:", ""],
    ...header("key", "what it is"),
    ...[...ofRooms, ""],
  ].join("\n");
}

function commandsTable(): string {
  const rows = COMMAND_NAMES.map((name) => {
    const { usage, sentence, allowed, aliases = [] } = describeCommand(name);
    const others = aliases.map((alias) => `\`!${alias}\``).join(", ");
    const word = others ? `\`!${name}\` (${others})` : `\`!${name}\``;
    return cells(word, usage && `\`${usage}\``, sentence, allowed.map((entry) => `\`${entry}\``).join(", "));
  });
  return [...header("command", "usage", "what it does", "who may say it"), ...rows, ""].join("\n");
}

describe("the configuration", () => {
  test("has its table of keys, each with a sentence", async () => {
    expect(keysTable()).not.toContain("| ? |");
    await expect(keysTable()).toMatchFileSnapshot("./surface/keys.md");
  });
  test("has its table of commands", () => expect(commandsTable()).toMatchFileSnapshot("./surface/commands.md"));
  test("has a schema for editors", () =>
    expect(`${JSON.stringify(fileSchema(), null, 2)}\n`).toMatchFileSnapshot("./surface/troupe.schema.json"));
  test.for<[what: string, isRight: boolean, text: string]>([
    ["an agent", true, "agents: { a: { backend: { use: echo, x: 1 }, mention: false } }"],
    [
      "every section",
      true,
      "{ defaults: { turns: { queue: 3 } }, groups: { g: [] }, agents: {}, rooms: { '!a': { muted: true } } }",
    ],
    ["a section that is empty", true, "agents: {}\nrooms:\n"],
    ["no agents", false, "defaults: {}"],
    ["a misspelt key", false, "agents: { a: { backend: { use: echo }, mentions: false } }"],
    ["a room's key elsewhere", false, "agents: {}\ndefaults: { muted: true }"],
    ["a value of another kind", false, "agents: {}\ndefaults: { mention: maybe }"],
  ])("has a schema that says of %s: %s", ([, isRight, text]) => {
    const schema = z.fromJSONSchema(fileSchema() as Parameters<typeof z.fromJSONSchema>[0]);
    expect(schema.safeParse(parse(text)).success).toBe(isRight);
  });
  test("has a sentence for every key in that schema", () => {
    const { $defs } = fileSchema() as { $defs: Record<string, { description?: string }> };
    const named = ["settings", ...keyRows().map(({ name }) => name), "turns"];
    expect(Object.keys($defs)).toEqual(expect.arrayContaining(named));
    const without = Object.entries($defs).filter(([name, { description }]) => name !== "settings" && !description);
    expect(without).toEqual([]);
  });
});

describe("registration.yaml", () => {
  const namespace = { serverName: "example.org", ghostPrefix: "agent_", botLocalpart: "troupe" };
  const file = Registration.parse(parse(readFileSync("registration.yaml", "utf8")));

  test("is the shape the code asks for, with the placeholders", () => {
    const [asToken, hsToken] = PLACEHOLDER_TOKENS;
    expect(file).toEqual(
      registrationShape({ id: "troupe", url: "http://127.0.0.1:9993", asToken, hsToken, namespace }),
    );
    expect(complaints(file, namespace)).toEqual([]);
  });
  test("for another server, bot or prefix is complained about", () => {
    expect(complaints(file, { ...namespace, serverName: "other.org" })).toHaveLength(1);
    expect(complaints({ ...file, sender_localpart: "x", rate_limited: true }, namespace)).toHaveLength(2);
  });
  test.for([
    ["@agent_echo:example.org", true],
    ["@agent_echo:example.org.evil.test", false],
    ["@agent_echo:exampleXorg", false],
    ["@alice:example.org", false],
  ] as const)("claims %s: %s", ([userId, claimed]) =>
    expect(new RegExp(usersRegex(namespace)).test(userId)).toBe(claimed),
  );
});

describe("README", () => {
  const named = [...README.matchAll(/`((?:worker|appservice|migrations|scripts|bench)\/[\w./-]+)`/g)].map(
    (match) => match[1] ?? "",
  );
  test("names files", () => expect(named.length).toBeGreaterThan(15));
  test.for([...new Set(named)])("names %s, which is there", (path) => expect(existsSync(path)).toBe(true));
});
