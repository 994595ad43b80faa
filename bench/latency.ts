/**
 * How long a user waits for a reply: from the client's send until the reply is in its `/sync`, through one Synapse. Three
 * contestants race: an appservice of twenty lines that stores nothing, a minimal `/sync` bot, and Troupe, once on Node and
 * once on `wrangler dev`. They take turns message by message, so that other load on the machine affects all of them. Each
 * is a process of its own. Each host has a race of its own, because Synapse matches every event with every appservice: an
 * idle one would slow the others down by some milliseconds.
 */

import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { stringify } from "yaml";
import { registrationShape } from "#core/protocol/registration.ts";
import { type LiveClient, liveClient } from "../appservice/live/client.ts";
import { applyAgents, freePort, type HostKind, type HostSettings, startHost } from "../appservice/live/hosts.ts";
import { registerUser } from "../appservice/playground/accounts.ts";
import { installSynapse, startSynapse } from "../appservice/playground/synapse.ts";
import { median, ms, quantile, ratioInterval, table } from "./figures.ts";
import type { RivalSettings, Sync } from "./rivals/latency.ts";

const SERVER_NAME = "bench.localhost";
const FLOOR_MAX = 1.15;
const SYNC_BOT_MAX = 1;

const { values } = parseArgs({
  options: {
    n: { type: "string", default: "150" },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  process.stdout.write(
    "npm run bench:latency -- [--n 150] [--json]\n\n--n   Messages for each contestant, after twenty to warm up.\n",
  );
  process.exit(0);
}
const MESSAGES = Number(values.n);
const WARM_UP = 20;

interface Contestant {
  name: string;
  room: string;
  userId: string;
  times: number[];
}

/** The filter of the measuring client. The minimal bot has none. */
const FILTER = encodeURIComponent(
  JSON.stringify({ presence: { types: [] }, room: { ephemeral: { types: [] }, state: { types: [] } } }),
);
const syncOnce = (client: LiveClient, since: string, timeout: number): Promise<Sync> =>
  client.call<Sync>(
    "GET",
    `/sync?filter=${FILTER}&timeout=${timeout}${since ? `&since=${encodeURIComponent(since)}` : ""}`,
  );

/** Starts a rival; resolves when it is ready. */
function startRival(rival: "floor" | "bot", settings: RivalSettings): Promise<{ kill(): void }> {
  const child = spawn(
    process.execPath,
    [join(import.meta.dirname, "rivals/latency.ts"), rival, JSON.stringify(settings)],
    {
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  return new Promise((resolve, reject) => {
    child.stdout.once("data", () => resolve({ kill: () => void child.kill("SIGKILL") }));
    child.once("exit", (code) => reject(new Error(`The ${rival} ended with ${code}`)));
  });
}

/** Sends one message and waits for its reply in the sync stream; measured with the clock of this process. */
async function measure(
  client: LiveClient,
  { room, userId }: Contestant,
  since: string,
): Promise<{ time: number; since: string }> {
  const text = randomUUID();
  let place = since;
  const startedAt = performance.now();
  await client.say(room, text);
  for (;;) {
    const synced = await syncOnce(client, place, 10_000);
    place = synced.next_batch;
    const events = synced.rooms?.join?.[room]?.timeline.events ?? [];
    if (events.some(({ sender, content }) => sender === userId && content.body === `echo ${text}`)) {
      return { time: performance.now() - startedAt, since: place };
    }
  }
}

async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "troupe-bench-"));
  const python = await installSynapse({
    venv: "data/synapse-venv",
    progress: (line) => process.stderr.write(`${line}\n`),
  });
  try {
    const node = await raceOf("node", python, join(folder, "node"));
    report(node, await raceOf("worker", python, join(folder, "worker")));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** One race: starts a Synapse, both rivals and one host, and stops all of them in the end. */
async function raceOf(kind: HostKind, python: string, folder: string): Promise<Contestant[]> {
  mkdirSync(folder);
  const port = await freePort();
  const homeserver = `http://127.0.0.1:${port}`;
  const [floor, troupe] = [await register(folder, "floor"), await register(folder, "troupe")];
  const dir = join(folder, "synapse");
  const registrationFiles = [floor.file, troupe.file];
  const synapse = await startSynapse({ python, dir, port, serverName: SERVER_NAME, registrationFiles });
  const running: { kill(): unknown }[] = [];
  try {
    for (const user of ["alice", "bot"]) await registerUser(synapse, dir, user, "password");
    const alice = await liveClient(homeserver, "alice", "password");
    running.push(await startTroupe(kind, { ...troupe, homeserver, folder: join(folder, "host") }));
    const contestants = await enterAll(alice, [
      ["floor appservice", floor.ghost],
      ["/sync bot", `@bot:${SERVER_NAME}`],
      [kind === "node" ? "Troupe on Node" : "Troupe on wrangler dev", troupe.ghost],
    ]);
    const [atFloor = "", atBot = ""] = contestants.map(({ room }) => room);
    const rival = { homeserver, floor, bot: { user: "bot", password: "password" } };
    running.push(await startRival("floor", { ...rival, room: atFloor }));
    await enterFloor(homeserver, floor.asToken);
    await joinAs(homeserver, floor.asToken, floor.ghost, atFloor);
    running.push(await startRival("bot", { ...rival, room: atBot }));
    await race(alice, contestants);
    return contestants;
  } finally {
    for (const one of running) await one.kill();
    await synapse.stop();
  }
}

/** Writes the registration of an appservice; its users begin with its id. */
async function register(folder: string, id: string) {
  const settings = { id, port: await freePort(), asToken: `as-token-of-${id}`, hsToken: `hs-token-of-${id}` };
  const namespace = { serverName: SERVER_NAME, ghostPrefix: `${id}_`, botLocalpart: `${id}bot` };
  const file = join(folder, `${id}.yaml`);
  const shape = registrationShape({ ...settings, url: `http://127.0.0.1:${settings.port}`, namespace });
  writeFileSync(file, stringify(shape));
  return { ...settings, file, ghost: `@${id}_echo:${SERVER_NAME}` };
}

async function enterAll(client: LiveClient, named: [name: string, userId: string][]): Promise<Contestant[]> {
  const contestants: Contestant[] = [];
  for (const [name, userId] of named) {
    contestants.push({ name, userId, room: await client.createRoom([userId], { is_direct: true }), times: [] });
  }
  return contestants;
}

async function race(client: LiveClient, contestants: Contestant[]): Promise<void> {
  let since = (await syncOnce(client, "", 0)).next_batch;
  for (let n = 0; n < MESSAGES + WARM_UP; n++) {
    // In random order, because one contestant's work in the homeserver may slow the next one down.
    for (const contestant of shuffled(contestants)) {
      const measured = await measure(client, contestant, since);
      since = measured.since;
      if (n >= WARM_UP) contestant.times.push(measured.time);
    }
    if (process.stderr.isTTY) process.stderr.write(`\r${n + 1} of ${MESSAGES + WARM_UP} `);
  }
  if (process.stderr.isTTY) process.stderr.write("\n");
}

function shuffled<T>(list: readonly T[]): T[] {
  return list
    .map((one) => ({ one, at: Math.random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ one }) => one);
}

async function startTroupe(
  kind: HostKind,
  its: { id: string; port: number; asToken: string; hsToken: string; homeserver: string; folder: string },
) {
  const settings: HostSettings = {
    ...its,
    serverName: SERVER_NAME,
    adminToken: "admin-token-of-the-bench",
    // The rivals have no limits either.
    env: {
      GHOST_PREFIX: `${its.id}_`,
      BOT_LOCALPART: `${its.id}bot`,
      SENDER_TURNS_PER_MINUTE: "0",
      ROOM_TURNS_PER_MINUTE: "0",
    },
  };
  const host = await startHost(kind, settings);
  await applyAgents(host, settings.adminToken, [{ id: "echo", name: "Echo", backend: { use: "echo" } }]);
  return host;
}

const as = (homeserver: string, asToken: string, method: string, path: string, body: object) =>
  fetch(`${homeserver}/_matrix/client/v3${path}`, {
    method,
    headers: { authorization: `Bearer ${asToken}` },
    body: JSON.stringify(body),
  });

async function enterFloor(homeserver: string, asToken: string): Promise<void> {
  const account = { type: "m.login.application_service", username: "floor_echo", inhibit_login: true };
  await as(homeserver, asToken, "POST", "/register", account);
}
const joinAs = (homeserver: string, asToken: string, userId: string, room: string) =>
  as(homeserver, asToken, "POST", `/rooms/${encodeURIComponent(room)}/join?user_id=${encodeURIComponent(userId)}`, {});

const ratio = (of: number | undefined, to: number | undefined) => (of ?? 0) / (to ?? 1);

function report(...races: Contestant[][]): void {
  const [floor, bot, node] = (races[0] ?? []).map(({ times }) => times);
  const goals = [
    { name: "of the floor", to: floor ?? [], max: FLOOR_MAX },
    { name: "of the /sync bot", to: bot ?? [], max: SYNC_BOT_MAX },
  ].map(({ name, to, max }) => {
    const [low, high] = ratioInterval(node ?? [], to);
    return { name, max, low, high, value: ratio(median(node ?? []), median(to)) };
  });
  if (values.json) {
    const medians = races.map((race) => Object.fromEntries(race.map(({ name, times }) => [name, median(times)])));
    process.stdout.write(`${JSON.stringify({ messages: MESSAGES, medians, goals })}\n`);
    return;
  }
  for (const race of races) {
    const [itsFloor, itsBot] = race.map(({ times }) => median(times));
    const rows = race.map(({ name, times }) => [
      name,
      ms(median(times)),
      ms(quantile(times, 0.9)),
      ratio(median(times), itsFloor).toFixed(2),
      ratio(median(times), itsBot).toFixed(2),
    ]);
    process.stdout.write(`${table(["", "median", "p90", "to floor", "to /sync bot"], rows)}\n`);
  }
  for (const { name, value, low, high, max } of goals) {
    const verdict = high <= max ? "within" : low <= max ? "not shown to be above" : "ABOVE";
    const spread = `${low.toFixed(2)}–${high.toFixed(2)} with 95 % confidence`;
    process.stdout.write(`Troupe on Node: ${value.toFixed(2)} ${name} (${spread}): ${verdict} ${max}\n`);
  }
}

await main();
