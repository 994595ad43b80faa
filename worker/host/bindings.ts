/** What the Worker is given, as what the rooms need: D1 or libSQL, the lanes' objects and the queue behind them. */
import { createClient } from "@libsql/client/web";
import { namespaceOf, readConfig } from "#core/config.ts";
import type { Ledger } from "#ports";
import type { Host } from "../app.ts";
import { d1Ledger } from "../ledger/drivers/d1.ts";
import { libsqlLedger } from "../ledger/drivers/libsql.ts";
import { createLog, type Line } from "../observe/log.ts";
import { systemClock } from "./clock.ts";
import { laneDoorbell } from "./doorbell.ts";

export function workerHost(env: Env, owner: string): Host {
  const settings: Record<string, unknown> = { ...env };
  const config = readConfig(settings);
  if (!config.ok) throw new Error(`The Worker is not set up:\n${config.error}`);
  const { value } = config;
  const log = createLog(writeLine, [
    value.AS_TOKEN,
    value.HS_TOKEN,
    value.ADMIN_TOKEN,
    value.SECRET_KEY,
    value.LIBSQL_AUTH_TOKEN,
  ]);
  const ledger: Ledger = value.LIBSQL_URL
    ? libsqlLedger(
        createClient({
          url: value.LIBSQL_URL,
          ...(value.LIBSQL_AUTH_TOKEN ? { authToken: value.LIBSQL_AUTH_TOKEN } : {}),
        }),
        namespaceOf(value),
      )
    : d1Ledger(env.DB, namespaceOf(value));
  return {
    config: value,
    ledger,
    clock: systemClock,
    fetch: (input, init) => fetch(input, init),
    log,
    env: (name) => {
      const given = settings[name];
      return typeof given === "string" && given !== "" ? given : undefined;
    },
    metrics: "json",
    // An alarm of a Durable Object lives fifteen minutes.
    turnMsMax: 14 * 60_000,
    owner,
    doorbell: () => laneDoorbell(env, log),
  };
}

/** Workers' logs are what is written to the console, one JSON object a line. */
function writeLine({ level, event, fields }: Line): void {
  console[level](JSON.stringify({ event, ...fields }));
}
