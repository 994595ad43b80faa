/** Enforces the length that a streamed body declares. */
import type { StreamedBody } from "#core/protocol/client/request.ts";

/**
 * The stream, with an error if it is shorter or longer than its length. The error comes before the last bytes, so that a
 * receiver never takes an incomplete body for a complete one.
 */
export function enforceLength({ stream, length }: StreamedBody): ReadableStream<Uint8Array> {
  if (length === undefined) return stream;
  const reader = stream.getReader();
  const next = async (): Promise<Uint8Array | undefined> => {
    for (;;) {
      const { done, value } = await reader.read();
      if (done || value.byteLength > 0) return value;
    }
  };
  let bytes = 0;
  return new ReadableStream(
    {
      async pull(controller) {
        const chunk = await next();
        if (chunk === undefined && bytes < length) throw new Error(`the body ended after ${bytes} of ${length} bytes`);
        bytes += chunk?.byteLength ?? 0;
        const isLonger = bytes > length || (bytes === length && (await next()) !== undefined);
        if (isLonger) {
          await reader.cancel();
          throw new Error(`the body is longer than its ${length} bytes`);
        }
        if (chunk) controller.enqueue(chunk);
        if (bytes === length) controller.close();
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
}
