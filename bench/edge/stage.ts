/** A homeserver on loopback, the Worker under `wrangler dev`, and between them a relay that can hold back pushes. */
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { startUnkindHomeserver, type UnkindHomeserver } from "#testing/unkind/index.ts";
import { CRON_PATH, freePort, type RunningHost, startHost } from "../../appservice/live/hosts.ts";
import type { Counted } from "./worker.ts";

export const ADMIN_TOKEN = "admin-token-of-the-bench";
const TOKENS = { asToken: "as-token-of-the-bench", hsToken: "hs-token-of-the-bench" };
/** The Worker is idle when nothing runs and nothing was counted for this long. */
const QUIET_MS = 300;
const LOOK_MS = 20;
const IDLE_MS_MAX = 30_000;

export interface Stage {
  homeserver: UnkindHomeserver;
  host: RunningHost;
  relay: Relay;
  /** Runs the cron once, to its end. */
  ringCron(): Promise<void>;
  /** What the Worker has counted, once it is idle. Throws when it does not become idle. */
  counted(): Promise<Counted>;
  close(): Promise<void>;
}

export async function openStage(): Promise<Stage> {
  const folder = mkdtempSync(join(tmpdir(), "troupe-bench-edge-"));
  const homeserver = await startUnkindHomeserver(TOKENS);
  const port = await freePort();
  const relay = await openRelay(port);
  homeserver.appservice(relay.url);
  const host = await startHost("worker", {
    ...TOKENS,
    adminToken: ADMIN_TOKEN,
    homeserver: homeserver.url,
    serverName: "hs.test",
    port,
    folder,
    env: {},
    entry: "bench/edge/worker.ts",
    cron: "caller",
  });
  return {
    homeserver,
    host,
    relay,
    async ringCron() {
      const answer = await fetch(`${host.url}${CRON_PATH}`);
      if (!answer.ok) throw new Error(`The cron failed: ${await answer.text()}`);
    },
    counted: () => idle(host.url),
    async close() {
      await host.kill();
      relay.close();
      await homeserver.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function idle(url: string): Promise<Counted> {
  let before = "";
  let quietSinceMs = Date.now();
  for (const until = Date.now() + IDLE_MS_MAX; Date.now() < until; await sleep(LOOK_MS)) {
    const body = await (await fetch(`${url}/bench`)).text();
    const counted: Counted = JSON.parse(body);
    if (body !== before || counted.running > 0) quietSinceMs = Date.now();
    if (Date.now() - quietSinceMs >= QUIET_MS) return counted;
    before = body;
  }
  throw new Error(`The Worker did not become idle within ${IDLE_MS_MAX} ms`);
}

export interface Relay {
  url: string;
  /** How many pushes are held back. */
  waiting(): number;
  /** Passes on `count` more pushes and holds back the rest. */
  pass(count: number): void;
  close(): void;
}

/** Passes the homeserver's pushes on to the Worker; all of them until `pass` was called. */
async function openRelay(port: number): Promise<Relay> {
  let passes = Number.POSITIVE_INFINITY;
  const waiting: (() => void)[] = [];
  const server: Server = createServer((request, response) => {
    waiting.push(() => void passOn(request, response, port));
    letThrough();
  });
  const letThrough = (): void => {
    for (; passes > 0 && waiting.length > 0; passes--) waiting.shift()?.();
  };
  const relayPort = await freePort();
  await new Promise<void>((resolve) => server.listen(relayPort, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${relayPort}`,
    waiting: () => waiting.length,
    pass(count) {
      passes = count;
      letThrough();
    },
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

async function passOn(request: IncomingMessage, response: ServerResponse, port: number): Promise<void> {
  const { method = "GET", url = "/", headers } = request;
  const body = await text(request);
  const answer = await fetch(`http://127.0.0.1:${port}${url}`, {
    method,
    headers: { authorization: headers.authorization ?? "", "content-type": "application/json" },
    ...(body === "" ? {} : { body }),
  });
  response.writeHead(answer.status, { "content-type": "application/json" });
  response.end(await answer.text());
}
