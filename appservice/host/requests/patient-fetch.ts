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
import { BOUNDS } from "#core/bounds.ts";
import type { Fetch } from "#core/turn/backend.ts";

/** Asks the other side now and then whether it is there: routers forget connections on which nothing is said. */
const PROBES = { keepAlive: true, keepAliveMsecs: 30_000 };
/** These repeat the request as it was. After 301 to 303 it would be a GET, which no backend answers. */
const REPEATING = new Set([307, 308]);
const MOVED = new Set([301, 302, 303, 307, 308]);
/** Answers that have no body by definition. */
const WITHOUT_BODY = new Set([204, 205, 304]);

interface Order {
  method: string;
  headers: Headers;
  body: Uint8Array;
  signal: AbortSignal;
}

/**
 * A redirect that would make a GET of another request is not followed, but given. `env` has the proxies, and whether they
 * are used.
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
    const { url: first, ...order } = await readRequest(new Request(input, init));
    let url = new URL(first);
    for (let redirects = 0; ; redirects++) {
      const incoming = await send(url, order);
      const next = redirects < BOUNDS.redirects.max ? redirectOf(incoming, order.method, url) : undefined;
      if (!next) return responseOf(incoming);
      incoming.destroy();
      if (!mayKnowKey(url, next)) order.headers.delete("authorization");
      url = next;
    }
  };
}

/** Another server must not learn the key. The same one may, where it only wants to be asked by https. */
export const mayKnowKey = (from: URL, to: URL): boolean =>
  from.origin === to.origin || (from.hostname === to.hostname && from.protocol === "http:" && to.protocol === "https:");

const readRequest = async (request: Request): Promise<Order & { url: string }> => ({
  url: request.url,
  method: request.method,
  headers: new Headers(request.headers),
  body: new Uint8Array(await request.arrayBuffer()),
  signal: request.signal,
});

const asProcessEnv = (env: Record<string, string | undefined>): NodeJS.ProcessEnv => env as NodeJS.ProcessEnv;

const isReset = (error: Error): boolean => "code" in error && (error.code === "ECONNRESET" || error.code === "EPIPE");

function redirectOf({ statusCode = 0, headers }: IncomingMessage, method: string, from: URL): URL | undefined {
  const isFollowed = (method === "GET" ? MOVED : REPEATING).has(statusCode);
  if (!isFollowed || headers.location === undefined || !URL.canParse(headers.location, from.href)) return undefined;
  const url = new URL(headers.location, from);
  return /^https?:$/.test(url.protocol) ? url : undefined;
}

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
