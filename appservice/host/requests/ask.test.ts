import { createServer, type RequestListener } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { type StreamServer, streamServer } from "#testing/stream-server.ts";
import { askContract } from "../../../worker/matrix/ask.contract.ts";
import { keepAliveAsk } from "./ask.ts";

let streams: StreamServer;
beforeAll(async () => {
  streams = await streamServer();
});
afterAll(() => streams.close());

askContract("Node's own client", keepAliveAsk, () => streams.url);

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** A server that counts its connections, and can hang them up. */
async function serving(listener: RequestListener) {
  const sockets: Socket[] = [];
  const server = createServer(listener);
  server.on("connection", (socket) => sockets.push(socket));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closing.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/x`, sockets };
}
const signal = () => AbortSignal.timeout(5_000);

test("sends method, headers and body, and returns status, headers and text", async () => {
  const seen: unknown[] = [];
  const { url } = await serving((request, response) => {
    let body = "";
    request.on("data", (chunk) => (body += String(chunk)));
    request.on("end", () => {
      seen.push([request.method, request.headers.authorization, request.headers["content-length"], body]);
      response.writeHead(429, { "retry-after": "7" }).end("größer");
    });
  });
  const init = { method: "PUT", headers: { authorization: "Bearer t" }, body: '{"a":"ü"}', signal: signal() };
  const answer = await keepAliveAsk()(url, init);
  expect([answer.status, answer.header("retry-after"), answer.header("x"), await answer.text()]).toEqual([
    ...[429, "7", null, "größer"],
  ]);
  expect(seen).toEqual([["PUT", "Bearer t", "10", '{"a":"ü"}']]);
});

test("reuses a connection, and opens another when it was closed meanwhile", async () => {
  const { url, sockets } = await serving((_request, response) => response.end("{}"));
  const ask = keepAliveAsk();
  const get = async () => (await ask(url, { method: "GET", headers: {}, signal: signal() })).text();
  await get();
  await get();
  expect(sockets).toHaveLength(1);
  sockets[0]?.resetAndDestroy();
  expect(await get()).toBe("{}");
  expect(sockets).toHaveLength(2);
});

test("rejects a streamed body instead of a second try when the connection was closed meanwhile", async () => {
  let asked = 0;
  const { url, sockets } = await serving((request, response) => {
    asked++;
    request.resume().on("end", () => response.end("{}"));
  });
  const ask = keepAliveAsk();
  const post = (text: string) => {
    const stream = new Blob([text]).stream();
    return ask(url, { method: "POST", headers: {}, body: { stream, length: text.length }, signal: signal() });
  };
  expect(await (await post("first")).text()).toBe("{}");
  sockets[0]?.resetAndDestroy();
  await expect(post("second")).rejects.toThrow(/ECONNRESET|EPIPE/);
  expect([asked, sockets.length]).toEqual([1, 1]);
  expect(await (await post("third")).text()).toBe("{}");
});

test("cancels the rest of a body whose answer came early", async () => {
  const { url } = await serving((_request, response) => response.writeHead(413).end("{}"));
  const cancel = vi.fn();
  const stream = new ReadableStream<Uint8Array>({ pull: (to) => to.enqueue(new Uint8Array(65_536)), cancel });
  const answer = await keepAliveAsk()(url, { method: "POST", headers: {}, body: { stream }, signal: signal() });
  expect([answer.status, await answer.text()]).toEqual([413, "{}"]);
  await vi.waitFor(() => expect(cancel).toHaveBeenCalled());
});

test("does not try again where a new connection breaks", async () => {
  let asked = 0;
  const { url } = await serving((request) => {
    asked++;
    request.socket.destroy();
  });
  await expect(keepAliveAsk()(url, { method: "GET", headers: {}, signal: signal() })).rejects.toThrow();
  expect(asked).toBe(1);
});

test("gives up when the signal aborts in the middle of an answer", async () => {
  const { url } = await serving((_request, response) => response.write("half"));
  const answer = await keepAliveAsk()(url, { method: "GET", headers: {}, signal: AbortSignal.timeout(100) });
  await expect(answer.text()).rejects.toThrow();
});
