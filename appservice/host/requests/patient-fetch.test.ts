import { createServer, type IncomingMessage, type RequestListener } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { gzipSync } from "node:zlib";
import { afterEach, describe, expect, test } from "vitest";
import type { Fetch } from "#core/turn/backend.ts";
import { withShortLimits } from "#testing/node-limits.ts";
import { patientFetch } from "./patient-fetch.ts";

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

async function serving(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closing.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const bodyOf = async (request: IncomingMessage): Promise<string> => {
  let body = "";
  for await (const chunk of request) body += String(chunk);
  return body;
};

const ask = (url: string, init: RequestInit = {}) => patientFetch()(url, { method: "POST", body: "{}", ...init });

describe("kind 6, patience", () => {
  const slow: RequestListener = (request, response) => {
    const inHeaders = request.url === "/headers";
    if (!inHeaders) response.write("first ");
    setTimeout(() => response.end("last"), 2_500);
  };
  const read = async (fetch: Fetch, url: string) => (await fetch(url, { method: "POST", body: "{}" })).text();

  test.for(["/headers", "/body"])("no limit of Node's client cuts a server that is slow in its %s", async (path) => {
    const url = `${await serving(slow)}${path}`;
    await withShortLimits(async () => {
      const [ours, nodes] = await Promise.allSettled([read(patientFetch(), url), read(fetch, url)]);
      expect(ours).toEqual({ status: "fulfilled", value: path === "/body" ? "first last" : "last" });
      // Otherwise this would show nothing.
      expect(nodes.status).toBe("rejected");
    });
  });
});

test("sends method, headers and body, and gives status, headers and text", async () => {
  const seen: unknown[] = [];
  const url = await serving(async (request, response) => {
    seen.push([request.method, request.url, request.headers.authorization, request.headers["content-length"]]);
    seen.push(await bodyOf(request));
    response.writeHead(429, { "retry-after": "7" }).end("größer");
  });
  const answer = await ask(`${url}/v1?a=b`, { headers: { authorization: "Bearer t" }, body: '{"a":"ü"}' });
  expect([answer.status, answer.ok, answer.headers.get("retry-after"), await answer.text()]).toEqual([
    ...[429, false, "7", "größer"],
  ]);
  expect(seen).toEqual([["POST", "/v1?a=b", "Bearer t", "10"], '{"a":"ü"}']);
});

test("a connection that the server had closed meanwhile is not missed", async () => {
  const sockets: Socket[] = [];
  const url = await serving(({ socket }, response) => {
    sockets.push(socket);
    response.end("fine");
  });
  const fetch = patientFetch();
  const post = async () => (await fetch(url, { method: "POST", body: "{}" })).text();
  await post();
  await post();
  expect(sockets[1]).toBe(sockets[0]);
  sockets[0]?.resetAndDestroy();
  expect(await post()).toBe("fine");
});

test("gives a piece of the body as soon as it is there, and hangs up when it is stopped", async () => {
  const gone = Promise.withResolvers<void>();
  const url = await serving((_request, response) => {
    response.on("close", () => gone.resolve());
    response.write("first");
  });
  const stop = new AbortController();
  const { body } = await ask(url, { signal: stop.signal });
  const reader = body?.getReader();
  expect(new TextDecoder().decode((await reader?.read())?.value)).toBe("first");
  stop.abort();
  await gone.promise;
  await expect(reader?.read()).rejects.toThrow();
});

test("hangs up when the body is not wanted any more", async () => {
  const gone = Promise.withResolvers<void>();
  const url = await serving((_request, response) => {
    response.on("close", () => gone.resolve());
    response.write("first");
  });
  await (await ask(url)).body?.cancel();
  await gone.promise;
});

test("a connection that breaks fails the body, and one that is refused fails the request", async () => {
  const url = await serving((_request, response) => response.write("first", () => response.destroy()));
  await expect((await ask(url)).text()).rejects.toThrow();
  await expect(ask("http://127.0.0.1:1/")).rejects.toMatchObject({ code: "ECONNREFUSED" });
});

test("reads a body that is compressed, and an answer without one", async () => {
  const url = await serving((request, response) => {
    if (request.url === "/none") return void response.writeHead(204).end();
    response.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync("whole"));
  });
  expect(await (await ask(url)).text()).toBe("whole");
  expect((await ask(`${url}/none`)).body).toBeNull();
});

test("asks through the proxies of the environment, where Node is told to", async () => {
  const proxy = await serving(({ url }, response) => response.end(`by proxy: ${url}`));
  const env = { NODE_USE_ENV_PROXY: "1", http_proxy: proxy };
  const read = async (fetch: Fetch) => (await fetch("http://model.test/v1", { method: "POST", body: "{}" })).text();
  expect(await read(patientFetch(env))).toBe("by proxy: http://model.test/v1");
  await expect(read(patientFetch({ http_proxy: proxy }))).rejects.toMatchObject({ code: /ENOTFOUND|EAI_AGAIN/ });
});

test("a redirect is given, and not followed", async () => {
  const url = await serving((request, response) => {
    if (request.url === "/") response.writeHead(308, { location: "/elsewhere" }).end("moved");
    else response.end("followed");
  });
  const answer = await ask(`${url}/`);
  expect([answer.status, answer.headers.get("location"), await answer.text()]).toEqual([308, "/elsewhere", "moved"]);
});
