/** The operator's commands as processes without a terminal, against a real bridge. */
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createClient } from "@libsql/client";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { Environment } from "#core/configuration/environment.ts";
import { type Served, serve } from "../../host/serve.ts";

const ADMIN_TOKEN = "admin-of-tests";
const SECRET = "sk-very-secret";
const folder = mkdtempSync(join(tmpdir(), "troupe-cli-"));
let bridge: Served;

beforeAll(async () => {
  const environment = Environment.parse({
    HOMESERVER_URL: "http://127.0.0.1:9",
    SERVER_NAME: "hs.test",
    AS_TOKEN: "as-of-tests",
    HS_TOKEN: "hs-of-tests",
    ADMIN_TOKEN,
    SECRET_KEY: "A".repeat(43),
    PORT: 0,
    DATA_DIR: join(folder, "bridge"),
  });
  bridge = await serve({ environment, env: {}, write: () => undefined });
  mkdirSync(join(folder, "data"));
  const playground = { bridge: bridge.url, adminToken: ADMIN_TOKEN, homeserver: "x", users: [] };
  writeFileSync(join(folder, "data/playground.json"), JSON.stringify(playground));
});
afterAll(async () => {
  await bridge.stop();
  rmSync(folder, { recursive: true, force: true });
});

interface Finished {
  code: number;
  out: string;
  err: string;
}
/** Runs in the folder of a playground, so that neither a token nor a URL is needed. */
const troupe = (...args: string[]): Promise<Finished> =>
  new Promise((done) => {
    const env = { ...process.env, ADMIN_TOKEN: "", FORCE_COLOR: "" };
    execFile("node", [resolve("appservice/cli/troupe.js"), ...args], { cwd: folder, env }, (error, out, err) =>
      done({ code: typeof error?.code === "number" ? error.code : 0, out, err }),
    );
  });
const write = (text: string) => writeFileSync(join(folder, "troupe.yaml"), text);

