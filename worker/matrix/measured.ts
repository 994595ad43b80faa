/** A body held to the length it says. */
import type { StreamedBody } from "#core/protocol/client/request.ts";

/**
 * The stream as it is, or with an error where it ends before its length or goes on after it. The error comes before the
 * last bytes are given, so that no receiver takes a body that was cut for a whole one.
 */
export function measured({ stream, length }: StreamedBody): ReadableStream<Uint8Array> {
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
