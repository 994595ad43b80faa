/** The Node host as a deployment sees it: one process takes over from another one, on the same folder. */
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "@libsql/client";
import { afterEach, expect, test, vi } from "vitest";
import { Configuration } from "#core/configuration/configuration.ts";
import { Environment } from "#core/configuration/environment.ts";
import { withShortLimits } from "#testing/node-limits.ts";
import { startUnkindHomeserver, type UnkindHomeserver } from "#testing/unkind/index.ts";
import { type Served, serve } from "./serve.ts";

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});
const ALICE = "@alice:hs.test";
const GHOST = "@agent_guide:hs.test";
const TOKENS = { AS_TOKEN: "as-token-of-tests", HS_TOKEN: "hs-token-of-tests" };
const soon = { timeout: 10_000, interval: 30 };

async function begin(backend: { use: string; [key: string]: unknown } = { use: "scripted" }) {
  const homeserver = await startUnkindHomeserver({
    asToken: TOKENS.AS_TOKEN,
    hsToken: TOKENS.HS_TOKEN,
    recoveryMs: 100,
  });
  closing.push(() => homeserver.stop());
  const folder = mkdtempSync(join(tmpdir(), "troupe-serve-"));
  closing.push(() => rmSync(folder, { recursive: true, force: true }));
  const url = { HOMESERVER_URL: homeserver.url, SERVER_NAME: "hs.test", PORT: 0, DATA_DIR: folder };
  const environment = Environment.parse({ ...url, ...TOKENS });
  const configuration = Configuration.parse({
    defaults: { mention: false },
    agents: [{ id: "guide", name: "Guide", backend }],
  });
  const start = async (lines: string[]): Promise<Served> => {
    const served = await serve({ environment, env: {}, configuration, write: (line) => void lines.push(line) });
    homeserver.appservice(served.url);
    return served;
  };
  return { homeserver, start, environment };
}
async function entered(homeserver: UnkindHomeserver): Promise<string> {
  const room = homeserver.createRoom(ALICE);
  homeserver.invite(room, ALICE, GHOST);
  await homeserver.settle({ quietMs: 300, withinMs: 10_000 });
  return room;
}
const said = (homeserver: UnkindHomeserver, room: string) =>
  homeserver.visible(room).flatMap(({ sender, body }) => (sender === GHOST ? [body.slice(0, 20)] : []));

test("kind 6, input 11: a backend that is slower than the limits of Node's client still answers", async () => {
  const model = createServer((_request, response) => {
    const chunk = { choices: [{ index: 0, delta: { content: "at last" }, finish_reason: "stop" }] };
    setTimeout(() => response.end(`data: ${JSON.stringify(chunk)}\n\n`), 2_500);
  });
  await new Promise<void>((resolve) => model.listen(0, "127.0.0.1", resolve));
  closing.push(() => model.close());
  const baseUrl = `http://127.0.0.1:${(model.address() as AddressInfo).port}/v1`;
  const { homeserver, start } = await begin({ use: "openai", baseUrl, model: "m" });
  const lines: string[] = [];
  await withShortLimits(async () => {
    const served = await start(lines);
    closing.push(() => served.stop());
    const room = await entered(homeserver);
    homeserver.say(room, ALICE, "a question");
    await vi.waitFor(() => expect(said(homeserver, room)).toContain("at last"), soon);
  });
  expect(lines.join()).not.toContain("turn_failed");
});

test("a new process beside the old one, which is then stopped, loses no event and answers none twice", async () => {
  const { homeserver, start } = await begin();
  const [oldLines, newLines]: string[][] = [[], []];
  const old = await start(oldLines ?? []);
  const room = await entered(homeserver);
  homeserver.say(room, ALICE, "slow 3");
  await vi.waitFor(() => expect(homeserver.counts.eventsPushed).toBeGreaterThan(2), soon);
  const next = await start(newLines ?? []);
  closing.push(() => next.stop());
  expect(newLines?.join()).toContain("alone=false");
  homeserver.say(room, ALICE, "error");
  const askedAt = Date.now();
  await old.stop();
  expect(Date.now() - askedAt).toBeLessThan(10_000);
  await vi.waitFor(() => expect(said(homeserver, room)).toHaveLength(2), soon);
  expect(said(homeserver, room)[0]).toBe("That took a while. W");
  await homeserver.settle({ quietMs: 800, withinMs: 10_000 });
  expect(said(homeserver, room)).toHaveLength(2);
  expect(homeserver.violations).toEqual([]);
}, 40_000);

