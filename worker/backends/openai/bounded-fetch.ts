/**
 * Reads no more of a backend's answer than its bounds, and not all of it at once: a stream that goes on is broken off, a page
 * of an error is cut. A redirect is not followed: the conversation goes to the server that the operator chose.
 */
import { BOUNDS } from "#core/bounds.ts";
import type { Fetch } from "#core/turn/backend.ts";

/** `giveWay` lets other work go on. */
export const boundedFetch =
  (fetch: Fetch, giveWay: () => Promise<void>): Fetch =>
  async (input, init) => {
    const response = await fetch(input, { ...init, redirect: "manual" });
    const { body, ok, status, statusText, headers } = response;
    const location = status >= 300 && status < 400 ? headers.get("location") : null;
    if (location !== null) {
      await body?.cancel();
      return new Response(`the server redirects to ${location}`, { status, statusText });
    }
    if (!body) return response;
    const counted = ok
      ? body.pipeThrough(counting(BOUNDS.backendStream.max, "fails")).pipeThrough(inSlices(giveWay))
      : body.pipeThrough(counting(BOUNDS.backendError.max, "ends"));
    return new Response(counted, { status, statusText, headers });
  };

/** Passes so many bytes on. What comes after them fails the stream, or ends it. */
function counting(bytesMax: number, beyond: "fails" | "ends"): TransformStream<Uint8Array, Uint8Array> {
  let left = bytesMax;
  return new TransformStream({
    transform(chunk, controller) {
      if (chunk.byteLength > left && beyond === "fails") {
        throw new Error(`the backend's answer has more than ${bytesMax} bytes`);
      }
      controller.enqueue(chunk.subarray(0, left));
      left -= Math.min(chunk.byteLength, left);
      if (left === 0 && beyond === "ends") controller.terminate();
    },
  });
}

/** What a chunk costs beside its bytes: each may be a single one. */
const CHUNK_BYTES = 256;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/** Cuts the stream of events into slices, and gives way between them. A single event beyond its bound fails the stream. */
function inSlices(giveWay: () => Promise<void>): TransformStream<Uint8Array, Uint8Array> {
  const sliceBytes = BOUNDS.backendSlice.max;
  let [sinceBreak, ofEvent, last] = [0, 0, 0];
  const count = (slice: Uint8Array): void => {
    for (const byte of slice) {
      ofEvent = byte === LINE_FEED && last === LINE_FEED ? 0 : ofEvent + 1;
      if (byte !== CARRIAGE_RETURN) last = byte;
    }
    if (ofEvent <= BOUNDS.backendEvent.max) return;
    throw new Error(`an event of the answer has more than ${BOUNDS.backendEvent.max} bytes`);
  };
  return new TransformStream({
    async transform(chunk, controller) {
      for (let at = 0; at < chunk.byteLength; at += sliceBytes) {
        const slice = chunk.subarray(at, at + sliceBytes);
        count(slice);
        controller.enqueue(slice);
        sinceBreak += CHUNK_BYTES + slice.byteLength;
        if (sinceBreak < sliceBytes) continue;
        sinceBreak = 0;
        await giveWay();
      }
    },
  });
}
