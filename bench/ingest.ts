/**
 * How long a homeserver waits for its 200: transactions of 1 and 100 events, one connection, each stored before it is
 * acknowledged, on the Node host; beside it a bare `node:http` that stores nothing. Nobody is addressed by the events, and
 * a transaction is sent when the one before it has been decided, as a homeserver's are.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, Agent as HttpAgent, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { freePort, startHost } from "../appservice/live/hosts.ts";
import { ms, quantile, table } from "./figures.ts";

const P50_MS_MAX = 5;
const PAUSE_MS = 60;
const { values } = parseArgs({
  options: { n: { type: "string", default: "200" }, help: { type: "boolean", default: false } },
});
if (values.help) {
  process.stdout.write("npm run bench:ingest -- [--n 200]\n\nTransactions of each size, after a hundred to warm up.\n");
  process.exit(0);
}
const TRANSACTIONS = Number(values.n);
const WARM_UP = 100;
const HS_TOKEN = "hs-token-of-the-bench";

const agent = new HttpAgent({ keepAlive: true, maxSockets: 1 });
let count = 0;

function transaction(events: number): { path: string; body: string } {
  const list = Array.from({ length: events }, () => ({
    event_id: `$bench${++count}`,
    room_id: "!bench",
    type: "m.room.message",
    sender: "@alice:bench.localhost",
    content: { msgtype: "m.text", body: "Some words nobody has to answer, of a usual length for a chat." },
    origin_server_ts: 1_700_000_000_000,
    unsigned: { age: 5 },
  }));
  return { path: `/_matrix/app/v1/transactions/${count}`, body: JSON.stringify({ events: list }) };
}

function put(port: number, { path, body }: { path: string; body: string }): Promise<number> {
  return new Promise((resolve, reject) => {
    const startedAt = performance.now();
    const headers = { authorization: `Bearer ${HS_TOKEN}`, "content-type": "application/json" };
    const sent = request({ host: "127.0.0.1", port, path, method: "PUT", agent, headers }, (answer) => {
      answer.resume();
      answer.on("end", () =>
        answer.statusCode === 200 ? resolve(performance.now() - startedAt) : reject(new Error(`${answer.statusCode}`)),
      );
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

async function times(port: number, events: number, pauseMs: number): Promise<number[]> {
  const measured: number[] = [];
  for (let n = 0; n < TRANSACTIONS + WARM_UP; n++) {
    const time = await put(port, transaction(events));
    if (n >= WARM_UP) measured.push(time);
    await sleep(events > 1 ? pauseMs : pauseMs / 10);
  }
  return measured;
}

const folder = mkdtempSync(join(tmpdir(), "troupe-bench-"));
const bare = createServer((incoming, answer) => {
  incoming.resume();
  incoming.on("end", () => answer.end("{}"));
});
const barePort = await freePort();
await new Promise<void>((resolve) => bare.listen(barePort, "127.0.0.1", resolve));
const port = await freePort();
const host = await startHost("node", {
  homeserver: "http://127.0.0.1:9",
  serverName: "bench.localhost",
  asToken: "as-token-of-the-bench",
  hsToken: HS_TOKEN,
  adminToken: "admin-token-of-the-bench",
  port,
  folder: join(folder, "host"),
  env: {},
});
try {
  const rows: string[][] = [];
  for (const events of [1, 100]) {
    const [floor, troupe] = [await times(barePort, events, 5), await times(port, events, PAUSE_MS)];
    const p50 = quantile(troupe, 0.5);
    const judged = events === 100 ? (p50 <= P50_MS_MAX ? `within ${P50_MS_MAX} ms` : `ABOVE ${P50_MS_MAX} ms`) : "";
    const ratio = (p50 / quantile(floor, 0.5)).toFixed(1);
    rows.push([`${events} events`, ms(quantile(floor, 0.5)), ms(p50), ms(quantile(troupe, 0.9)), ratio, judged]);
  }
  process.stdout.write(table(["", "bare p50", "Troupe p50", "Troupe p90", "ratio", ""], rows));
} finally {
  agent.destroy();
  bare.close();
  await host.kill();
  rmSync(folder, { recursive: true, force: true });
}
