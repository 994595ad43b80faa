/**
 * A `fetch` for backends, which may think for hours: Node's own gives up after five minutes without headers, or between
 * two pieces of a body, and has no setting for it. It is stopped by its signal only.
 *
 * @see https://nodejs.org/api/http.html#httprequesturl-options-callback
 */
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { Readable } from "node:stream";
import { createBrotliDecompress, createGunzip, createInflate } from "node:zlib";
import type { Fetch } from "#core/turn/backend.ts";

/** Asks the other side now and then whether it is there: routers forget connections on which nothing is said. */
const PROBES = { keepAlive: true, keepAliveMsecs: 30_000 };
/** Answers that have no body by definition. */
const WITHOUT_BODY = new Set([204, 205, 304]);

interface Order {
  method: string;
  headers: Headers;
  body: Uint8Array;
  signal: AbortSignal;
}

/**
 * A redirect is not followed, but given: its caller knows whom it may ask. `env` has the proxies, and whether they are used.
 *
 * @see https://nodejs.org/api/http.html#built-in-proxy-support
 */
export function patientFetch(env: Record<string, string | undefined> = {}): Fetch {
  const options = { ...PROBES, ...(env["NODE_USE_ENV_PROXY"] === "1" ? { proxyEnv: asProcessEnv(env) } : {}) };
  const [http, https] = [new HttpAgent(options), new HttpsAgent(options)];
  const send = (url: URL, order: Order, isRepeated = false): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => {
      const { method, headers, body, signal } = order;
      const secure = url.protocol === "https:";
      const sized = body.length > 0 ? { "content-length": String(body.length) } : {};
      const request = (secure ? httpsRequest : httpRequest)(url.href, {
        agent: secure ? https : http,
        method,
        signal,
        headers: { ...Object.fromEntries(headers), ...sized },
      });
      request.once("response", resolve);
      request.on("error", (error) => {
        // The server had closed the connection that was kept, and has not seen the request.
        if (request.reusedSocket && isReset(error) && !isRepeated) resolve(send(url, order, true));
        else reject(error);
      });
      request.end(body);
    });

  return async (input, init) => {
    const { url, ...order } = await readRequest(new Request(input, init));
    return responseOf(await send(new URL(url), order));
  };
}

const readRequest = async (request: Request): Promise<Order & { url: string }> => ({
  url: request.url,
  method: request.method,
  headers: new Headers(request.headers),
  body: new Uint8Array(await request.arrayBuffer()),
  signal: request.signal,
});

const asProcessEnv = (env: Record<string, string | undefined>): NodeJS.ProcessEnv => env as NodeJS.ProcessEnv;

const isReset = (error: Error): boolean => "code" in error && (error.code === "ECONNRESET" || error.code === "EPIPE");

function responseOf(incoming: IncomingMessage): Response {
  const { statusCode: status = 502, statusMessage = "" } = incoming;
  const headers = new Headers();
  for (let at = 0; at + 1 < incoming.rawHeaders.length; at += 2) {
    headers.append(incoming.rawHeaders[at] ?? "", incoming.rawHeaders[at + 1] ?? "");
  }
  if (WITHOUT_BODY.has(status)) incoming.resume();
  const body = WITHOUT_BODY.has(status) ? null : Readable.toWeb(decoded(incoming));
  return new Response(body, { status, statusText: statusMessage, headers });
}

/** No encoding is asked for; some proxies encode all the same. */
function decoded(incoming: IncomingMessage): Readable {
  const decoder = decoderOf(incoming.headers["content-encoding"]?.trim().toLowerCase());
  if (!decoder) return incoming;
  incoming.once("error", (error) => decoder.destroy(error));
  decoder.once("close", () => incoming.destroy());
  return incoming.pipe(decoder);
}

function decoderOf(encoding: string | undefined) {
  switch (encoding) {
    case "gzip":
    case "x-gzip":
      return createGunzip();
    case "deflate":
      return createInflate();
    case "br":
      return createBrotliDecompress();
    default:
      return undefined;
  }
}
