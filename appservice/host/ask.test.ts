import { createServer, type RequestListener } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { afterEach, expect, test } from "vitest";
import { keepAliveAsk } from "./ask.ts";

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

test("sends what it is given, and gives what it is sent", async () => {
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

test("uses a connection again, and another one when that was closed meanwhile", async () => {
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

test("asks a connection that breaks no second time when it was new", async () => {
  let asked = 0;
  const { url } = await serving((request) => {
    asked++;
    request.socket.destroy();
  });
  await expect(keepAliveAsk()(url, { method: "GET", headers: {}, signal: signal() })).rejects.toThrow();
  expect(asked).toBe(1);
});

test("gives up when it is told to, also in the middle of an answer", async () => {
  const { url } = await serving((_request, response) => response.write("half"));
  const answer = await keepAliveAsk()(url, { method: "GET", headers: {}, signal: AbortSignal.timeout(100) });
  await expect(answer.text()).rejects.toThrow();
});