describe("troupe", () => {
  test("apply shows the changes, applies them only with --yes or an answer, and then finds nothing to change", async () => {
    write("agents:\n  helper:\n    name: Helper\n    mention: true\n    backend: { use: echo }\n");
    const refused = await troupe("apply", "troupe.yaml");
    expect(refused).toMatchObject({ code: 2, err: expect.stringContaining("--yes") });
    expect(refused.out).toMatch(/^\+ agents\.helper: \{.*"mention":true.*\}\n$/);
    expect((await troupe("apply", "troupe.yaml", "--dry-run")).code).toBe(0);
    expect((await troupe("agent", "list")).out).toContain("There are no agents");
    expect(await troupe("apply", "troupe.yaml", "--yes")).toMatchObject({
      code: 0,
      out: expect.stringContaining("Applied 1 change."),
    });
    expect(await troupe("apply", "troupe.yaml")).toEqual({
      code: 0,
      err: "",
      out: "Nothing to change: the bridge already has this configuration.\n",
    });
    write("agents:\n  helper:\n    name: Helper\n    mention: false\n    backend: { use: echo }\n");
    expect((await troupe("apply", "troupe.yaml", "--dry-run")).out).toBe("~ agents.helper.mention: true → false\n");
  }, 30_000);

  test("agent show tells each setting with its layer", async () => {
    const { code, out } = await troupe("agent", "show", "helper");
    expect([code, out]).toEqual([0, expect.stringMatching(/^helper\n[\s\S]*mention +true +agents\.helper\n/)]);
    expect(out).toContain("Nothing was learnt about its server.\nNo error is known.\n");
    expect(await troupe("agent", "show", "nobody")).toMatchObject({ code: 1, err: expect.stringContaining("nobody") });
  }, 30_000);

  test("apply names the line of an error, also of one that the bridge finds", async () => {
    write("agents:\n  a: { backend: { use: echo }, mentoin: 1 }\n");
    const own = 'troupe.yaml:2: agents.a has no setting "mentoin"; did you mean "mention"?\n';
    expect(await troupe("apply", "troupe.yaml", "--yes")).toEqual({ code: 1, out: "", err: own });
    write("agents:\n  a:\n    backend: { use: none }\n");
    const theirs = await troupe("apply", "troupe.yaml", "--yes");
    expect(theirs.err).toContain('troupe.yaml:3: agents.a.backend.use: there is no "none"');
    expect(await troupe("apply", "none.yaml")).toMatchObject({ code: 1, err: "none.yaml cannot be read\n" });
  }, 30_000);

  test("export writes a file without secrets, and applying it changes nothing", async () => {
    write(`
defaults: { users: ["group:staff"] }
groups: { staff: ["@alice:hs.test"] }
agents:
  helper:
    avatar: data:image/png;base64,${Buffer.from("89504e470d0a1a0a0000000d49484452", "hex").toString("base64")}
    backend: { use: openai, baseUrl: http://model.test, model: m, apiKey: ${SECRET} }
  "*-desk": { backend: { use: echo }, prompt: "one: two\\nthree" }
rooms: { "#a:hs.test": { muted: true } }
`);
    const applied = await troupe("apply", "troupe.yaml", "--yes");
    expect(applied).toMatchObject({ code: 0, out: expect.stringContaining("#a:hs.test could not be resolved") });
    expect((await troupe("export", "--out", "out.yaml")).code).toBe(0);
    const text = readFileSync(join(folder, "out.yaml"), "utf8");
    expect(text).toMatch(/^# yaml-language-server: \$schema=\..*troupe\.schema\.json\n/);
    expect(existsSync(resolve(folder, /schema=(.*)/.exec(text)?.[1] ?? "?"))).toBe(true);
    expect(text + applied.out).not.toContain(SECRET);
    expect(parse(text)).toMatchObject({ agents: { helper: { backend: { apiKey: "********" } } } });
    expect((await troupe("apply", "out.yaml")).out).toContain("Nothing to change");
    expect(await troupe("export", "--out", "out.yaml")).toMatchObject({
      code: 1,
      err: expect.stringContaining("exists already"),
    });
    expect((await troupe("export")).out).toContain("group:staff");
  }, 30_000);

  test("more pictures than a request may carry are applied one by one, exported, and then nothing is left to change", async () => {
    const picture = (n: number) =>
      Buffer.concat([Buffer.from("\x89PNG\r\n\x1a\n", "latin1"), Buffer.alloc(700_000, n)]);
    const names = Array.from({ length: 12 }, (_, n) => `p${n}`);
    for (const [n, name] of names.entries()) writeFileSync(join(folder, `${name}.png`), picture(n));
    const agents = names.map((name) => `  ${name}: { backend: { use: echo }, avatar: ./${name}.png }\n`);
    write(`agents:\n${agents.join("")}`);
    const applied = await troupe("apply", "troupe.yaml", "--yes");
    expect(applied).toMatchObject({
      code: 0,
      err: "",
      out: expect.stringContaining("~ agents.p3.avatar: a new picture"),
    });
    expect((await troupe("apply", "troupe.yaml")).out).toContain("Nothing to change");
    writeFileSync(join(folder, "p3.png"), picture(99));
    expect((await troupe("apply", "troupe.yaml", "--yes")).out).toContain(
      "~ agents.p3.avatar: a new picture\nApplied 1 change.\n",
    );
    expect((await troupe("export", "--out", "pictures.yaml")).code).toBe(0);
    const { agents: exported } = parse(readFileSync(join(folder, "pictures.yaml"), "utf8"));
    expect(exported.p3.avatar).toBe(`data:image/png;base64,${picture(99).toString("base64")}`);
    expect((await troupe("apply", "pictures.yaml")).out).toContain("Nothing to change");
  }, 60_000);

  test("agent adds, lists and removes an agent", async () => {
    write("agents: {}\n");
    await troupe("apply", "troupe.yaml", "--yes");
    const add = ["agent", "add", "echo2", "--backend", "echo", "--set", "turns.queue=5", "--set", 'users=["@a:b"]'];
    expect(await troupe(...add)).toMatchObject({ code: 0, out: expect.stringContaining("echo2 is ready") });
    expect(await troupe(...add)).toMatchObject({ code: 1, err: expect.stringContaining("--replace") });
    expect((await troupe(...add, "--replace", "--name", "Two")).out).toContain(
      '~ agents.echo2.name: "echo2" → "Two"\n',
    );
    expect((await troupe("agent", "list")).out).toBe("echo2  echo  Two\n");
    const wrong = await troupe("agent", "add", "b", "--backend", "echo", "--set", "mention=maybe");
    expect(wrong).toMatchObject({ code: 1, err: "agents.b.mention: expected boolean, received string\n" });
    expect((await troupe("agent", "remove", "echo2")).code).toBe(0);
    expect((await troupe("agent", "remove", "echo2")).code).toBe(1);
  }, 30_000);

  test("pair lets users in and out, and why explains in sentences", async () => {
    await troupe("agent", "add", "echo2", "--backend", "echo");
    expect((await troupe("pair", "list")).out).toBe("No user is waiting, and none was let in.\n");
    expect((await troupe("pair", "allow", "echo2", "@a:b")).out).toBe("@a:b may talk to echo2 now.\n");
    expect((await troupe("pair", "list")).out).toMatch(/^let in {2}echo2 {2}@a:b/);
    expect((await troupe("pair", "deny", "echo2", "@a:b")).code).toBe(0);
    expect((await troupe("pair", "deny", "echo2", "@a:b")).code).toBe(1);
    expect((await troupe("pair", "code", "echo2")).out).toMatch(/^[A-Z2-9]{8}\n/);
    expect(await troupe("pair", "approve", "NOSUCH22")).toMatchObject({
      code: 1,
      err: expect.stringContaining("hour"),
    });
    expect(await troupe("why", "$none")).toMatchObject({ code: 1, err: expect.stringContaining("No event") });
    expect((await troupe("why", "--room", "!none")).out).toBe("No messages of this room are known.\n");
    expect((await troupe("why")).code).toBe(2);
  }, 30_000);

  test("repair lists what cannot be read, and mends it only with an answer or --yes, once and without secrets", async () => {
    expect(await troupe("repair")).toEqual({ code: 0, out: "Every row can be read.\n", err: "" });
    await troupe("agent", "add", "broken", "--backend", "echo");
    const database = createClient({ url: `file:${join(folder, "bridge/troupe.db")}` });
    const damage = `UPDATE agents SET agent = json_set(agent, '$.dm', 'all', '$.backend.apiKey', '${SECRET}') WHERE id = 'broken'`;
    await database.execute(damage);
    database.close();
    const listed = await troupe("repair");
    expect(listed.out).toMatch(
      /^agents broken: dm: .*\n {2}The agent answers nobody\.\n1 row cannot be read; --apply mends them\.\n$/,
    );
    expect(await troupe("repair", "--apply")).toMatchObject({ code: 2, err: expect.stringContaining("--yes") });
    expect(JSON.parse((await troupe("repair", "--json")).out)).toMatchObject({
      rows: [{ table: "agents", key: "broken" }],
    });
    const mended = await troupe("repair", "--apply", "--yes");
    expect(mended).toMatchObject({ code: 0, out: expect.stringContaining("agents broken: It is kept without dm.") });
    expect(mended.out).toMatch(/\nMended 1 row\.\n$/);
    expect(await troupe("repair", "--json", "--yes")).toEqual({ code: 0, out: '{"rows":[]}\n', err: "" });
    expect(listed.out + mended.out).not.toContain(SECRET);
    expect((await troupe("agent", "remove", "broken")).code).toBe(0);
  }, 30_000);

  test.for([
    ["--help"],
    ["apply", "--help"],
    ["agent", "add", "--help"],
    ["pair", "approve", "--help"],
    ["why", "--help"],
    ["repair", "--help"],
  ])("%j prints help", async (args) => {
    const { code, out } = await troupe(...args);
    expect([code, out.includes("Usage: troupe")]).toEqual([0, true]);
    if (args.length > 1) expect(out).toContain("Example:\n  npx troupe");
  });

  test("a missing token is an error with a sentence, and the playground's token is sent to no other bridge", async () => {
    expect(await troupe("agent", "list", "--url", "http://127.0.0.1:9")).toMatchObject({
      code: 1,
      err: expect.stringContaining(`ADMIN_TOKEN is not set`),
    });
    expect((await troupe("agent", "lsit")).code).toBe(2);
    expect((await troupe("schema")).out).toContain('"title": "troupe.yaml"');
  });
});
