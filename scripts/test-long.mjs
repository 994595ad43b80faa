/**
 * `npm run test:long -- <suite> …`: tests that take minutes, started by hand. A suite is a file `<suite>.long.test.ts`; a short
 * part of each is among the live tests. Without a name it lists them.
 */
import { globSync } from "node:fs";
import { basename } from "node:path";
import { run } from "./steps.mjs";

const ENDING = ".long.test.ts";
const suites = globSync(`appservice/**/*${ENDING}`).map((file) => basename(file, ENDING));
const [suite, ...more] = process.argv.slice(2);
if (suite !== undefined && suites.includes(suite)) {
  const command = ["vitest", "run", "--project", "long", `/${suite}${ENDING}`, ...more];
  process.exitCode = (await run(command, { loud: true })).code;
} else {
  process.stdout.write(`npm run test:long -- <suite>, which is one of: ${suites.join(", ")}\n`);
  process.exitCode = suite === undefined ? 0 : 1;
}
