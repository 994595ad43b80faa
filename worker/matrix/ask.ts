/** Requests to the homeserver by way of `fetch`, where a host has nothing better. Bodies are streamed both ways. */
import type { RequestBody, StreamedBody } from "#core/protocol/client/request.ts";
import type { Fetch } from "#core/turn/backend.ts";
import type { Ask } from "#ports/homeserver.ts";
import { measured } from "./measured.ts";

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
  return { headers: { ...headers, ...length }, body: fixed(body), duplex: "half" };
}

/** workerd sends a content-length with this kind of stream only. A pipe that fails makes the request fail. */
function fixed(streamed: StreamedBody): ReadableStream<Uint8Array> {
  const { length } = streamed;
  const body = measured(streamed);
  if (length === undefined || typeof FixedLengthStream === "undefined") return body;
  const { readable, writable } = new FixedLengthStream(length);
  body.pipeTo(writable).catch(() => undefined);
  return readable;
}
