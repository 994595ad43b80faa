/** Kind 9 of the field on the Node host: what a homeserver lacks or refuses is said at the start, and the upkeep runs. */
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import { Environment } from "#core/configuration/environment.ts";
import { serve } from "./serve.ts";

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});
const soon = { timeout: 10_000, interval: 50 };

/** Answers what Dendrite 0.13.8 was recorded to answer; `over` comes first. */
async function homeserver(over: Record<string, [status: number, body: object]> = {}): Promise<Environment> {
  const answers: Record<string, [status: number, body: object]> = {
    ...over,
    "/versions": [200, { versions: ["v1.2"], unstable_features: {} }],
    "/register": [400, { errcode: "M_USER_IN_USE", error: "Desired user ID is already taken." }],
    "/devices/TROUPE": [404, { errcode: "M_FORBIDDEN", error: "device does not exist" }],
    "/whoami": [200, { user_id: "@troupe:hs.test", device_id: "AS_Device", is_guest: false }],
    ...over,
  };
  const unknown: [number, object] = [404, { errcode: "M_UNRECOGNIZED", error: "Unrecognized request" }];
  const server = createServer((request, response) => {
    const path = (request.url ?? "").replace(/\?.*/, "");
    const [status, body] = Object.entries(answers).find(([end]) => path.endsWith(end))?.[1] ?? unknown;
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const folder = mkdtempSync(join(tmpdir(), "troupe-lacking-"));
  closing.push(
    () => rmSync(folder, { recursive: true, force: true }),
    () => server.closeAllConnections(),
    () => server.close(),
  );
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("it does not listen");
  const url = `http://127.0.0.1:${address.port}`;
  const where = { HOMESERVER_URL: url, SERVER_NAME: "hs.test", PORT: 0, DATA_DIR: folder };
  return Environment.parse({ ...where, AS_TOKEN: "as-token-of-tests", HS_TOKEN: "hs-token-of-tests" });
}
const start = async (environment: Environment) => {
  const lines: string[] = [];
  return { served: await serve({ environment, env: {}, write: (line) => void lines.push(line) }), lines };
};

test("input 26: what the homeserver lacks is said when it is found out, and at each start", async () => {
  const environment = await homeserver();
  const first = await start(environment);
  const found = /homeserver_capabilities.* devices=false deviceId=false ping=false/;
  await vi.waitFor(() => expect(first.lines.join("\n")).toMatch(found), soon);
  await first.served.stop();
  const second = await start(environment);
  await second.served.stop();
  expect(second.lines.join("\n")).toMatch(/started .*homeserverLacks=\["devices","deviceId","ping"\]/);
});

test("input 33: the upkeep runs although the homeserver refuses the bot, and health names that", async () => {
  const environment = await homeserver({ "/register": [400, { errcode: "M_EXCLUSIVE", error: "no namespace" }] });
  const { served } = await start(environment);
  closing.push(() => served.stop());
  await vi.waitFor(async () => {
    const { problems, homeserver: known } = (await (await fetch(`${served.url}/health`)).json()) as {
      problems: string[];
      homeserver: { reachable: boolean } | null;
    };
    expect(problems).toEqual([expect.stringContaining("M_EXCLUSIVE")]);
    expect(known?.reachable).toBe(true);
  }, soon);
});
