/**
 * A real Dendrite, for the tests of other homeservers: built once with Go, started on loopback. It uses SQLite, does not
 * federate, and keeps everything in one folder.
 *
 * @see https://github.com/matrix-org/dendrite/blob/v0.13.8/dendrite-sample.yaml
 */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { stringify } from "yaml";
import { sharedSecret } from "./accounts.ts";
import { lastLines, run, UserError } from "./processes.ts";
import { type Place, type RunningServer, startServer, stopLeftover } from "./server.ts";

const DENDRITE_VERSION = "v0.13.8";
const PACKAGES = ["dendrite", "generate-keys"].map(
  (name) => `github.com/matrix-org/dendrite/cmd/${name}@${DENDRITE_VERSION}`,
);
const CONFIG = "dendrite.yaml";

/** Builds Dendrite into this folder unless it is there, and returns the folder with its programs. */
export async function installDendrite(folder: string, progress: (line: string) => void): Promise<string> {
  const bin = resolve(folder, DENDRITE_VERSION);
  if (existsSync(join(bin, "dendrite")) && existsSync(join(bin, "generate-keys"))) return bin;
  if ((await run("go", ["version"])).code !== 0) {
    throw new UserError(
      "Dendrite is built with Go: install Go 1.21 or newer and a C compiler (Debian: `apt-get install golang gcc`), and start again.",
    );
  }
  progress(`Building Dendrite ${DENDRITE_VERSION} (only the first time, some minutes) …`);
  mkdirSync(bin, { recursive: true });
  // SQLite is C.
  const env = { ...process.env, GOBIN: bin, CGO_ENABLED: "1" };
  const built = await run("go", ["install", ...PACKAGES], undefined, env);
  if (built.code !== 0) throw new UserError(`Dendrite could not be built:\n${lastLines(built.output)}`);
  return bin;
}

interface Start extends Place {
  bin: string;
}

/** Starts Dendrite and waits until it is healthy. One left running in the same folder is stopped first. */
export async function startDendrite({ bin, dir, port, serverName, registrationFiles }: Start): Promise<RunningServer> {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  await stopLeftover(dir, CONFIG);
  const key = join(dir, "matrix_key.pem");
  if (!existsSync(key)) {
    const made = await run(join(bin, "generate-keys"), ["--private-key", key]);
    if (made.code !== 0) throw new UserError(`Dendrite could not be set up:\n${lastLines(made.output)}`);
  }
  const config = join(dir, CONFIG);
  writeFileSync(config, stringify(settings({ dir, serverName, registrationFiles })), { mode: 0o600 });
  const listen = ["-http-bind-address", `127.0.0.1:${port}`, "-https-bind-address", "127.0.0.1:0"];
  return startServer({
    name: "Dendrite",
    command: [join(bin, "dendrite"), "-config", config, ...listen],
    dir,
    log: join(dir, "dendrite.log"),
    port,
    healthPath: "/_matrix/client/versions",
  });
}

const database = (name: string) => ({ database: { connection_string: `file:${name}.db` } });

function settings({ dir, serverName, registrationFiles }: Pick<Start, "dir" | "serverName" | "registrationFiles">) {
  return {
    version: 2,
    global: {
      server_name: serverName,
      private_key: join(dir, "matrix_key.pem"),
      disable_federation: true,
      jetstream: { storage_path: join(dir, "jetstream") },
      presence: { enable_inbound: false, enable_outbound: false },
      report_stats: { enabled: false },
    },
    app_service_api: { config_files: registrationFiles.map((file) => resolve(file)) },
    client_api: {
      registration_disabled: true,
      guests_disabled: true,
      registration_shared_secret: sharedSecret(dir),
      rate_limiting: { enabled: false },
    },
    federation_api: { ...database("federationapi"), key_perspectives: [] },
    key_server: database("keyserver"),
    media_api: { ...database("mediaapi"), base_path: join(dir, "media") },
    room_server: database("roomserver"),
    sync_api: { ...database("syncapi"), search: { enabled: false, index_path: join(dir, "search"), language: "en" } },
    user_api: { bcrypt_cost: 4, account_database: { connection_string: "file:userapi_accounts.db" } },
    relay_api: database("relayapi"),
    mscs: { mscs: [], ...database("mscs") },
    logging: [{ type: "std", level: "warn" }],
  };
}
