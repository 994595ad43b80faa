/** Runs the steps of a check or a test run. Prints a line with the time for each, and the output of those that fail. */
import { spawn } from "node:child_process";
import { QUIET } from "./environment.mjs";

/** Placeholders, because wrangler warns about missing secrets. The tests have their own. */
const SECRETS = { AS_TOKEN: "as-token-of-a-check", HS_TOKEN: "hs-token-of-a-check" };

let running;
for (const signal of ["SIGINT", "SIGTERM"]) {
  process.on(signal, () => {
    running?.kill(signal);
    process.exitCode = 130;
  });
}

/** Runs a command; resolves to its exit code and its output. With `loud` the output is printed as it comes. */
export function run(command, { loud = false } = {}) {
  const [program, ...args] = command;
  return new Promise((resolve) => {
    const env = { ...process.env, ...SECRETS, ...QUIET };
    const child = spawn(program, args, { env, stdio: ["ignore", "pipe", "pipe"] });
    running = child;
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (chunk) => {
        output += String(chunk);
        if (loud) process.stdout.write(chunk);
      });
    }
    child.on("error", (error) => resolve({ code: 1, output: error.message }));
    child.on("close", (code) => resolve({ code: code ?? 1, output }));
  });
}

/** Runs all steps one after another; resolves to how many failed. */
export async function steps(list) {
  let failed = 0;
  for (const { name, command } of list) {
    const startedAt = Date.now();
    const { code, output } = await run(command);
    const seconds = ((Date.now() - startedAt) / 1_000).toFixed(1);
    process.stdout.write(`${code === 0 ? "ok    " : "FAILED"} ${name} (${seconds} s)\n`);
    if (code !== 0) {
      process.stdout.write(`${output}\n`);
      failed++;
    }
  }
  return failed;
}
