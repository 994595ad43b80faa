/** `troupe why`: what happened to an event, or to the latest events of a room. */
import * as z from "zod/v4";
import { askBridge } from "../api/ask.ts";
import { whereIsBridge } from "../api/where.ts";
import { UsageError } from "../terminal/complain.ts";
import { plain, say } from "../terminal/terminal.ts";

const Explanation = z.object({
  eventId: z.string(),
  roomId: z.string(),
  verdict: z.string().optional(),
  receivedAtMs: z.number(),
  sentence: z.string(),
});
const Decisions = z.object({ decisions: z.array(Explanation) });

interface Options {
  url?: string;
  room?: string;
  limit?: string;
}

export async function why(eventId: string | undefined, { url, room, limit }: Options): Promise<void> {
  if ((eventId === undefined) === (room === undefined)) {
    throw new UsageError("Name an event, or a room with --room. Put quotes around an event id in a shell: '$abc…'.");
  }
  const where = whereIsBridge(url);
  if (room === undefined) {
    const path = `events/${encodeURIComponent(eventId ?? "")}/why`;
    const { verdict, sentence } = Explanation.parse(await askBridge(where, "GET", path));
    say(`${verdict ?? "undecided"}: ${plain(sentence)}`);
    return;
  }
  const query = limit === undefined ? "" : `?limit=${encodeURIComponent(limit)}`;
  const path = `rooms/${encodeURIComponent(room)}/decisions${query}`;
  const { decisions } = Decisions.parse(await askBridge(where, "GET", path));
  if (decisions.length === 0) say("No messages of this room are known.");
  for (const { eventId: id, verdict, receivedAtMs, sentence } of decisions) {
    say(`${new Date(receivedAtMs).toISOString()}  ${plain(id)}  ${verdict ?? "undecided"}`);
    say(`  ${plain(sentence)}`);
  }
}
