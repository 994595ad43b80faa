/**
 * A real Synapse in a virtual environment: made once, started on loopback, stopped by its own process id. No federation,
 * SQLite, everything it keeps in one folder.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { createHmac, randomBytes } from "node:crypto";
import { existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { stringify } from "yaml";
import * as z from "zod/v4";
import { aloneIn } from "../host/alone.ts";
import { commandOf, lastLines, run } from "./processes.ts";

const SYNAPSE_VERSION = "1.163.2";
const HEALTHY_MS_MAX = 60_000;
const STOPPING_MS_MAX = 10_000;
const INSTALLING_MS_MAX = 600_000;

/** A sentence for the person at the terminal: nothing is wrong with the program. */
export class UserError extends Error {}

interface Install {
  venv: string;
  progress: (line: string) => void;
  signal?: AbortSignal;
}

/** Makes the virtual environment unless it is there, and returns its python. An interrupted one is made anew. */
export async function installSynapse({ venv, progress, signal }: Install): Promise<string> {
  const python = resolve(venv, "bin", "python");
  const marker = join(venv, `synapse-${SYNAPSE_VERSION}.installed`);
  if (existsSync(marker)) return python;
  await checkPython();
  const lock = `${venv}.lock`;
  mkdirSync(lock, { recursive: true });
  const until = Date.now() + INSTALLING_MS_MAX;
  let alone = await aloneIn(lock);
  if (!alone) progress("Another process is installing Synapse; waiting for it …");
  while (!alone) {
    signal?.throwIfAborted();
    if (Date.now() > until) throw new UserError(`Another process has been installing Synapse in ${venv} for too long.`);
    await sleep(500);
    alone = await aloneIn(lock);
  }
  try {
    // Again, now that nobody else is at it: whoever we waited for may have finished it.
    if (!existsSync(marker)) await install({ venv, progress, ...(signal ? { signal } : {}) }, python);
    writeFileSync(marker, "");
  } finally {
    alone.leave();
  }
  return python;
}

async function install({ venv, progress, signal }: Install, python: string): Promise<void> {
  rmSync(venv, { recursive: true, force: true });
  progress("Making a virtual environment for Synapse (only the first time) …");
  const made = await run("python3", ["-m", "venv", venv], signal);
  if (made.code !== 0)
    throw new UserError(`Python could not make a virtual environment in ${venv}:\n${lastLines(made.output)}`);
  progress(`Installing matrix-synapse ${SYNAPSE_VERSION} from PyPI (some 250 MB, half a minute on a good line) …`);
  const requirement = `matrix-synapse==${SYNAPSE_VERSION}`;
  const pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", requirement];
  const installed = await run(python, pip, signal);
  if (installed.code !== 0) throw new UserError(`Synapse could not be installed:\n${lastLines(installed.output)}`);
}

async function checkPython(): Promise<void> {
  const found = await run("python3", ["-c", "import sys; print(sys.version_info >= (3, 10))"]);
  if (found.output.trim() !== "True") {
    throw new UserError(
      "The playground runs a real Synapse and needs Python 3.10 or newer: install it (Debian: `apt-get install python3 python3-venv`) and start again.",
    );
  }
  // Debian ships `venv` without the module it cannot work without.
  const able = await run("python3", ["-c", "import venv, ensurepip"]);
  if (able.code === 0) return;
  throw new UserError(
    "Python cannot make virtual environments here: install its venv module (Debian: `apt-get install python3-venv`) and start again.",
  );
}

export interface Synapse {
  url: string;
  port: number;
  pid: number;
  stop(): Promise<void>;
  /** Resolves when the process is gone, for whatever reason. */
  exited: Promise<void>;
}

interface Start {
  python: string;
  /** Everything it keeps, and its log. */
  dir: string;
  port: number;
  serverName: string;
  registrationFiles: string[];
}

/** Starts it and waits until it is healthy. What a killed predecessor left running in the same folder is stopped first. */
export async function startSynapse({ python, dir, port, serverName, registrationFiles }: Start): Promise<Synapse> {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  await stopLeftover(dir);
  const config = join(dir, "homeserver.yaml");
  writeFileSync(config, stringify(settings({ dir, port, serverName, registrationFiles })), { mode: 0o600 });
  writeFileSync(join(dir, "log.yaml"), stringify(LOGGING));
  // Only the first time: it takes a second.
  if (!existsSync(join(dir, "signing.key"))) {
    const generated = await run(python, ["-m", "synapse.app.homeserver", "-c", config, "--generate-keys"]);
    if (generated.code !== 0) throw new UserError(`Synapse could not be set up:\n${lastLines(generated.output)}`);
  }

  const logFile = join(dir, "synapse.log");
  const log = openSync(logFile, "w");
  // A group of its own: Ctrl-C in the terminal is ours to pass on, in our order.
  const child = spawn(python, ["-m", "synapse.app.homeserver", "-c", config], {
    stdio: ["ignore", log, log],
    detached: true,
    cwd: dir,
  });
  // Synapse writes one itself only when it daemonizes.
  if (child.pid !== undefined) writeFileSync(join(dir, PID_FILE), `${child.pid}\n`);
  const exited = new Promise<void>((done) => child.on("exit", () => done()).on("error", () => done()));
  // Whoever is in too much of a hurry to stop it must not leave it behind.
  const hurried = () => child.kill("SIGKILL");
  process.once("exit", hurried);
  void exited.then(() => process.off("exit", hurried));
  const url = `http://127.0.0.1:${port}`;
  if (!(await healthy(url, child))) {
    await stop(child, exited);
    throw new UserError(`Synapse did not start:\n${lastLines(readFileSync(logFile, "utf8"))}`);
  }
  return { url, port, pid: child.pid ?? 0, stop: () => stop(child, exited), exited };
}

