/** Runs wrangler with its arguments, quiet and offline. */
import { spawn } from "node:child_process";
import { QUIET } from "./environment.mjs";

const child = spawn("wrangler", process.argv.slice(2), { stdio: "inherit", env: { ...process.env, ...QUIET } });
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => child.kill(signal));
child.on("error", (error) => {
  process.stderr.write(`wrangler did not start: ${error.message}. Run \`npm ci\` first.\n`);
  process.exitCode = 1;
});
child.on("exit", (code, signal) => {
  process.exitCode = signal ? 1 : (code ?? 1);
});
