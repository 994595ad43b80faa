/**
 * wrangler, quiet and offline: no telemetry, no banner, no look-up of a request's origin, and no reading of a
 * developer's `.env` (it is the Node host's). The list is measured; `send_metrics` in wrangler.toml does not suffice.
 */
import { spawn } from "node:child_process";

const child = spawn("wrangler", process.argv.slice(2), {
  stdio: "inherit",
  env: {
    ...process.env,
    CLOUDFLARE_CF_FETCH_ENABLED: "false",
    CLOUDFLARE_LOAD_DEV_VARS_FROM_DOT_ENV: "false",
    WRANGLER_SEND_METRICS: "false",
    WRANGLER_HIDE_BANNER: "true",
    X_LOCAL_OBSERVABILITY: "false",
  },
});
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => child.kill(signal));
child.on("error", (error) => {
  process.stderr.write(`wrangler did not start: ${error.message}. Run \`npm ci\` first.\n`);
  process.exitCode = 1;
});
child.on("exit", (code, signal) => {
  process.exitCode = signal ? 1 : (code ?? 1);
});
