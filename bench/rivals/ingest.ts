/**
 * The rivals of `bench:ingest`, each run as a process: `node bench/rivals/ingest.ts commit|library <settings as JSON>`.
 * Prints "ready" when it listens.
 */
import { createServer } from "node:http";
import Libsql from "libsql";
import { AppService } from "matrix-appservice";

export type IngestRival = "commit" | "library";
export interface IngestRivalSettings {
  port: number;
  hsToken: string;
  /** A new database, for the rival that stores events. */
  file: string;
}

interface Pushed {
  events: { event_id: string; room_id: string }[];
}

/** The least that is durable: one table and one commit to disk, without validation or decision. */
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

/** The library under most Matrix bridges, started as its README says. It stores nothing; its listener is empty. */
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
