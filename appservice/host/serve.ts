/**
 * The Node host: the app in one process with one libSQL file. Rings are function calls; timers run sweep and upkeep.
 */
import { createHash } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { serve as listen } from "@hono/node-server";
import type { Configuration } from "#core/configuration/configuration.ts";
import type { Environment } from "#core/configuration/environment.ts";
import { lackedOf } from "#core/protocol/capabilities.ts";
import { messageOf } from "#core/result.ts";
import type { Ask } from "#ports/homeserver.ts";
import type { Log } from "#ports/host.ts";
import type { Ledger } from "#ports/ledger.ts";
import { type App, compose } from "../../worker/app.ts";
import { systemClock } from "../../worker/clock.ts";
import { knownTime } from "../../worker/lanes/time.ts";
import { knownCapabilities } from "../../worker/matrix/capabilities.ts";
import { homeserverUrl } from "../../worker/matrix/well-known.ts";
import { consoleLog } from "./console-log.ts";
import { nodeDoorbell } from "./doorbell.ts";
import { DATABASE, openLedger } from "./ledger.ts";
import { enterFolder } from "./locks/folder-lock.ts";
import { isReadByOthers } from "./private-files.ts";
import { keepAliveAsk } from "./requests/ask.ts";
import { patientFetch } from "./requests/patient-fetch.ts";
import { type SteadyClock, steadyClock } from "./steady-clock.ts";

export interface Served {
  url: string;
  stop(): Promise<void>;
}

const SWEEP_MS = 5_000;
/** How long running turns may finish after SIGTERM; then the next process goes on with them. */
const GRACE_MS = 7_000;
/** How long a start waits for the homeserver, and the pause before another try. */
const ENTER_MS = 5_000;

interface Options {
  environment: Environment;
  env: Record<string, string | undefined>;
  /**
   * Applied before the host listens. Without it the stored one stays. One that is given as a value is the operator's own file,
   * and agents may read the variables it names. A function is given the stored configuration.
   */
  configuration?: Configuration | ((stored: Configuration) => Configuration);
  /** Writes a line of the log. The default is standard output. */
  write?: (line: string) => void;
}

/** Runs the Node host until `stop()`. Throws with a sentence where homeserver, database or port are not available. */
export async function serve({ environment: given, env, configuration, write }: Options): Promise<Served> {
  const environment = { ...given, HOMESERVER_URL: await homeserverUrl(given, fetch) };
  mkdirSync(environment.DATA_DIR, { recursive: true, mode: 0o700 });
  const { ledger, close: closeLedger } = await openLedger(environment);
  // A server may be used from other machines, where nobody knows who serves: leases are left to expire.
  const lock =
    environment.LIBSQL_URL === undefined
      ? await enterFolder(environment.DATA_DIR, () => ledger.voidLeases()).catch((error: unknown) => {
          closeLedger();
          throw error;
        })
      : undefined;

  const clock = steadyClock();
  const last = await knownTime(ledger);
  if (last) clock.goOnFrom(last.atMs);
  const log = consoleLog(environment, write);
  const [over, ended] = [new AbortController(), new AbortController()];
  const app = compose({
    environment,
    ledger,
    clock,
    fetch: patientFetch(env),
    ask: heardBy(clock, until(ended.signal, keepAliveAsk())),
    log,
    env: (name) => env[name] || undefined,
    ...(typeof configuration === "object"
      ? { backendsOfFile: configuration.agents.map(({ backend }) => backend) }
      : {}),
    metrics: "prometheus",
    turnMsMax: Number.POSITIVE_INFINITY,
    runner: crypto.randomUUID(),
    doorbell: (pump) => nodeDoorbell({ pump, clock, over: over.signal, sweepMs: SWEEP_MS }),
  });
  if (configuration) {
    const wanted = typeof configuration === "function" ? configuration(await ledger.configuration()) : configuration;
    await applyOnce(app, ledger, wanted).catch((error: unknown) => {
      closeLedger();
      lock?.leave();
      throw error;
    });
  }

  const database = join(environment.DATA_DIR, DATABASE);
  if (isReadByOthers(database)) log("files_not_private", { file: database });
  for (const warning of await app.warnings()) log("variables_not_listed", { warning });

  // The homeserver's answer says whether the clock jumped or no process ran: what was asked long ago is too late then.
  if (clock.jumpMs() !== 0) await Promise.race([app.enter(), systemClock.sleep(ENTER_MS)]);
  const { url, close } = await bind(app, environment);
  const lacks = lackedOf(await knownCapabilities(ledger));
  const lacking = lacks.length > 0 ? { homeserverLacks: lacks } : {};
  log("started", { url, homeserver: environment.HOMESERVER_URL, alone: lock?.isAlone ?? false, ...lacking });
  const timers = Promise.all([
    keepSweeping(app, over.signal),
    keepTending(app, log, environment.TEND_SECONDS * 1_000, over.signal),
  ]);
  return {
    url,
    async stop() {
      over.abort();
      await close();
      await app.pump.stop(GRACE_MS);
      // A request of the upkeep may wait for an answer that does not come.
      ended.abort();
      await timers;
      closeLedger();
      lock?.leave();
    },
  };
}

