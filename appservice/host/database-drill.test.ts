/**
 * Kind 10 as an operator lives it: a real host as a process of its own, and a homeserver that pushes to it like Synapse.
 * Each drill takes the database away for some seconds. Meanwhile pushes get an error and health says so in time; once it is
 * back, all that was said is answered soon, once.
 */
import { mkdtempSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import Libsql from "libsql";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type HranaMood, startHranaServer } from "#testing/hrana-server.ts";
import { startUnkindHomeserver, type UnkindHomeserver } from "#testing/unkind/index.ts";
import { applyAgents, freePort, type RunningHost, startHost } from "../live/hosts.ts";

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});
const [ALICE, GHOST, ADMIN_TOKEN] = ["@alice:hs.test", "@agent_guide:hs.test", "admin-token-of-tests"];
const TOKENS = { asToken: "as-token-of-tests", hsToken: "hs-token-of-tests" };
/** Ten seconds on a machine that does nothing else. */
const WELL_AGAIN_MS = 20_000;
const HEALTH_MS = 5_000;

let homeserver: UnkindHomeserver;
let folder: string;
beforeEach(async () => {
  // A minute of back-off: whoever waits for it is too late.
  homeserver = await startUnkindHomeserver({ ...TOKENS, recoveryMs: 60_000 });
  closing.push(() => homeserver.stop());
  folder = mkdtempSync(join(tmpdir(), "troupe-drill-"));
  closing.push(() => rmSync(folder, { recursive: true, force: true }));
});

/** A host whose agent is in a room and has answered. */
async function begin(env: Record<string, string> = {}): Promise<{ host: RunningHost; room: string }> {
  const port = await freePort();
  homeserver.appservice(`http://127.0.0.1:${port}`);
  const place = { homeserver: homeserver.url, serverName: "hs.test", port, folder, env };
  const host = await startHost("node", { ...TOKENS, ...place, adminToken: ADMIN_TOKEN });
  closing.push(() => host.kill());
  await applyAgents(host, ADMIN_TOKEN, [{ id: "guide", name: "Guide", backend: { use: "echo" } }]);
  const room = homeserver.createRoom(ALICE);
  homeserver.invite(room, ALICE, GHOST, { is_direct: true });
  await homeserver.settle({ quietMs: 300, withinMs: 10_000 });
  homeserver.say(room, ALICE, "before");
  await vi.waitFor(() => expect(answers(room)).toEqual(["before"]), { timeout: 10_000, interval: 30 });
  return { host, room };
}
const answers = (room: string) =>
  homeserver.visible(room).flatMap(({ sender, body }) => (sender === GHOST ? [body.replace("echo ", "")] : []));

const push = ({ url }: RunningHost, n: number) =>
  fetch(`${url}/_matrix/app/v1/transactions/drill-${n}`, {
    method: "PUT",
    headers: { authorization: `Bearer ${TOKENS.hsToken}` },
    body: JSON.stringify({ events: [] }),
  }).then(({ status }) => status);

async function health({ url }: RunningHost): Promise<{ status: number; problems: string }> {
  const answer = await fetch(`${url}/health`, { signal: AbortSignal.timeout(HEALTH_MS) });
  const { problems } = (await answer.json()) as { problems: string[] };
  return { status: answer.status, problems: problems.join("; ") };
}

/** Says something while the database is away, looks at pushes and health, gives it back, and waits for the answers. */
async function drill({ host, room }: Awaited<ReturnType<typeof begin>>, giveBack: () => unknown, awayMs: number) {
  const startedAt = Date.now();
  const already = answers(room).length;
  homeserver.say(room, ALICE, "during");
  await fetch(`${host.url}/admin/agents/guide/allow`, {
    method: "POST",
    headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
    body: JSON.stringify({ userId: "@carol:partner.example" }),
  }).then((answer) => expect(answer.status).toBeGreaterThanOrEqual(500));
  expect(await Promise.all([1, 2, 3].map((n) => push(host, n)))).toEqual([500, 500, 500]);
  const meanwhile = await health(host);
  expect(meanwhile.status).toBe(503);
  expect(meanwhile.problems).toMatch(/the last \d+ transactions of the homeserver were answered with an error/);
  await sleep(Math.max(awayMs - (Date.now() - startedAt), 0));
  await giveBack();
  const backAt = Date.now();
  homeserver.say(room, ALICE, "after");
  await vi.waitFor(() => expect(answers(room).length).toBe(already + 2), { timeout: WELL_AGAIN_MS, interval: 30 });
  const tookMs = Date.now() - backAt;
  await vi.waitFor(async () => expect(await health(host)).toEqual({ status: 200, problems: "" }), {
    timeout: WELL_AGAIN_MS - tookMs,
    interval: 200,
  });
  await homeserver.settle({ quietMs: 500, withinMs: 10_000 });
  expect(answers(room).slice(already)).toEqual(["during", "after"]);
}

describe("kind 10, input 1: a host on a file", () => {
  test("whose lock another process holds for seven seconds", async () => {
    const begun = await begin();
    const other = new Libsql(join(folder, "troupe.db"));
    closing.push(() => void other.close());
    other.exec("PRAGMA busy_timeout = 5000");
    other.exec("BEGIN IMMEDIATE");
    await drill(begun, () => other.exec("ROLLBACK"), 7_000);
  }, 60_000);

  test("that is moved away and back, says that it is gone", async () => {
    const begun = await begin();
    const path = join(folder, "troupe.db");
    renameSync(path, `${path}.away`);
    await drill(begun, () => renameSync(`${path}.away`, path), 3_000);
    expect(begun.host.log()).toContain("is gone. Put it back");
  }, 60_000);
});

test("kind 10: a host on a libSQL server that hangs, and restarts", async () => {
  const server = await startHranaServer(join(folder, "server.db"));
  closing.push(() => server.stop());
  const begun = await begin({ LIBSQL_URL: server.url });
  for (const mood of ["hangs", "down"] satisfies HranaMood[]) {
    await server.become(mood);
    await drill(begun, () => server.become("well"), 1_000);
  }
}, 60_000);
