/**
 * Loaded into a host before its own code (`node --import`): the system clock is off by the number of milliseconds in the
 * file that `CHAOS_CLOCK` names, and moves when the file changes.
 */
import { readFileSync } from "node:fs";

const LOOK_MS = 20;
const file = process.env["CHAOS_CLOCK"];
const real = Date.now.bind(Date);
let offMs = 0;

function look(): void {
  try {
    offMs = Number(readFileSync(file ?? "", "utf8"));
  } catch {
    // It is just being written.
  }
}

if (file !== undefined) {
  look();
  setInterval(look, LOOK_MS).unref();
  Date.now = () => real() + offMs;
}
