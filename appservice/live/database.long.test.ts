/**
 * Kind 10 on a real Synapse, whose back-off doubles with each push that is answered with an error: the lock of another
 * process, a file that is moved away, and a libSQL server that hangs. Each lasts for long enough that its next push of its
 * own accord would come too late.
 */
import { mkdtempSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import Libsql from "libsql";
import { afterAll, beforeAll, describe, expect, onTestFailed, test, vi } from "vitest";
import { type HranaServer, startHranaServer } from "#testing/hrana-server.ts";
import { openWorld, SERVER_NAME, type World } from "./world.ts";

const GHOST = `@agent_echo:${SERVER_NAME}`;
const AGENTS = [{ id: "echo", name: "Echo", backend: { use: "echo" } }];
const AWAY_MS = 20_000;
const WELL_AGAIN_MS = 10_000;

let world: World;
let room: string;
const questions: string[] = [];
const soon = (timeout: number) => ({ timeout, interval: 100 });

/** Every question so far is answered, once and in order. */
const answered = async () =>
  expect((await world.alice.by(room, GHOST)).map(({ content }) => content["body"])).toEqual(
    questions.map((question) => `echo ${question}`),
  );
async function ask(question: string): Promise<void> {
  questions.push(question);
  await world.alice.say(room, question);
}
const health = async () => {
  const answer = await fetch(`http://127.0.0.1:${world.settings.port}/health`, { signal: AbortSignal.timeout(5_000) });
  return { status: answer.status, ...((await answer.json()) as { problems: string[] }) };
};
async function begin(env: Record<string, string> = {}): Promise<void> {
  world = await openWorld("node", AGENTS, env);
  questions.length = 0;
  room = await world.alice.createRoom([GHOST], { is_direct: true });
  await ask("before");
  await vi.waitFor(answered, soon(20_000));
}
/** The database is away now. `giveBack` ends that. */
async function drill(giveBack: () => unknown): Promise<void> {
  onTestFailed(() => void process.stdout.write(`${world.host.log().split("\n").slice(-40).join("\n")}\n`));
  const backAt = Date.now() + AWAY_MS;
  await ask(`during ${questions.length}`);
  while (Date.now() < backAt - 5_000) {
    await sleep(1_000);
    expect((await world.push(`drill-${Date.now()}`, [])).status).toBe(500);
    expect((await health()).status).toBe(503);
  }
  expect((await health()).problems.join()).toMatch(/the last \d+ transactions of the homeserver were answered with an/);
  await sleep(Math.max(backAt - Date.now(), 0));
  await giveBack();
  await ask(`after ${questions.length}`);
  await vi.waitFor(answered, soon(WELL_AGAIN_MS));
  await vi.waitFor(async () => expect(await health()).toMatchObject({ status: 200, problems: [] }), soon(2_000));
  await sleep(1_000);
  await answered();
}

describe("kind 10: a file", () => {
  beforeAll(() => begin());
  afterAll(() => world?.close());
  const path = () => join(world.settings.folder, "troupe.db");

  test("that another process has locked for twenty seconds", { timeout: 90_000 }, async () => {
    const other = new Libsql(path());
    other.exec("PRAGMA busy_timeout = 5000");
    other.exec("BEGIN IMMEDIATE");
    await drill(() => other.exec("ROLLBACK")).finally(() => other.close());
  });

  test("that was moved away, and back after twenty seconds", { timeout: 90_000 }, async () => {
    renameSync(path(), `${path()}.away`);
    await drill(() => renameSync(`${path()}.away`, path()));
  });
});

describe("kind 10: a libSQL server", () => {
  let folder: string;
  let server: HranaServer;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "troupe-live-libsql-"));
    server = await startHranaServer(join(folder, "server.db"));
    await begin({ LIBSQL_URL: server.url });
  });
  afterAll(async () => {
    await world?.close();
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test.for(["hangs", "down"] as const)("that %s for twenty seconds", { timeout: 90_000 }, async (mood) => {
    await server.become(mood);
    await drill(() => server.become("well"));
  });
});
