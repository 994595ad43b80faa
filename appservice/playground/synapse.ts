/**
 * A real Synapse: installed once into a virtual environment, started on loopback, stopped by its process id. It uses
 * SQLite, does not federate, and keeps everything in one folder.
 */
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { stringify } from "yaml";
import { aloneIn } from "../host/locks/file-lock.ts";
import { secrets } from "./accounts.ts";
import { lastLines, run, UserError } from "./processes.ts";
import { type Place, type RunningServer, startServer, stopLeftover } from "./server.ts";

const SYNAPSE_VERSION = "1.163.2";
const LEASH = join(import.meta.dirname, "leash.py");
const INSTALLING_MS_MAX = 600_000;

interface Install {
  venv: string;
  progress: (line: string) => void;
  signal?: AbortSignal | undefined;
}

/** Installs Synapse unless it is installed, and returns its python. An interrupted installation starts again. */
export async function installSynapse({ venv, progress, signal }: Install): Promise<string> {
  const python = resolve(venv, "bin", "python");
  const marker = join(venv, `synapse-${SYNAPSE_VERSION}.installed`);
  if (existsSync(marker)) return python;
  await checkPython();
  const lock = `${venv}.lock`;
  mkdirSync(lock, { recursive: true });
  const until = Date.now() + INSTALLING_MS_MAX;
  let alone = aloneIn(lock);
  if (!alone) progress("Another process is installing Synapse; waiting for it …");
  while (!alone) {
    signal?.throwIfAborted();
    if (Date.now() > until) throw new UserError(`Another process has been installing Synapse in ${venv} for too long.`);
    await sleep(500);
    alone = aloneIn(lock);
  }
  try {
    // Looked for again under the lock: the process we waited for may have installed it.
    if (!existsSync(marker)) await install({ venv, progress, signal }, python);
    writeFileSync(marker, "");
  } finally {
    alone.leave();
  }
  return python;
}

async function install({ venv, progress, signal }: Install, python: string): Promise<void> {
  rmSync(venv, { recursive: true, force: true });
  progress("Creating a virtual environment for Synapse (only the first time) …");
  const made = await run("python3", ["-m", "venv", venv], signal);
  if (made.code !== 0)
    throw new UserError(`Python could not create a virtual environment in ${venv}:\n${lastLines(made.output)}`);
  progress(
    `Installing matrix-synapse ${SYNAPSE_VERSION} from PyPI (about 250 MB, half a minute on a fast connection) …`,
  );
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
  // Debian ships `venv` without the module `ensurepip`, which it needs.
  const canMakeVenv = await run("python3", ["-c", "import venv, ensurepip"]);
  if (canMakeVenv.code === 0) return;
  throw new UserError(
    "Python cannot create virtual environments here: install its venv module (Debian: `apt-get install python3-venv`) and start again.",
  );
}

export type Synapse = RunningServer;

interface Start extends Place {
  python: string;
}

/** Starts Synapse and waits until it is healthy. A Synapse left running in the same folder is stopped first. */
export async function startSynapse({ python, dir, port, serverName, registrationFiles }: Start): Promise<Synapse> {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  await stopLeftover(dir);
  const config = join(dir, "homeserver.yaml");
  writeFileSync(config, stringify(settings({ dir, port, serverName, registrationFiles })), { mode: 0o600 });
  writeFileSync(join(dir, "log.yaml"), stringify(LOGGING));
  // Once only, because it takes a second.
  if (!existsSync(join(dir, "signing.key"))) {
    const generated = await run(python, ["-m", "synapse.app.homeserver", "-c", config, "--generate-keys"]);
    if (generated.code !== 0) throw new UserError(`Synapse could not be set up:\n${lastLines(generated.output)}`);
  }

  // A process group of its own: Ctrl-C must not reach Synapse before the bridge has stopped. A kill without warning closes
  // its standard input.
  return startServer({
    name: "Synapse",
    command: [python, LEASH, "synapse.app.homeserver", "-c", config],
    dir,
    log: join(dir, "synapse.log"),
    port,
    healthPath: "/health",
  });
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
    // Federates with no other server.
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
