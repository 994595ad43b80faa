/** A database over HTTP that takes a request and does not answer it to the end. */
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Environment } from "#core/configuration/environment.ts";
import { workerHost } from "../../worker/host/bindings.ts";
import { MIGRATION_MS, SQL_MS } from "../../worker/ledger/sql/within.ts";
import { openLedger } from "./ledger.ts";

const closing: (() => void)[] = [];
beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] }));
afterEach(() => {
  vi.useRealTimers();
  for (const close of closing.splice(0)) close();
});

const TOKENS = { AS_TOKEN: "as-token-of-tests", HS_TOKEN: "hs-token-of-tests" };

/** `arrived` resolves when a request has come, and `answer` was given its response. */
async function hanging(answer: (response: ServerResponse) => void) {
  const arrived = Promise.withResolvers<void>();
  const server = createServer((_request, response) => {
    answer(response);
    arrived.resolve();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closing.push(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const settings = { HOMESERVER_URL: "http://127.0.0.1:9", SERVER_NAME: "hs.test", LIBSQL_URL: url, ...TOKENS };
  return { settings, arrived: arrived.promise };
}

const HANGS: [how: string, answer: (response: ServerResponse) => void][] = [
  ["does not answer", () => undefined],
  [
    "stops within its answer",
    (response) => void response.writeHead(200, { "content-type": "application/json" }).write("{"),
  ],
];

test.for(HANGS)("that %s fails the start of the Node host with a sentence", async ([, answer]) => {
  const { settings, arrived } = await hanging(answer);
  const opened = openLedger(Environment.parse(settings));
  const failed = expect(opened).rejects.toThrow(/did not answer within 600 s/);
  await arrived;
  vi.advanceTimersByTime(MIGRATION_MS);
  await failed;
});

test.for(HANGS)("that %s fails a call of the Worker, which can be made again", async ([, answer]) => {
  const { settings, arrived } = await hanging(answer);
  const { ledger } = workerHost(settings as unknown as Parameters<typeof workerHost>[0], "runner", () => undefined);
  for (const call of [() => ledger.mark("x"), () => ledger.voidLeases()]) {
    const failed = expect(call()).rejects.toThrow(/did not answer within 4 s/);
    await arrived;
    await new Promise((resolve) => setImmediate(resolve));
    vi.advanceTimersByTime(SQL_MS);
    await failed;
  }
});
