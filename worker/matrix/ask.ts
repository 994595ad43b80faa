/** Sends requests to the homeserver by `fetch`, on hosts without a client of their own. Bodies are streamed both ways. */
import { BOUNDS } from "#core/bounds.ts";
import type { RequestBody, StreamedBody } from "#core/protocol/client/request.ts";
import type { Fetch } from "#core/turn/backend.ts";
import type { Ask } from "#ports/homeserver.ts";
import { boundedText } from "../bounded-text.ts";
import { enforceLength } from "./enforce-length.ts";

export const askByFetch =
  (fetch: Fetch): Ask =>
  async (url, { method, headers, body, signal }) => {
    // As on Node: a request goes to the homeserver and nowhere else.
    const init = { method, signal, redirect: "manual", ...headersAndBody(headers, body) } as const;
    const response = await fetch(url, init);
    return {
      status: response.status,
      header: (name) => response.headers.get(name),
      text: async () => (response.body ? boundedText(response.body, BOUNDS.answerBody.max) : ""),
      stream: () => response.body ?? new Blob([]).stream(),
    };
  };

/** The fetch standard requires `duplex` with a stream. */
function headersAndBody(headers: Record<string, string>, body: RequestBody | undefined) {
  if (body === undefined) return { headers };
  if (typeof body === "string" || body instanceof Uint8Array) return { headers, body };
  const length = body.length === undefined ? {} : { "content-length": String(body.length) };
  return { headers: { ...headers, ...length }, body: withFixedLength(body), duplex: "half" };
}

/** workerd sends a content-length only with a `FixedLengthStream`. An error of the pipe fails the request. */
function withFixedLength(streamed: StreamedBody): ReadableStream<Uint8Array> {
  const { length } = streamed;
  const body = enforceLength(streamed);
  if (length === undefined || typeof FixedLengthStream === "undefined") return body;
  const { readable, writable } = new FixedLengthStream(length);
  body.pipeTo(writable).catch(() => undefined);
  return readable;
}
