/** A new user's first steps: start, chat, stop, start again. In a folder of its own, with the shared virtual environment. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { installSynapse } from "../playground/synapse.ts";
import { eventually, liveClient } from "./client.ts";

const run = promisify(execFile);
const folder = mkdtempSync(join(tmpdir(), "troupe-playground-"));
const file = join(folder, "data/playground.json");
const UNSET: Record<string, string> = {
  HOMESERVER_URL: "",
  SERVER_NAME: "",
  AS_TOKEN: "",
  HS_TOKEN: "",
  OPENAI_BASE_URL: "",
  TROUPE_FILE: "",
  NO_COLOR: "1",
};
let started: ChildProcess | undefined;
let printed = "";

async function start(): Promise<{
  homeserver: string;
  bridge: string;
  users: Array<{ user: string; password: string }>;
}> {
  printed = "";
  const child = spawn("node", [resolve("appservice/index.ts")], {
    cwd: folder,
    env: { ...process.env, ...UNSET },
    detached: true,
  });
  started = child;
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (printed += String(chunk)));
  await eventually(() => expect(existsSync(file), printed).toBe(true), 90_000);
  return JSON.parse(readFileSync(file, "utf8"));
}

async function stop(): Promise<void> {
  const child = started;
  if (!child) return;
  const gone = new Promise<void>((done) => child.once("exit", () => done()));
  child.kill("SIGINT");
  await gone;
  started = undefined;
}

const chat = (...words: string[]) =>
  run("node", [resolve("appservice/cli/troupe.js"), "chat", ...words], { cwd: folder });
const answers = (url: string) =>
  fetch(url).then(
    ({ ok }) => ok,
    () => false,
  );

describe("the playground", () => {
  beforeAll(async () => {
    const venv = resolve("data/synapse-venv");
    await installSynapse({ venv, progress: (line) => process.stdout.write(`${line}\n`) });
    mkdirSync(join(folder, "data"));
    symlinkSync(venv, join(folder, "data/synapse-venv"));
  });
  afterAll(async () => {
    await stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test("tells how to start it when it is not running", async () => {
    await expect(chat("guide", "hello")).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining("npm start"),
    });
  });

  test("starts, prints and writes how to reach it, answers, stops, and starts again with the same rooms", async () => {
    const world = await start();
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(world).toMatchObject({
      serverName: "troupe.localhost",
      users: [{ user: "demo", userId: "@demo:troupe.localhost" }, { user: "friend" }],
      agents: [{ id: "guide", userId: "@agent_guide:troupe.localhost", name: "Guide" }, { id: "helper" }],
    });
    await eventually(() => {
      for (const word of [world.homeserver, "demo", world.users[0]?.password ?? "?", "@agent_guide:troupe.localhost"]) {
        expect(printed).toContain(word);
      }
    });
    expect((await chat("guide", "hello")).stdout).toContain("I am a script, not an AI");
    expect((await chat("helper", "hello")).stdout).toContain("I am not set up completely yet");
    await expect(chat("nobody", "hello")).rejects.toMatchObject({ stderr: expect.stringContaining("guide, helper") });
    await expect(
      run("node", [resolve("appservice/index.ts")], { cwd: folder, env: { ...process.env, ...UNSET } }),
    ).rejects.toMatchObject({
      stderr: expect.stringContaining("running here already"),
    });
    const rooms = async (homeserver: string) => {
      const demo = await liveClient(homeserver, "demo", world.users[0]?.password ?? "");
      return (await demo.call<{ joined_rooms: string[] }>("GET", "/joined_rooms")).joined_rooms.toSorted();
    };
    const before = await rooms(world.homeserver);
    expect(before).toHaveLength(2);

    await stop();
    expect(existsSync(file)).toBe(false);
    expect([await answers(`${world.homeserver}/health`), await answers(`${world.bridge}/health`)]).toEqual([
      false,
      false,
    ]);

    const again = await start();
    expect(again).toEqual(world);
    expect((await chat("guide", "stream 3")).stdout).toMatch(/^1\. A troupe.*3\. The second evening/s);
    expect(await rooms(again.homeserver)).toEqual(before);
    await stop();
  });

  test("leaves no homeserver behind when it is killed without warning", async () => {
    const { homeserver } = await start();
    expect(await answers(`${homeserver}/health`)).toBe(true);
    started?.kill("SIGKILL");
    started = undefined;
    await eventually(async () => expect(await answers(`${homeserver}/health`)).toBe(false));
  });
});
