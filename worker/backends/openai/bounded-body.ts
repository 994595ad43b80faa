/**
 * Reads no more of a backend's answer than its bounds, and not all of it at once: a stream that goes on is broken off, a page
 * of an error is cut.
 */
import { BOUNDS } from "#core/bounds.ts";

/** The body of an answer; undefined where there is none. `giveWay` lets other work go on. */
export function boundedBody(
  { body, ok }: Response,
  giveWay: () => Promise<void>,
): ReadableStream<Uint8Array> | undefined {
  return ok
    ? body?.pipeThrough(counting(BOUNDS.backendStream.max, "fails")).pipeThrough(inSlices(giveWay))
    : body?.pipeThrough(counting(BOUNDS.backendError.max, "ends"));
}

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

/** Cuts the stream into slices, and gives way between them. */
function inSlices(giveWay: () => Promise<void>): TransformStream<Uint8Array, Uint8Array> {
  const sliceBytes = BOUNDS.backendSlice.max;
  let sinceBreak = 0;
  return new TransformStream({
    async transform(chunk, controller) {
      for (let at = 0; at < chunk.byteLength; at += sliceBytes) {
        const slice = chunk.subarray(at, at + sliceBytes);
        controller.enqueue(slice);
        sinceBreak += CHUNK_BYTES + slice.byteLength;
        if (sinceBreak < sliceBytes) continue;
        sinceBreak = 0;
        await giveWay();
      }
    },
  });
}
