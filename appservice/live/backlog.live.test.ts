/**
 * After an outage of the bridge a homeserver pushes its backlog in order, one event in each transaction. Here the backlog
 * has ten thousand events. The agent answers those that address it, once and in order, and no others.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startUnkindHomeserver, type UnkindHomeserver } from "#testing/unkind/index.ts";
import { applyAgents, freePort, type HostSettings, type RunningHost, startHost } from "./hosts.ts";

const EVENTS = 10_000;
const ROOMS = 40;
/** One in this many messages of a room addresses the agent. */
const ADDRESSED = 20;
const ALICE = "@alice:hs.test";
const GHOST = "@agent_echo:hs.test";
const TOKENS = { asToken: "as-token-of-backlog", hsToken: "hs-token-of-backlog", adminToken: "admin-of-backlog" };

let homeserver: UnkindHomeserver;
let folder: string;
let settings: HostSettings;
let host: RunningHost | undefined;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "troupe-backlog-"));
  homeserver = await startUnkindHomeserver({ ...TOKENS, recoveryMs: 200 });
  const env = { SENDER_TURNS_PER_MINUTE: "0", ROOM_TURNS_PER_MINUTE: "0" };
  const where = { homeserver: homeserver.url, serverName: "hs.test", port: await freePort(), folder };
  settings = { ...where, ...TOKENS, env };
});
afterAll(async () => {
  await host?.kill();
  await homeserver.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function start(): Promise<RunningHost> {
  const started = await startHost("node", settings);
  const agent = { id: "echo", name: "Echo", backend: { use: "echo" }, turns: { queue: 1_000 } };
  await applyAgents(started, TOKENS.adminToken, [agent]);
  homeserver.appservice(started.url);
  return started;
}

test("ten thousand single events are taken in, and each question is answered once and in order", {
  timeout: 280_000,
}, async () => {
  host = await start();
  // Rooms with two users and the agent, which answers only when it is mentioned.
  const rooms = Array.from({ length: ROOMS }, () => {
    const room = homeserver.createRoom(ALICE, "@bob:hs.test");
    homeserver.invite(room, ALICE, GHOST);
    return room;
  });
  await homeserver.settle({ quietMs: 1_000, withinMs: 60_000 });
  await host.kill();

  const asked = new Map<string, string[]>(rooms.map((room) => [room, []]));
  const mentioned = { "m.mentions": { user_ids: [GHOST] } };
  for (let n = 0; n < EVENTS; n++) {
    const room = rooms[n % ROOMS] ?? "";
    const isAddressed = Math.floor(n / ROOMS) % ADDRESSED === 0;
    homeserver.say(room, ALICE, `m${n}`, isAddressed ? mentioned : {});
    if (isAddressed) asked.get(room)?.push(`echo m${n}`);
    // The first push fails. From then on each event becomes a transaction of its own.
    await new Promise((resolve) => setTimeout(resolve, n < 2 ? 500 : 0));
  }
  const before = homeserver.counts.pushes;
  host = await start();
  const answers = () => rooms.map((room) => homeserver.visible(room).filter(({ sender }) => sender === GHOST));
  const wanted = [...asked.values()].flat().length;
  await expect.poll(() => answers().flat().length, { timeout: 240_000, interval: 500 }).toBeGreaterThanOrEqual(wanted);
  await homeserver.settle({ quietMs: 2_000, withinMs: 60_000 });
  expect(homeserver.counts.pushes - before).toBeGreaterThan(EVENTS * 0.9);
  expect(answers().map((said) => said.map(({ body }) => body))).toEqual([...asked.values()]);
});
