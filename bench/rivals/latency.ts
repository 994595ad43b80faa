/**
 * The rivals of `bench:latency`, each run as a process: `node bench/rivals/latency.ts floor|bot <settings as JSON>`. Prints "ready"
 * when it listens.
 */
import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { liveClient } from "../../appservice/live/client.ts";

export interface BenchEvent {
  type: string;
  sender: string;
  room_id: string;
  content: { body?: string };
}
export interface Sync {
  next_batch: string;
  rooms?: { join?: Record<string, { timeline: { events: BenchEvent[] } }> };
}
export interface RivalSettings {
  homeserver: string;
  room: string;
  /** For the floor appservice. */
  floor: { port: number; asToken: string; ghost: string };
  /** For the bot. */
  bot: { user: string; password: string };
}

/** The smallest possible appservice: answers every message, stores nothing. */
function floorAppservice({ homeserver, floor: { port, asToken, ghost } }: RivalSettings): Promise<void> {
  const send = (room: string, body: string) =>
    fetch(
      `${homeserver}/_matrix/client/v3/rooms/${encodeURIComponent(room)}/send/m.room.message/${randomUUID()}?user_id=${encodeURIComponent(ghost)}`,
      {
        method: "PUT",
        headers: { authorization: `Bearer ${asToken}` },
        body: JSON.stringify({ msgtype: "m.text", body }),
      },
    );
  const server = createServer((request, response) => {
    let text = "";
    request.on("data", (chunk) => (text += String(chunk)));
    request.on("end", () => {
      response.end("{}");
      const { events = [] } = JSON.parse(text || "{}") as { events?: BenchEvent[] };
      for (const { type, sender, room_id, content } of events) {
        if (type === "m.room.message" && sender !== ghost) void send(room_id, `echo ${content.body}`);
      }
    });
  });
  return new Promise((resolve) => server.listen(port, "127.0.0.1", resolve));
}

/** The smallest possible bot: one account with a `/sync` loop. */
async function syncBot({ homeserver, bot: { user, password }, room }: RivalSettings): Promise<void> {
  const bot = await liveClient(homeserver, user, password);
  await bot.call("POST", `/rooms/${encodeURIComponent(room)}/join`, {});
  void (async () => {
    for (let since = (await bot.call<Sync>("GET", "/sync")).next_batch; ; ) {
      const synced = await bot.call<Sync>("GET", `/sync?timeout=2000&since=${encodeURIComponent(since)}`);
      since = synced.next_batch;
      const events = synced.rooms?.join?.[room]?.timeline.events ?? [];
      for (const { type, sender, content } of events) {
        if (type === "m.room.message" && sender !== bot.userId) await bot.say(room, `echo ${content.body}`);
      }
    }
  })();
}

const [, , rival, settings] = process.argv;
if (settings !== undefined) {
  await (rival === "floor" ? floorAppservice : syncBot)(JSON.parse(settings) as RivalSettings);
  process.stdout.write("ready\n");
}
