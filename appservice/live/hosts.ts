/** The two hosts as processes, started as an operator starts them. Each can be killed without warning. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

export type HostKind = "node" | "worker";

export interface HostSettings {
  homeserver: string;
  serverName: string;
  asToken: string;
  hsToken: string;
  adminToken: string;
  port: number;
  folder: string;
  /** Further environment variables, such as those that agents name as `$NAME`. */
  env: Record<string, string>;
  /** The Worker's entry. Default is the real one, on a D1 that keeps to Cloudflare's limits. */
  entry?: string;
  /** `"caller"` when only the caller rings the Worker's cron. Default is that it is rung every 1.5 s. */
  cron?: "caller";
}

export interface RunningHost {
  url: string;
  log(): string;
  /** Sends SIGKILL to the process and its children. */
  kill(): Promise<void>;
}

const UP_MS_MAX = 60_000;
const CRON_MS = 1_500;

export const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(address !== null && typeof address === "object" ? address.port : 0));
    });
  });

/** Gives a running host its agents, as `troupe apply` does. */
export async function applyAgents({ url }: { url: string }, adminToken: string, agents: object[]): Promise<void> {
  const answer = await fetch(`${url}/admin/agents`, {
    method: "PUT",
    headers: { authorization: `Bearer ${adminToken}` },
    body: JSON.stringify({ agents }),
  });
  if (!answer.ok) throw new Error(`The agents were refused: ${await answer.text()}`);
}

export const startHost = (kind: HostKind, settings: HostSettings): Promise<RunningHost> =>
  kind === "node" ? startNode(settings) : startWorker(settings);

const variables = ({ homeserver, serverName, asToken, hsToken, adminToken, env }: HostSettings) => ({
  HOMESERVER_URL: homeserver,
  SERVER_NAME: serverName,
  AS_TOKEN: asToken,
  HS_TOKEN: hsToken,
  ADMIN_TOKEN: adminToken,
  ...env,
});

function startNode(settings: HostSettings): Promise<RunningHost> {
  const env = { ...variables(settings), PORT: String(settings.port), DATA_DIR: settings.folder };
  return start(["node", "appservice/index.ts"], env, settings.port);
}

async function startWorker(settings: HostSettings): Promise<RunningHost> {
  const state = join(settings.folder, "wrangler");
  const migrated = spawnSync("node", ["scripts/wrangler.mjs", ...MIGRATE, "--persist-to", state], {
    encoding: "utf8",
    env: { ...process.env, CI: "1" },
  });
  if (migrated.status !== 0) throw new Error(`The migrations failed:\n${migrated.stdout}${migrated.stderr}`);
  const given = Object.entries(variables(settings)).flatMap(([name, value]) => ["--var", `${name}:${value}`]);
  const where = ["--ip", "127.0.0.1", "--port", String(settings.port), "--inspector-port", String(await freePort())];
  const command = [
    "node",
    "scripts/wrangler.mjs",
    "dev",
    settings.entry ?? "worker/testing/d1/worker.ts",
    "--persist-to",
    state,
    "--show-interactive-dev-session=false",
  ];
  const host = await start([...command, ...where, ...given], {}, settings.port);
  if (settings.cron === "caller") return host;
  const over = new AbortController();
  // Outside Cloudflare the cron trigger has to be called.
  const ringing = ringCron(host.url, over.signal);
  return {
    ...host,
    async kill() {
      over.abort();
      await ringing;
      await host.kill();
    },
  };
}

const MIGRATE = ["d1", "migrations", "apply", "troupe", "--local"];

/** Runs the Worker's `scheduled` once. */
export const CRON_PATH = "/cdn-cgi/handler/scheduled";

async function ringCron(url: string, over: AbortSignal): Promise<void> {
  while (!over.aborted) {
    await fetch(`${url}${CRON_PATH}`, { signal: over }).catch(() => undefined);
    await sleep(CRON_MS, undefined, { signal: over }).catch(() => undefined);
  }
}

async function start(command: string[], env: Record<string, string>, port: number): Promise<RunningHost> {
  const [program = "node", ...args] = command;
  const child = spawn(program, args, {
    // A process group of its own, because wrangler's children would survive it.
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, TROUPE_FILE: "none", ...env, NO_COLOR: "1" },
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += String(chunk)));
  const url = `http://127.0.0.1:${port}`;
  const kill = () => killGroup(child);
  const onExit = () => groupSignal(child);
  process.once("exit", onExit);
  child.once("exit", () => process.off("exit", onExit));
  if (!(await isUp(url, child))) {
    await kill();
    throw new Error(`The host did not start:\n${output}`);
  }
  return { url, log: () => output, kill };
}

async function isUp(url: string, child: ChildProcess): Promise<boolean> {
  for (const until = Date.now() + UP_MS_MAX; Date.now() < until && child.exitCode === null; await sleep(100)) {
    const answer = await fetch(`${url}/health`).catch(() => undefined);
    if (answer?.ok) return true;
  }
  return false;
}

async function killGroup(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  groupSignal(child);
  await gone;
}

function groupSignal(child: ChildProcess): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
  } catch {
    // The group has ended already.
  }
}
