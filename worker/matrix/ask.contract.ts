/** The contract of every `Ask` about streamed bodies. */
import { describe, expect, test, vi } from "vitest";
import type { StreamedBody } from "#core/protocol/client/request.ts";
import type { Ask } from "#ports/homeserver.ts";

/** As `worker/testing/stream-server.ts`, which cannot be imported where there is no Node. */
const STREAM_BYTES = 15 * 1024 * 1024;
const CHUNK_BYTES = 64 * 1024;
const WAIT = { timeout: 5_000, interval: 10 };

interface Source {
  stream: ReadableStream<Uint8Array>;
  produced: () => number;
  isCancelled: () => boolean;
}

/** Produces `bytes`; after the first chunk it waits until `goOn` resolves. */
function source(bytes: number, goOn: () => Promise<unknown> = async () => undefined): Source {
  let [produced, cancelled] = [0, false];
  const stream = new ReadableStream<Uint8Array>({
    async pull(controller) {
      if (produced === CHUNK_BYTES) await goOn();
      if (cancelled) return;
      const size = Math.min(CHUNK_BYTES, bytes - produced);
      produced += size;
      if (size > 0) controller.enqueue(new Uint8Array(size));
      if (produced === bytes) controller.close();
    },
    cancel() {
      cancelled = true;
    },
  });
  return { stream, produced: () => produced, isCancelled: () => cancelled };
}

interface Transfer {
  bytes: number;
  contentLength: string | null;
  chunked: boolean;
  broken: boolean;
}

let transfers = 0;
export function askContract(name: string, make: () => Ask, serverUrl: () => string): void {
  const ask = make();
  const path = (what: string, transfer: string) => `${serverUrl()}/${what}/${transfer}`;
  const nameOne = () => `${name.replaceAll(/\W/g, "")}-${++transfers}`;
  const get = (url: string, signal = AbortSignal.timeout(10_000)) => ask(url, { method: "GET", headers: {}, signal });
  const post = (url: string, body: StreamedBody, signal = AbortSignal.timeout(10_000)) =>
    ask(url, { method: "POST", headers: { "content-type": "image/png" }, body, signal });
  const about = async (transfer: string): Promise<Transfer | null> =>
    JSON.parse(await (await get(path("about", transfer))).text());
  const arrived = (transfer: string) =>
    vi.waitFor(async () => expect((await about(transfer))?.bytes).toBeGreaterThan(0), WAIT);
  const broken = (transfer: string) =>
    vi.waitFor(async () => expect(await about(transfer)).toMatchObject({ broken: true }), WAIT);

  describe(`${name}, with bodies that are streamed`, () => {
    test("sends the first bytes before the last are produced, with their length", async () => {
      const transfer = nameOne();
      const { stream } = source(STREAM_BYTES, () => arrived(transfer));
      const answer = await post(path("upload", transfer), { stream, length: STREAM_BYTES });
      expect(JSON.parse(await answer.text())).toEqual({
        bytes: STREAM_BYTES,
        contentLength: String(STREAM_BYTES),
        chunked: false,
        broken: false,
      });
    });

    test("sends a body of unknown length in chunks", async () => {
      const answer = await post(path("upload", nameOne()), { stream: source(3 * CHUNK_BYTES).stream });
      expect(JSON.parse(await answer.text())).toMatchObject({
        bytes: 3 * CHUNK_BYTES,
        contentLength: null,
        chunked: true,
      });
    });

    test("receives the first bytes before the last are sent", async () => {
      const transfer = nameOne();
      const answer = await get(path("download", transfer));
      let bytes = 0;
      for await (const chunk of answer.stream()) {
        if (bytes === 0) await (await get(path("release", transfer))).text();
        bytes += chunk.byteLength;
      }
      expect([answer.status, bytes]).toEqual([200, STREAM_BYTES]);
    });

    test.for<{ what: string; length: number }>([
      { what: "shorter", length: 4 * CHUNK_BYTES },
      { what: "longer", length: 2 * CHUNK_BYTES },
    ])("fails where a body is $what than it says", async ({ length }) => {
      const transfer = nameOne();
      const body = { stream: source(3 * CHUNK_BYTES).stream, length };
      await expect(post(path("upload", transfer), body)).rejects.toThrow();
    });

    test("fails where the body fails", async () => {
      const failing = new ReadableStream<Uint8Array>({ pull: (controller) => controller.error(new Error("disk")) });
      await expect(post(path("upload", nameOne()), { stream: failing, length: 5 })).rejects.toThrow();
    });

    test("gives up when the signal aborts in the middle of a body that is sent", async () => {
      const [transfer, over] = [nameOne(), new AbortController()];
      const body = source(STREAM_BYTES, async () => {
        await arrived(transfer);
        over.abort(new Error("enough"));
        await new Promise((later) => setTimeout(later, 50));
      });
      await expect(
        post(path("upload", transfer), { stream: body.stream, length: STREAM_BYTES }, over.signal),
      ).rejects.toThrow();
      await broken(transfer);
      await vi.waitFor(() => expect(body.isCancelled()).toBe(true), WAIT);
    });

    test("gives up when the signal aborts in the middle of a body that is received", async () => {
      const [transfer, over] = [nameOne(), new AbortController()];
      const reader = (await get(path("download", transfer), over.signal)).stream().getReader();
      expect((await reader.read()).done).toBe(false);
      over.abort(new Error("enough"));
      const rest = async () => {
        while (!(await reader.read()).done);
      };
      await expect(rest()).rejects.toThrow();
      await broken(transfer);
    });

    test("closes the connection of an answer that is cancelled", async () => {
      const transfer = nameOne();
      await (await get(path("download", transfer))).stream().cancel();
      await (await get(path("release", transfer))).text();
      await broken(transfer);
    });

    test("follows no redirect", async () => {
      expect((await get(path("redirect", nameOne()))).status).toBe(307);
    });

    test("takes an answer that comes before the body was read", async () => {
      const body = source(STREAM_BYTES);
      const answer = await post(path("refuse", nameOne()), { stream: body.stream, length: STREAM_BYTES });
      expect([answer.status, await answer.text()]).toEqual([413, "{}"]);
    });
  });
}
