/** Makes the Worker's `Host` from its bindings: D1 or libSQL, the lanes' objects, the queue. */
import { createClient } from "@libsql/client/web";
import { namespaceOf, readEnvironment, secretsOf } from "#core/configuration/environment.ts";
import type { Writes } from "#ports/host.ts";
import type { Host } from "../app.ts";
import { systemClock } from "../clock.ts";
import { createLedger } from "../ledger/ledger.ts";
import { d1Database } from "../ledger/sql/d1.ts";
import { libsqlDatabase } from "../ledger/sql/libsql.ts";
import { fetchWithin, SQL_MS } from "../ledger/sql/within.ts";
import { createLog, type Line } from "../observe/log.ts";
import { laneDoorbell, type WaitUntil } from "./doorbell.ts";
import { createMeter, type Meter } from "./meter.ts";

const writes: Writes = {};

/** Throws when the settings are invalid, with a line for each. `meter`: of the runner, where it outlives an invocation. */
export function workerHost(env: Env, runner: string, waitUntil: WaitUntil, meter: Meter = createMeter()): Host {
  const settings: Record<string, unknown> = { ...env };
  const environment = readEnvironment(settings);
  if (!environment.ok) throw new Error(`The Worker is not set up:\n${environment.error}`);
  const { value } = environment;
  const log = createLog(writeLine, secretsOf(value));
  const database = value.LIBSQL_URL
    ? libsqlDatabase(
        createClient({
          url: value.LIBSQL_URL,
          fetch: fetchWithin(SQL_MS),
          ...(value.LIBSQL_AUTH_TOKEN ? { authToken: value.LIBSQL_AUTH_TOKEN } : {}),
        }),
        namespaceOf(value),
      )
    : d1Database(env.DB, namespaceOf(value));
  return {
    environment: value,
    ledger: createLedger(meter.database(database)),
    clock: systemClock,
    fetch: meter.fetch((input, init) => fetch(input, init)),
    mayGoOn: () => meter.mayGoOn(),
    log,
    env: (name) => {
      const given = settings[name];
      return typeof given === "string" && given !== "" ? given : undefined;
    },
    metrics: "json",
    writes,
    // An alarm of a Durable Object may run for fifteen minutes.
    turnMsMax: 14 * 60_000,
    runner,
    doorbell: () => laneDoorbell(env, log, waitUntil),
  };
}

/** Workers logs take the console's lines; each is one JSON object. */
function writeLine({ level, event, fields }: Line): void {
  console[level](JSON.stringify({ event, ...fields }));
}
