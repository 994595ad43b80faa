/**
 * A server on loopback for bodies that are streamed. It runs in Node also where the test does not, so it is told over
 * HTTP what to do and asked over HTTP what happened.
 */
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** Sent and received whole, in bytes. */
const STREAM_BYTES = 15 * 1024 * 1024;
const CHUNK_BYTES = 64 * 1024;

/** One transfer, by the name it has in the path. */
interface Transfer {
  bytes: number;
  contentLength: string | null;
  chunked: boolean;
  /** The connection was closed before the transfer was whole. */
  broken: boolean;
}

export interface StreamServer {
  url: string;
  close(): void;
}

export async function streamServer(): Promise<StreamServer> {
  const transfers = new Map<string, Transfer>();
  const released = new Map<string, () => void>();
  const server = createServer((request, response) => {
    const [, what = "", name = ""] = (request.url ?? "").split("/");
    if (what === "about") return void response.end(JSON.stringify(transfers.get(name) ?? null));
    if (what === "redirect") return void response.writeHead(307, { location: `/about/${name}` }).end();
    if (what === "release") {
      released.get(name)?.();
      return void response.end("{}");
    }
    const transfer = begin(request);
    transfers.set(name, transfer);
    response.on("close", () => (transfer.broken ||= !response.writableFinished));
    if (what === "upload") return void take(request, response, transfer);
    if (what === "refuse") return void response.writeHead(413).end("{}");
    return void give(response, transfer, new Promise((release) => released.set(name, release)));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

const begin = ({ headers }: IncomingMessage): Transfer => ({
  bytes: 0,
  contentLength: headers["content-length"] ?? null,
  chunked: headers["transfer-encoding"] === "chunked",
  broken: false,
});

async function take(request: IncomingMessage, response: ServerResponse, transfer: Transfer): Promise<void> {
  try {
    for await (const chunk of request) transfer.bytes += chunk.length;
    response.end(JSON.stringify(transfer));
  } catch {
    transfer.broken = true;
  }
}

/** The first chunk at once, the others when they are released. */
async function give(response: ServerResponse, transfer: Transfer, release: Promise<void>): Promise<void> {
  const over = new AbortController();
  response.once("close", () => over.abort());
  response.writeHead(200, { "content-length": STREAM_BYTES });
  for (; transfer.bytes < STREAM_BYTES && !response.destroyed; transfer.bytes += CHUNK_BYTES) {
    const flows = response.write(new Uint8Array(CHUNK_BYTES));
    if (!flows) await once(response, "drain", { signal: over.signal }).catch(() => undefined);
    if (transfer.bytes === 0) await release;
  }
  response.end();
}
