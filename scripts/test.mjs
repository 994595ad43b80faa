/**
 * `npm test`: the checks, the bundle, the pure tests, the tests in workerd and the live tests on a real Synapse. It runs
 * all of them even if one fails, and prints the counts in its last line. With arguments it is `vitest run` with them.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CHECKS } from "./check.mjs";
import { run, steps } from "./steps.mjs";

const folder = mkdtempSync(join(tmpdir(), "troupe-test-"));
const counted = { passed: 0, failed: 0, skipped: 0 };

/** Runs one vitest project. A run that fails without a failed test, because it did not start, counts as one failure. */
async function project(name, more = []) {
  const report = join(folder, `${name}.json`);
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
  const { code } = await run(["vitest", "run", "--project", name, ...reporters, ...more], { loud: true });
  const { passed, failed, skipped } = read(report);
  counted.passed += passed;
  counted.skipped += skipped;
  counted.failed += code !== 0 ? Math.max(failed, 1) : failed;
}

function read(report) {
  try {
    const { numPassedTests, numFailedTests, numPendingTests, numTodoTests } = JSON.parse(readFileSync(report, "utf8"));
    return { passed: numPassedTests, failed: numFailedTests, skipped: numPendingTests + numTodoTests };
  } catch {
    // There is no report when vitest did not start; its exit code says so.
    return { passed: 0, failed: 0, skipped: 0 };
  }
}

const given = process.argv.slice(2);
if (given.length > 0) {
  process.exitCode = (await run(["vitest", "run", ...given], { loud: true })).code;
} else {
  const checks = [...CHECKS, { name: "bundle", command: ["node", "scripts/bundle.mjs"] }];
  const failed = await steps(checks);
  counted.passed += checks.length - failed;
  counted.failed += failed;
  for (const name of ["pure", "workerd", "live"]) await project(name);
  const { passed, failed: broken, skipped } = counted;
  process.stdout.write(`\n${passed} passed, ${broken} failed${skipped > 0 ? `, ${skipped} skipped` : ""}\n`);
  // A skipped test was not run, so it must not pass unnoticed.
  process.exitCode = broken > 0 || skipped > 0 ? 1 : 0;
}
rmSync(folder, { recursive: true, force: true });
