/**
 * A real Synapse in a virtual environment: made once, started on loopback, stopped by its own process id. No federation,
 * SQLite, everything it keeps in one folder.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { createHmac, randomBytes } from "node:crypto";
import { existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { stringify } from "yaml";

export const SYNAPSE_VERSION = "1.163.2";
const HEALTHY_MS_MAX = 60_000;
const STOPPING_MS_MAX = 10_000;

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
  rmSync(venv, { recursive: true, force: true });
  mkdirSync(dirname(resolve(venv)), { recursive: true });
  progress("Making a virtual environment for Synapse (only the first time) …");
  const made = await run("python3", ["-m", "venv", venv], signal);
  if (made.code !== 0) {
    rmSync(venv, { recursive: true, force: true });
    throw new UserError(
      "Python cannot make virtual environments here: install its venv module (Debian: `apt-get install python3-venv`) and start again.",
    );
  }
  progress(`Installing matrix-synapse ${SYNAPSE_VERSION} from PyPI (some 250 MB, half a minute on a good line) …`);
  const requirement = `matrix-synapse==${SYNAPSE_VERSION}`;
  const pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", requirement];
  const installed = await run(python, pip, signal);
  if (installed.code !== 0) throw new UserError(`Synapse could not be installed:\n${lastLines(installed.output)}`);
  writeFileSync(marker, "");
  return python;
}

async function checkPython(): Promise<void> {
  const found = await run("python3", ["-c", "import sys; print(sys.version_info >= (3, 10))"]);
  if (found.output.trim() === "True") return;
  throw new UserError(
    "The playground runs a real Synapse and needs Python 3.10 or newer: install it (Debian: `apt-get install python3 python3-venv`) and start again.",
  );
}

function run(command: string, args: string[], signal?: AbortSignal): Promise<{ code: number; output: string }> {
  return new Promise((done) => {
    const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"], ...(signal ? { signal } : {}) });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += String(chunk)));
    child.on("error", (error) => done({ code: 1, output: error.message }));
    child.on("close", (code) => done({ code: code ?? 1, output }));
  });
}

const lastLines = (text: string, lines = 15): string => text.trimEnd().split("\n").slice(-lines).join("\n");

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
  const keys = ["-m", "synapse.app.homeserver", "-c", config, "--generate-keys"];
  const generated = await run(python, keys);
  if (generated.code !== 0) throw new UserError(`Synapse could not be set up:\n${lastLines(generated.output)}`);

  const logFile = join(dir, "synapse.log");
  const log = openSync(logFile, "w");
  // A group of its own: Ctrl-C in the terminal is ours to pass on, in our order.
  const child = spawn(python, ["-m", "synapse.app.homeserver", "-c", config], {
    stdio: ["ignore", log, log],
    detached: true,
    cwd: dir,
  });
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

/** A pid alone proves nothing: the process must be a Synapse of this folder. */
async function stopLeftover(dir: string): Promise<void> {
  const pidFile = join(dir, "homeserver.pid");
  const pid = existsSync(pidFile) ? Number.parseInt(readFileSync(pidFile, "utf8"), 10) : Number.NaN;
  if (!Number.isInteger(pid)) return;
  const command = await run("ps", ["-o", "args=", "-p", String(pid)]);
  if (!command.output.includes(join(dir, "homeserver.yaml"))) return;
  process.kill(pid, "SIGTERM");
  for (let waited = 0; waited < STOPPING_MS_MAX; waited += 100) {
    if ((await run("ps", ["-o", "args=", "-p", String(pid)])).output.trim() === "") return;
    await sleep(100);
  }
  process.kill(pid, "SIGKILL");
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
    pid_file: join(dir, "homeserver.pid"),
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
    rc_message: MANY,
    rc_registration: MANY,
    rc_login: { address: MANY, account: MANY, failed_attempts: MANY },
    rc_joins: { local: MANY, remote: MANY },
    rc_joins_per_room: MANY,
    rc_invites: { per_room: MANY, per_user: MANY, per_issuer: MANY },
    rc_room_creation: MANY,
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

/** An ordinary user; one that exists already is as good. */
export async function registerUser(
  synapse: { url: string },
  dir: string,
  user: string,
  password: string,
): Promise<void> {
  const url = `${synapse.url}/_synapse/admin/v1/register`;
  const { nonce } = (await (await fetch(url)).json()) as { nonce: string };
  const mac = createHmac("sha1", secrets(dir)["registration_shared_secret"] ?? "")
    .update([nonce, user, password, "notadmin"].join("\0"))
    .digest("hex");
  const answer = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ nonce, username: user, password, admin: false, mac }),
  });
  const { errcode } = (await answer.json()) as { errcode?: string };
  if (!answer.ok && errcode !== "M_USER_IN_USE")
    throw new Error(`${user} could not be registered: ${answer.status} ${errcode}`);
}
