/** Requests to the homeserver by way of `fetch`, where a host has nothing better. Bodies are streamed both ways. */
import type { RequestBody, StreamedBody } from "#core/protocol/client/request.ts";
import type { Fetch } from "#core/turn/backend.ts";
import type { Ask } from "#ports/homeserver.ts";

export const askByFetch =
  (fetch: Fetch): Ask =>
  async (url, { method, headers, body, signal }) => {
    const response = await fetch(url, { method, signal, ...carrying(headers, body) });
    return {
      status: response.status,
      header: (name) => response.headers.get(name),
      text: () => response.text(),
      stream: () => response.body ?? new Blob([]).stream(),
    };
  };

/** `duplex` is what the fetch standard demands with a stream. */
function carrying(headers: Record<string, string>, body: RequestBody | undefined) {
  if (body === undefined) return { headers };
  if (typeof body === "string" || body instanceof Uint8Array) return { headers, body };
  const length = body.length === undefined ? {} : { "content-length": String(body.length) };
  return { headers: { ...headers, ...length }, body: measured(body), duplex: "half" };
}

/** workerd sends a content-length with this kind of stream only; it also holds the stream to its length. */
const measured = ({ stream, length }: StreamedBody): ReadableStream<Uint8Array> =>
  length === undefined || typeof FixedLengthStream === "undefined"
    ? stream
    : stream.pipeThrough(new FixedLengthStream(length));