/** Tells the clock what the homeserver's clock says, in each of its answers. */
const heardBy =
  (clock: SteadyClock, ask: Ask): Ask =>
  async (...request) => {
    const answer = await ask(...request);
    const theirMs = Date.parse(answer.header("date") ?? "");
    if (!Number.isNaN(theirMs)) clock.hear(theirMs);
    return answer;
  };

/** Requests end with this signal too. */
const until =
  (ended: AbortSignal, ask: Ask): Ask =>
  (url, request) =>
    ask(url, { ...request, signal: AbortSignal.any([request.signal, ended]) });

const APPLIED_MARK = "applied_file";

/** An unchanged file is not applied again, so that changes made since the last start stay. */
async function applyOnce(app: App, ledger: Ledger, wanted: Configuration): Promise<void> {
  const digest = createHash("sha256").update(JSON.stringify(wanted)).digest("base64url");
  if ((await ledger.mark(APPLIED_MARK)) === digest) return;
  await app.applyConfiguration(wanted);
  await ledger.setMark(APPLIED_MARK, digest);
}

async function keepSweeping(app: App, over: AbortSignal): Promise<void> {
  // The first sweep is at once: an earlier process may have left due lanes.
  while (!over.aborted) {
    await app.sweep();
    await systemClock.sleep(SWEEP_MS, over);
  }
}

/**
 * Runs the upkeep regularly, whether the homeserver gives us the bot or not. It is asked for the bot until it does, and the
 * upkeep then runs at once: it may have been the homeserver's start.
 */
async function keepTending(app: App, log: Log, everyMs: number, over: AbortSignal): Promise<void> {
  let hasEntered = false;
  for (let afterStart = true, tendAt = 0; !over.aborted; ) {
    const enters: boolean = !hasEntered && (await app.enter());
    hasEntered ||= enters;
    if (enters || performance.now() >= tendAt) {
      tendAt = performance.now() + everyMs;
      await app
        .tend({ afterStart: afterStart || enters })
        .catch((error: unknown) => log("tend_failed", { error: messageOf(error) }));
      afterStart = false;
    }
    const waitMs = tendAt - performance.now();
    await systemClock.sleep(Math.max(hasEntered ? waitMs : Math.min(waitMs, ENTER_MS), 0), over);
  }
}

/** Listens; resolves with the URL once it does. */
async function bind(app: App, { HOST, PORT }: Environment): Promise<{ url: string; close: () => Promise<void> }> {
  return new Promise((resolve, reject) => {
    const server = listen({ fetch: app.http.fetch, hostname: HOST, port: PORT }, ({ port }) =>
      resolve({
        url: `http://${HOST.includes(":") ? `[${HOST}]` : HOST}:${port}`,
        close: () =>
          new Promise((closed) => {
            server.close(() => closed());
            // The homeserver keeps its connection open; without this the server would not close.
            if ("closeAllConnections" in server) server.closeAllConnections();
          }),
      }),
    );
    server.on("error", (error: NodeJS.ErrnoException) =>
      reject(
        error.code === "EADDRINUSE" ? new Error(`Port ${PORT} of ${HOST} is taken; set PORT to another one.`) : error,
      ),
    );
  });
}
