/**
 * Requests to the homeserver over connections that stay open. Node's own client, because `fetch` costs every message
 * half a millisecond more.
 */
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import type { Ask } from "#ports/homeserver.ts";

/** More at once than this wait for each other here instead of in the homeserver. */
const CONNECTIONS_MAX = 64;

interface Sent {
  answer: Promise<IncomingMessage>;
  /** A connection that stood open may have been closed by the other side in the same moment. */
  wasReused: () => boolean;
}

/** The answer rejects when there is none: the name is unknown, nobody listens, the connection broke, the signal aborted. */
export function keepAliveAsk(): Ask {
  const options = { keepAlive: true, maxSockets: CONNECTIONS_MAX };
  const [http, https] = [new HttpAgent(options), new HttpsAgent(options)];
  const send: (...given: Parameters<Ask>) => Sent = (url, { method, headers, body, signal }) => {
    const length = body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) };
    const secure = url.startsWith("https:");
    const request = (secure ? httpsRequest : httpRequest)(url, {
      agent: secure ? https : http,
      ...{ method, signal, headers: { ...headers, ...length } },
    });
    const answer = new Promise<IncomingMessage>((resolve, reject) => {
      request.once("response", resolve);
      request.on("error", reject);
    });
    request.end(body);
    return { answer, wasReused: () => request.reusedSocket };
  };
  return async (url, init) => {
    const first = send(url, init);
    const incoming = await first.answer.catch((error: unknown) => {
      if (first.wasReused() && isReset(error)) return send(url, init).answer;
      throw error;
    });
    return {
      status: incoming.statusCode ?? 0,
      header: (name) => incoming.headers[name]?.toString() ?? null,
      text: () => textOf(incoming),
    };
  };
}

const isReset = (error: unknown): boolean =>
  error instanceof Error && "code" in error && (error.code === "ECONNRESET" || error.code === "EPIPE");

async function textOf(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}