test("a turn that takes longer than the grace time is handed over at once", async () => {
  const { homeserver, start } = await begin();
  const old = await start([]);
  const room = await entered(homeserver);
  homeserver.say(room, ALICE, "slow 9");
  await vi.waitFor(() => expect(homeserver.counts.eventsPushed).toBeGreaterThan(2), soon);
  const askedAt = Date.now();
  await old.stop();
  expect(Date.now() - askedAt).toBeLessThan(10_000);
  expect(said(homeserver, room)).toEqual([]);
  const next = await start([]);
  closing.push(() => next.stop());
  await vi.waitFor(() => expect(said(homeserver, room)).toEqual(["That took a while. W"]), {
    timeout: 15_000,
    interval: 50,
  });
}, 60_000);

test("a start after days and a stop do not wait long for a homeserver that takes requests and answers none", async () => {
  const { start, environment } = await begin();
  await (await start([])).stop();
  const database = createClient({ url: `file:${join(environment.DATA_DIR, "troupe.db")}` });
  const lastKnown = JSON.stringify({ atMs: Date.now() - 3 * 86_400_000, doubtedUntilMs: 0 });
  await database.execute({ sql: "INSERT OR REPLACE INTO marks (name, value) VALUES ('clock', ?)", args: [lastKnown] });
  database.close();
  const hung = createServer(() => {}).listen(0, "127.0.0.1");
  await once(hung, "listening");
  closing.push(() => hung.close());
  const address = hung.address();
  if (address === null || typeof address === "string") throw new Error("it does not listen");
  const elsewhere = { ...environment, HOMESERVER_URL: `http://127.0.0.1:${address.port}` };
  const served = await serve({ environment: elsewhere, env: {}, write: () => {} });
  expect((await fetch(`${served.url}/health`)).status).toBe(200);
  const stoppedAt = Date.now();
  await served.stop();
  expect(Date.now() - stoppedAt).toBeLessThan(10_000);
  hung.closeAllConnections();
}, 30_000);

test("a start without a file keeps the configuration, and an invalid file prevents the start", async () => {
  const { environment } = await begin();
  const quiet = { environment, env: {}, write: () => undefined };
  const held: Configuration[] = [];
  const holding = (agents: object[]) => Configuration.parse({ agents });
  const guide = holding([{ id: "guide", name: "Guide", backend: { use: "scripted" } }]);
  await (await serve({ ...quiet, configuration: guide })).stop();
  await (await serve(quiet)).stop();
  const looked = serve({
    ...quiet,
    configuration(now) {
      held.push(now);
      return holding([{ id: "a", name: "A", backend: { use: "openai", apiKey: "sk-very-secret" } }]);
    },
  });
  await expect(looked).rejects.toThrow(/agents\.a\.backend\.apiKey is a secret/);
  expect(held).toEqual([guide]);
});

test("a start names the line to add for variables that stored agents may not read; those in its own file may be read", async () => {
  const { environment } = await begin();
  const lines: string[] = [];
  const write = (line: string) => void lines.push(line);
  const backend = { use: "openai", baseUrl: "http://model.test", model: "m", apiKey: "$CORP" };
  const configuration = Configuration.parse({ agents: [{ id: "guide", name: "Guide", backend }] });
  await (await serve({ environment, env: {}, configuration, write })).stop();
  expect(lines.join()).not.toContain("variables_not_listed");
  await (await serve({ environment, env: {}, write })).stop();
  expect(lines.join()).toMatch(/variables_not_listed warning=guide: .*AGENT_ENV=.*,CORP/);
});

test("kind 9, input 33: without the bot the upkeep runs, agents answer, and health names the bot", async () => {
  const { homeserver, environment } = await begin();
  // Outside the namespaces of the registration, so that the homeserver refuses it as Synapse does.
  const settings = { ...environment, BOT_LOCALPART: "intruder", TEND_SECONDS: 1 };
  const configuration = Configuration.parse({
    defaults: { mention: false },
    agents: [{ id: "guide", name: "Guide", backend: { use: "echo" } }],
  });
  const served = await serve({ environment: settings, env: {}, configuration, write: () => undefined });
  closing.push(() => served.stop());
  homeserver.appservice(served.url);
  const room = await entered(homeserver);
  homeserver.say(room, ALICE, "hello");
  await vi.waitFor(() => expect(said(homeserver, room)).toEqual(["echo hello"]), soon);
  const health = async () => (await fetch(`${served.url}/health`)).json();
  const problems = [expect.stringContaining("@intruder:hs.test (400 M_EXCLUSIVE)")];
  await vi.waitFor(
    async () => expect(await health()).toMatchObject({ ok: true, problems, homeserver: { reachable: true } }),
    soon,
  );
});

test("without HOMESERVER_URL the well-known file is read, and a sentence says so when that fails", async () => {
  const { environment } = await begin();
  const nowhere = { ...environment, HOMESERVER_URL: undefined, SERVER_NAME: "127.0.0.1:9" };
  await expect(serve({ environment: nowhere, env: {}, write: () => undefined })).rejects.toThrow(
    /^HOMESERVER_URL is not set, and https:\/\/127\.0\.0\.1\/\.well-known\/matrix\/client does not name a homeserver/,
  );
});
