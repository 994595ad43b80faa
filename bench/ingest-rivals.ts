/**
 * What the ingest bench races against, each a process of its own:
 * `node ingest-rivals.ts commit|library <settings as JSON>`. Says "ready" when it listens.
 */
import { createServer } from "node:http";
import Libsql from "libsql";
import { AppService } from "matrix-appservice";

export type IngestRival = "commit" | "library";
export interface IngestRivalSettings {
  port: number;
  hsToken: string;
  /** The database of the rival that stores; a new one. */
  file: string;
}

interface Pushed {
  events: { event_id: string; room_id: string }[];
}

/** The least that still remembers: one table, one commit that waits for the disk, nothing checked and nothing decided. */
function bareCommit({ port, file: path }: IngestRivalSettings): Promise<void> {
  const file = new Libsql(path);
  for (const pragma of ["journal_mode = WAL", "synchronous = FULL"]) file.exec(`PRAGMA ${pragma}`);
  file.exec("CREATE TABLE events (event_id text PRIMARY KEY, room_id text NOT NULL, event text NOT NULL)");
  const insert = file.prepare("INSERT INTO events (event_id, room_id, event) VALUES (?, ?, ?) ON CONFLICT DO NOTHING");
  const [begin, commit] = [file.prepare("BEGIN IMMEDIATE"), file.prepare("COMMIT")];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const { events } = JSON.parse(Buffer.concat(chunks).toString()) as Pushed;
      begin.run();
      for (const event of events) insert.run([event.event_id, event.room_id, JSON.stringify(event)]);
      commit.run();
      response.end("{}");
    });
  });
  return new Promise((resolve) => server.listen(port, "127.0.0.1", resolve));
}

/** The library most bridges are built on, as its README starts it. It stores nothing, and its listener does nothing. */
async function library({ port, hsToken }: IngestRivalSettings): Promise<void> {
  const service = new AppService({ homeserverToken: hsToken });
  service.on("event", () => undefined);
  await service.listen(port, "127.0.0.1", 511);
}

const RIVALS: Record<IngestRival, (settings: IngestRivalSettings) => Promise<void>> = { commit: bareCommit, library };

if (import.meta.main) {
  const [, , rival = "", settings = "{}"] = process.argv;
  await RIVALS[rival as IngestRival](JSON.parse(settings) as IngestRivalSettings);
  process.stdout.write("ready\n");
}
