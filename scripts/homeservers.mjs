/**
 * `npm run test:homeservers`: the live tests on another homeserver than Synapse. Dendrite is built with Go the first time;
 * without Go a sentence says so. With arguments they are given to vitest.
 */
import { install } from "../appservice/live/homeserver.ts";
import { UserError } from "../appservice/playground/processes.ts";
import { run } from "./steps.mjs";

try {
  await install("dendrite");
  const command = ["vitest", "run", "--project", "homeservers", ...process.argv.slice(2)];
  process.exitCode = (await run(command, { loud: true })).code;
} catch (error) {
  if (!(error instanceof UserError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
