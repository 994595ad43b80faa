/**
 * Sends requests to the homeserver over connections that stay open. By Node's own client, because `fetch` costs every
 * message half a millisecond more. Bodies are streamed both ways, no faster than the receiver reads them.
 */

import { once } from "node:events";
import { type ClientRequest, Agent as HttpAgent, request as httpRequest, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { BOUNDS } from "#core/bounds.ts";
import type { RequestBody, StreamedBody } from "#core/protocol/client/request.ts";
import type { Ask } from "#ports/homeserver.ts";
import { boundedText } from "../../../worker/bounded-text.ts";
import { enforceLength } from "../../../worker/matrix/enforce-length.ts";

interface Exchange {
  answer: Promise<IncomingMessage>;
  /** True when the connection was open already: the other side may have closed it at the same moment. */
  wasReused: () => boolean;
}

/** The answer rejects when there is none: the name is unknown, the connection refused or broken, the signal aborted. */
export function keepAliveAsk(): Ask {
  const options = { keepAlive: true, maxSockets: BOUNDS.connections.max };
  const [http, https] = [new HttpAgent(options), new HttpsAgent(options)];
  const begin: (...given: Parameters<Ask>) => Exchange = (url, { method, headers, body, signal }) => {
    const secure = url.startsWith("https:");
    const request = (secure ? httpsRequest : httpRequest)(url, {
      agent: secure ? https : http,
      method,
      signal,
      headers: { ...headers, ...lengthOf(body) },
    });
    const answer = new Promise<IncomingMessage>((resolve, reject) => {
      request.once("response", resolve);
      request.on("error", reject);
    });
    if (isStreamed(body)) void pour(body, request);
    else request.end(body);
    return { answer, wasReused: () => request.reusedSocket };
  };
  return async (url, init) => {
    const first = begin(url, init);
    const incoming = await first.answer.catch((error: unknown) => {
      // A streamed body cannot be sent again: it was read.
      if (first.wasReused() && isReset(error) && !isStreamed(init.body)) return begin(url, init).answer;
      throw error;
    });
    return {
      status: incoming.statusCode ?? 0,
      header: (name) => incoming.headers[name]?.toString() ?? null,
      text: () => boundedText(incoming, BOUNDS.answerBody.max),
      stream: () => streamOf(incoming),
    };
  };
}

const isStreamed = (body: RequestBody | undefined): body is StreamedBody =>
  typeof body === "object" && "stream" in body;

function lengthOf(body: RequestBody | undefined): Record<string, string> {
  if (body === undefined) return {};
  const length = isStreamed(body) ? body.length : Buffer.byteLength(body);
  return length === undefined ? {} : { "content-length": String(length) };
}

const isReset = (error: unknown): boolean =>
  error instanceof Error && "code" in error && (error.code === "ECONNRESET" || error.code === "EPIPE");

/** Writes the stream as the request's body. When the request ends before it, for whatever reason, the stream is cancelled. */
async function pour(body: StreamedBody, request: ClientRequest): Promise<void> {
  const reader = enforceLength(body).getReader();
  const over = new AbortController();
  request.once("close", () => {
    over.abort();
    reader.cancel().catch(() => undefined);
  });
  // A homeserver that refuses a body may answer before it has read it.
  request.once("response", (incoming) => incoming.once("end", () => request.writableEnded || request.destroy()));
  try {
    for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) {
      if (!request.write(chunk.value)) await once(request, "drain", { signal: over.signal });
    }
    request.end();
  } catch (error) {
    // This has no effect on a request that has ended.
    request.destroy(error instanceof Error ? error : new Error(String(error)));
  }
}

/** Reads as fast as its consumer. Cancelling it closes the connection, because the rest of the body is still arriving. */
function streamOf(incoming: IncomingMessage): ReadableStream<Uint8Array> {
  const chunks: AsyncIterator<Uint8Array> = incoming[Symbol.asyncIterator]();
  return new ReadableStream(
    {
      async pull(controller) {
        const chunk = await chunks.next();
        if (chunk.done) controller.close();
        else controller.enqueue(chunk.value);
      },
      cancel: () => void incoming.destroy(),
    },
    { highWaterMark: 0 },
  );
}