async function healthy(url: string, child: ChildProcess): Promise<boolean> {
  const until = Date.now() + HEALTHY_MS_MAX;
  while (Date.now() < until && child.exitCode === null && child.signalCode === null) {
    const answer = await fetch(`${url}/health`).catch(() => undefined);
    if (answer?.ok) return true;
    await sleep(100);
  }
  return false;
}

async function stop(child: ChildProcess, exited: Promise<void>): Promise<void> {
  child.kill("SIGTERM");
  const patience = new AbortController();
  await Promise.race([exited, sleep(STOPPING_MS_MAX, undefined, { signal: patience.signal }).catch(() => undefined)]);
  patience.abort();
  child.kill("SIGKILL");
  await exited;
}

const PID_FILE = "homeserver.pid";

/** Stops the Synapse a killed predecessor left in this folder. Two of them on one database would spoil it. */
export async function stopLeftover(dir: string): Promise<void> {
  const file = join(dir, PID_FILE);
  const pid = existsSync(file) ? Number.parseInt(readFileSync(file, "utf8"), 10) : Number.NaN;
  if (!(pid > 1)) return;
  // A pid alone proves nothing, it may be somebody else's by now: the process must be a Synapse of this folder.
  const isOurs = async () => (await commandOf(pid)).includes(`-c ${join(dir, "homeserver.yaml")}`);
  if (!(await isOurs())) return;
  send(pid, "SIGTERM");
  for (let waited = 0; waited < STOPPING_MS_MAX; waited += 100) {
    if (!(await isOurs())) return;
    await sleep(100);
  }
  send(pid, "SIGKILL");
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    // It ended by itself in the meantime.
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}

const LOGGING = {
  version: 1,
  formatters: { line: { format: "%(asctime)s %(levelname)s %(name)s %(message)s" } },
  handlers: { console: { class: "logging.StreamHandler", formatter: "line" } },
  root: { level: "WARNING", handlers: ["console"] },
  disable_existing_loggers: false,
};

const MANY = { per_second: 1_000, burst_count: 1_000 };

function settings({ dir, port, serverName, registrationFiles }: Omit<Start, "python">) {
  return {
    server_name: serverName,
    public_baseurl: `http://127.0.0.1:${port}/`,
    report_stats: false,
    signing_key_path: join(dir, "signing.key"),
    trusted_key_servers: [],
    suppress_key_server_warning: true,
    // Nobody: this server talks to no other.
    federation_domain_whitelist: [],
    listeners: [
      {
        port,
        bind_addresses: ["127.0.0.1"],
        type: "http",
        tls: false,
        resources: [{ names: ["client"], compress: false }],
      },
    ],
    database: { name: "sqlite3", args: { database: join(dir, "homeserver.db") } },
    media_store_path: join(dir, "media"),
    log_config: join(dir, "log.yaml"),
    ...secrets(dir),
    enable_registration: false,
    bcrypt_rounds: 4,
    app_service_config_files: registrationFiles.map((file) => resolve(file)),
    presence: { enabled: false },
    encryption_enabled_by_default_for_room_type: "off",
    rc_message: MANY,
    rc_registration: MANY,
    rc_login: { address: MANY, account: MANY, failed_attempts: MANY },
    rc_joins: { local: MANY, remote: MANY },
    rc_joins_per_room: MANY,
    rc_invites: { per_room: MANY, per_user: MANY, per_issuer: MANY },
    rc_room_creation: MANY,
    rc_presence: { per_user: MANY },
    rc_delayed_event_mgmt: MANY,
  };
}

/** Made once and kept, or everybody would be logged out by a restart. */
function secrets(dir: string): Record<string, string> {
  const file = join(dir, "secrets.json");
  if (!existsSync(file)) {
    const names = ["registration_shared_secret", "macaroon_secret_key", "form_secret"];
    const made = Object.fromEntries(names.map((name) => [name, randomBytes(32).toString("base64url")]));
    writeFileSync(file, JSON.stringify(made), { mode: 0o600 });
  }
  return JSON.parse(readFileSync(file, "utf8"));
}

const Nonce = z.object({ nonce: z.string() });
const Refusal = z.object({ errcode: z.string().optional() });

/** An ordinary user; one that exists already is as good. */
export async function registerUser(
  synapse: { url: string },
  dir: string,
  user: string,
  password: string,
): Promise<void> {
  const url = `${synapse.url}/_synapse/admin/v1/register`;
  const { nonce } = Nonce.parse(await (await fetch(url)).json());
  const mac = createHmac("sha1", secrets(dir)["registration_shared_secret"] ?? "")
    .update([nonce, user, password, "notadmin"].join("\0"))
    .digest("hex");
  const answer = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ nonce, username: user, password, admin: false, mac }),
  });
  if (answer.ok) return;
  const { errcode } = Refusal.parse(await answer.json());
  if (errcode !== "M_USER_IN_USE") throw new Error(`${user} could not be registered: ${answer.status} ${errcode}`);
}
