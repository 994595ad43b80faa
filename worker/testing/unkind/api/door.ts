/** The HTTP server of the client–server API, with the failures between a client and its homeserver. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import * as z from "zod/v4";
import type { Counts, Dice } from "../dice.ts";
import { type Answer, type Call, refusal } from "./call.ts";

export interface Door {
  port: number;
  /** The time of the last answer; the present time while a request is open. */
  busyUntilMs(): number;
  /** Closes every connection. */
  close(): Promise<void>;
}

interface Needs {
  port: number;
  api: (call: Call) => Promise<Answer>;
  dice: Dice;
  counts: Counts;
  brokenRooms: ReadonlySet<string>;
}

const ObjectBody = z.record(z.string(), z.json());

export async function openDoor({ port, api, dice, counts, brokenRooms }: Needs): Promise<Door> {
  let open = 0;
  let lastMs = 0;
  const server = createServer((request, response) => {
    open++;
    counts.requests++;
    response.on("close", () => {
      open--;
      lastMs = Date.now();
    });
    answerTo(request, { api, dice, counts, brokenRooms }).then(
      (found) => (found ? write(response, found) : request.socket.destroy()),
      (error: unknown) => write(response, refusal(500, "M_UNKNOWN", `Internal server error: ${String(error)}`)),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : port,
    busyUntilMs: () => (open > 0 ? Date.now() : lastMs),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Undefined closes the connection. */
async function answerTo(
  request: IncomingMessage,
  { api, dice, counts, brokenRooms }: Omit<Needs, "port">,
): Promise<Answer | undefined> {
  const call = await read(request);
  const { falls, unkindness } = dice;
  if (brokenRooms.has(roomIn(call.rawPath) ?? "")) return refusal(500, "M_UNKNOWN", "Internal server error");
  const isConcerned = unkindness.on === "everything" || /\/(send|redact)\//.test(call.rawPath);
  if (!isConcerned) return api(call);
  if (falls("lostRequests")) {
    counts.lost++;
    return undefined;
  }
  if (falls("broken")) {
    counts.broken++;
    return refusal(500, "M_UNKNOWN", "Internal server error");
  }
  const answer = await api(call);
  if (falls("slow")) await sleep(unkindness.slowMs);
  if (falls("lostAnswers")) {
    counts.lost++;
    return undefined;
  }
  if (falls("brokenAfter")) {
    counts.broken++;
    return { status: 502, body: {}, page: "<html><body>502 Bad Gateway</body></html>" };
  }
  return answer;
}

const roomIn = (rawPath: string): string | undefined => {
  const [, room] = rawPath.match(/\/(?:rooms|join)\/([^/]+)/) ?? [];
  return room === undefined ? undefined : decodeURIComponent(room);
};

async function read(request: IncomingMessage): Promise<Call> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const url = new URL(request.url ?? "/", "http://homeserver");
  const isJson = !url.pathname.startsWith("/_matrix/media/");
  const text = isJson ? await new Blob(chunks).text() : "";
  return {
    method: request.method ?? "GET",
    rawPath: (request.url ?? "/").split("?", 1)[0] ?? "/",
    query: url.searchParams,
    body: text === "" ? {} : parse(text),
    token: request.headers.authorization?.match(/^Bearer (.+)$/)?.[1],
  };
}

function parse(text: string): Call["body"] {
  try {
    return ObjectBody.safeParse(JSON.parse(text)).data ?? "no object";
  } catch {
    // The API answers this with 400, but only to a valid token.
    return "no JSON";
  }
}

function write(response: ServerResponse, { status, body, headers, page }: Answer): void {
  if (response.destroyed) return;
  response.writeHead(status, { "content-type": page === undefined ? "application/json" : "text/html", ...headers });
  response.end(page ?? JSON.stringify(body));
}
