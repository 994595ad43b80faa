/** Which files other users of the machine can read, and what happens when nobody reads our output; by real processes. */
import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import { NAMESPACE } from "#testing/ledger-rows.ts";
import { fileLedger } from "./ledger.ts";
import { aloneIn } from "./locks/file-lock.ts";

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});
const soon = { timeout: 15_000, interval: 50 };

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), "troupe-private-"));
  chmodSync(made, 0o755);
  closing.push(() => rmSync(made, { recursive: true, force: true }));
  return made;
}
const readable = (path: string) => readdirSync(path).filter((name) => (statSync(join(path, name)).mode & 0o077) !== 0);

/** A bridge as a process of its own, in a folder that others may enter; its homeserver does not answer. */
function bridge(path: string): { child: ChildProcess; url: () => Promise<string> } {
  const settings: Record<string, string> = {
    HOMESERVER_URL: "http://127.0.0.1:9",
    SERVER_NAME: "hs.test",
    AS_TOKEN: "as-token-of-tests",
    HS_TOKEN: "hs-token-of-tests",
    DATA_DIR: path,
    PORT: "0",
  };
  const child = spawn("node", [resolve("appservice/index.ts")], {
    cwd: path,
    env: { ...process.env, ...settings },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const ended = new Promise((done) => child.once("exit", done));
  closing.push(() => {
    child.kill("SIGKILL");
    return ended;
  });
  let text = "";
  child.stdout?.on("data", (chunk) => (text += String(chunk)));
  const url = () =>
    vi.waitFor(() => expect(text).toMatch(/url=\S+/), soon).then(() => /url=(\S+)/.exec(text)?.[1] ?? "");
  return { child, url };
}

describe("files that others may not read", () => {
  test("are all that the bridge makes, also in a folder that others may enter", async () => {
    const path = folder();
    await bridge(path).url();
    expect(readdirSync(path).toSorted()).toEqual(expect.arrayContaining(["alone.db", "troupe.db", "troupe.db-wal"]));
    expect(readable(path)).toEqual([]);
  }, 30_000);

  test("are also those of an earlier version, which others could read", () => {
    const path = folder();
    fileLedger(join(path, "troupe.db"), NAMESPACE).close();
    aloneIn(path)?.leave();
    writeFileSync(join(path, "troupe.db-journal"), "");
    for (const name of readdirSync(path)) chmodSync(join(path, name), 0o644);
    const { close } = fileLedger(join(path, "troupe.db"), NAMESPACE);
    aloneIn(path)?.leave();
    expect(readable(path)).toEqual([]);
    close();
  });

  test.for<[what: string, args: string[]]>([
    ["a registration", ["registration", "--url", "http://a.test", "--server-name", "hs.test", "--out", "out/file"]],
    ["a schema", ["schema", "--out", "out/file"]],
  ])("are what the commands write: %s", { timeout: 30_000 }, async ([, args]) => {
    const path = folder();
    mkdirSync(join(path, "out"), { mode: 0o755 });
    const child = spawn("node", [resolve("appservice/cli/troupe.js"), ...args], { cwd: path });
    expect(await new Promise((done) => child.once("exit", done))).toBe(0);
    expect(readable(join(path, "out"))).toEqual([]);
  });
});

describe("output that nobody reads any more", () => {
  test("does not end the bridge, which goes on answering", async () => {
    const { child, url } = bridge(folder());
    const health = `${await url()}/health`;
    child.stdout?.destroy();
    child.stderr?.destroy();
    const push = { method: "PUT", headers: { authorization: "Bearer hs-token-of-tests" } };
    // The first event has no id and is logged as a dead letter; the homeserver that does not answer is logged too.
    for (let n = 1; n <= 20; n++) {
      const body = JSON.stringify({ events: [{ type: "m.room.message", n }] });
      await fetch(health.replace("/health", `/_matrix/app/v1/transactions/${n}`), { ...push, body });
    }
    await new Promise((done) => setTimeout(done, 300));
    expect([(await fetch(health)).status, child.exitCode]).toEqual([200, null]);
  });

  test("ends a command quietly", async () => {
    const child = spawn("node", [resolve("appservice/cli/troupe.js"), "schema"]);
    let errors = "";
    child.stderr.on("data", (chunk) => (errors += String(chunk)));
    child.stdout.destroy();
    expect([await new Promise((done) => child.once("exit", done)), errors]).toEqual([0, ""]);
  }, 30_000);
});
