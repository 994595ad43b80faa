/** The homeserver's door of a running Node bridge while hostile texts are echoed: how long it takes for its 200. */
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { fakeHomeserver } from "#testing/homeserver.ts";
import { PATHOLOGICAL, repeated } from "#testing/mangle/texts.ts";
import { applyAgents, freePort, startHost } from "../../appservice/live/hosts.ts";
import { quantile } from "../figures.ts";
import { HS_TOKEN, homeserverOf } from "../ingest.ts";
import { ALICE, ECHO } from "./stage.ts";
import { eventOf, TEXT_LENGTH } from "./works.ts";

const AS_TOKEN = "as-token-of-the-bench";
const ADMIN_TOKEN = "admin-token-of-the-bench";
const PAUSE_MS = 10;
const ECHOED_MS_MAX = 300_000;

/** The 99th percentile of the door's answers, in milliseconds, and how many there were. */
export async function measureDoor(): Promise<{ p99: number; pushes: number }> {
  const folder = mkdtempSync(join(tmpdir(), "troupe-bench-door-"));
  const server = fakeHomeserver(AS_TOKEN);
  const rooms = Object.keys(PATHOLOGICAL).map((_, n) => `!room${n}`);
  for (const room of rooms) server.members.set(room, [ALICE, ECHO]);
  const http = createServer(async (request, response) => {
    const body = request.method === "GET" ? null : await text(request);
    const { authorization = "", "content-type": type } = request.headers;
    const headers = { authorization, ...(type === undefined ? {} : { "content-type": type }) };
    const { method = "GET" } = request;
    const answer = await server.fetch(`http://hs.test${request.url}`, { method, headers, body });
    response.writeHead(answer.status, { "content-type": "application/json" }).end(await answer.text());
  });
  const homeserverPort = await freePort();
  await new Promise<void>((resolve) => http.listen(homeserverPort, "127.0.0.1", resolve));
  const port = await freePort();
  const host = await startHost("node", {
    homeserver: `http://127.0.0.1:${homeserverPort}`,
    serverName: "hs.test",
    asToken: AS_TOKEN,
    hsToken: HS_TOKEN,
    adminToken: ADMIN_TOKEN,
    port,
    folder,
    env: { SENDER_TURNS_PER_MINUTE: "0", ROOM_TURNS_PER_MINUTE: "0" },
  });
  const homeserver = homeserverOf(port);
  try {
    await applyAgents(host, ADMIN_TOKEN, [{ id: "echo", name: "Echo", backend: { use: "echo" } }]);
    for (const room_id of rooms) {
      const invite = { membership: "invite", is_direct: true };
      await homeserver.push([eventOf({ room_id, type: "m.room.member", state_key: ECHO, content: invite })]);
    }
    await sleep(3_000);
    const times: number[] = [];
    const bodies = Object.values(PATHOLOGICAL).map((piece) => repeated(piece, TEXT_LENGTH));
    const sentBefore = server.sent.length;
    for (const [n, body] of bodies.entries()) {
      const content = { msgtype: "m.text", body };
      times.push(await homeserver.push([eventOf({ room_id: rooms[n] ?? "", content })]));
    }
    const until = Date.now() + ECHOED_MS_MAX;
    for (let quietSince = Date.now(), sent = sentBefore; Date.now() - quietSince < 2_000 && Date.now() < until; ) {
      const content = { msgtype: "m.text", body: "other words" };
      times.push(await homeserver.push([eventOf({ room_id: "!other", content })]));
      await sleep(PAUSE_MS);
      if (server.sent.length > sent) [quietSince, sent] = [Date.now(), server.sent.length];
    }
    const echoed = new Set(server.sent.slice(sentBefore).map(({ path }) => path.split("/")[5]));
    if (echoed.size < bodies.length) throw new Error(`${echoed.size} of ${bodies.length} rooms were answered`);
    return { p99: quantile(times, 0.99), pushes: times.length };
  } finally {
    homeserver.close();
    await host.kill();
    http.close();
    rmSync(folder, { recursive: true, force: true });
  }
}
