/**
 * What people outside see, held against what the code says: settings, the registration, the paths the README names.
 * `npx vitest -u --project pure worker/surface.test.ts` writes the generated files, CI refuses a difference.
 */
import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { PLACEHOLDER_TOKENS, readConfig, settingRows } from "#core/config.ts";
import { complaints, Registration, registrationShape, usersRegex } from "#core/protocol/registration.ts";

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
    expect(readConfig(GIVEN)).toMatchObject({ ok: true, value: { HOMESERVER_URL: "https://hs.test", PORT: 9993 } });
  });
  test.for(Object.keys(GIVEN))("without %s are refused, by name", (name) => {
    expect(readConfig({ ...GIVEN, [name]: "" })).toEqual({ ok: false, error: `${name} is not set` });
  });
  test.for(PLACEHOLDER_TOKENS)("refuse the placeholder %s and do not repeat it", (token) => {
    const read = readConfig({ ...GIVEN, AS_TOKEN: token });
    expect(read).toMatchObject({ ok: false, error: expect.stringContaining("AS_TOKEN is the placeholder") });
    expect(JSON.stringify(read)).not.toContain(token);
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
