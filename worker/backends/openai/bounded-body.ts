/** Reads no more of a backend's answer than its bound: a stream that goes on is broken off, a page of an error is cut. */
import { BOUNDS } from "#core/bounds.ts";

/** The body of an answer. Undefined where there is none. */
export function boundedBody({ body, ok }: Response): ReadableStream<Uint8Array> | undefined {
  const counted = ok ? counting(BOUNDS.backendStream.max, "fails") : counting(BOUNDS.backendError.max, "ends");
  return body?.pipeThrough(counted);
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
