/** Lists come in pages, and pictures only to whoever asks for one: a request's size depends on neither. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { AgentSpec } from "#core/configuration/agent.ts";
import { Environment } from "#core/configuration/environment.ts";
import { MASK } from "#core/configuration/url-secrets.ts";
import { AgentId, UserId } from "#core/protocol/ids.ts";
import type { Ledger } from "#ports/ledger.ts";
import { fakeHomeserver } from "#testing/homeserver.ts";
import { NAMESPACE } from "#testing/ledger-rows.ts";
import { type TemporaryLedger, temporaryLedger } from "#testing/temp-ledger.ts";
import { type App, compose } from "../app.ts";
import { systemClock } from "../clock.ts";
import { createLedger } from "../ledger/ledger.ts";
import { libsqlDatabase } from "../ledger/sql/libsql.ts";

const TOKENS = { AS_TOKEN: "as-token-of-tests", HS_TOKEN: "hs-token-of-tests", ADMIN_TOKEN: "admin-of-tests" };
const MB = 1_000_000;

let database: TemporaryLedger;
let ledger: Ledger;
let app: App;
/** What SQL has returned. */
let bytes: number;
beforeEach(async () => {
  database = await temporaryLedger();
  const plain = libsqlDatabase(database.client, NAMESPACE);
  const counted = <T>(rows: T): T => {
    bytes += JSON.stringify(rows).length;
    return rows;
  };
  ledger = createLedger({
    ...plain,
    all: async <Row>(...given: Parameters<typeof plain.all>) => counted(await plain.all<Row>(...given)),
    atomic: async (...given) => counted(await plain.atomic(...given)),
  });
  const server = fakeHomeserver(TOKENS.AS_TOKEN);
  const environment = { HOMESERVER_URL: "http://hs.test", SERVER_NAME: NAMESPACE.serverName, ...TOKENS };
  app = compose({
    environment: Environment.parse(environment),
    ledger,
    clock: systemClock,
    fetch: server.fetch,
    log: () => undefined,
    env: () => undefined,
    metrics: "json",
    turnMsMax: 60_000,
    runner: "test",
    doorbell: () => ({ ring: async () => undefined }),
  });
});
afterEach(() => database.close());

async function ask(method: string, path: string, body?: object) {
  const answer = await app.http.request(`/admin/${path}`, {
    method,
    headers: { authorization: `Bearer ${TOKENS.ADMIN_TOKEN}` },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
}
/** Everything on all pages of a list. */
async function listed(path: string, name: string): Promise<{ pages: number; items: unknown[] }> {
  const items: unknown[] = [];
  let [pages, next] = [0, ""];
  for (;;) {
    const { body } = await ask("GET", next === "" ? path : `${path}?after=${encodeURIComponent(next)}`);
    pages++;
    items.push(...((body[name] as unknown[]) ?? []));
    if (typeof body["next"] !== "string") return { pages, items };
    next = body["next"];
  }
}
const picture = (letter: string) => ({ mediaType: "image/png" as const, base64: letter.repeat(MB) });
const echo = (id: string, more: object = {}) =>
  AgentSpec.parse({ id, name: id, backend: { use: "echo" }, allowedRooms: ["#a:hs.test"], ...more });

test("10,000 agents with 100 pictures of a megabyte: no request reads more than 32 MB", async () => {
  const agents = Array.from({ length: 10_000 }, (_, n) => echo(`a${n}`, n % 100 === 0 ? { avatar: picture("A") } : {}));
  await ledger.setAgents(agents);
  const stored = (await ask("GET", "configuration")).body;
  for (const [method, path, body] of [
    ["GET", "configuration"],
    ["GET", "agents"],
    ["GET", "agents/a0/avatar"],
    ["PUT", "configuration?dry=true", stored],
    ["PUT", "configuration", stored],
    ["PUT", "agents/a1", { backend: { use: "echo" }, name: "another" }],
    ["PUT", "agents/a0", { backend: { use: "echo" }, avatar: picture("A") }],
  ] as const) {
    bytes = 0;
    const { status } = await ask(method, path, body);
    expect([path, status, bytes < 32 * MB]).toEqual([path, 200, true]);
  }
  bytes = 0;
  await app.warnings();
  await app.tend();
  expect(bytes).toBeLessThan(32 * MB);
  // No picture was lost on the way.
  expect((await ask("GET", "agents/a9900/avatar")).body).toEqual({ avatar: picture("A") });
}, 120_000);

test("agents, dead letters and grants come in pages, each once and in order, also past rows that cannot be read", async () => {
  const ids = Array.from({ length: 450 }, (_, n) => `a${String(n).padStart(3, "0")}`);
  await ledger.setAgents(ids.map((id) => echo(id)));
  await database.client.execute("UPDATE agents SET agent = '{' WHERE id = 'a199'");
  const agents = await listed("agents", "agents");
  expect(agents.pages).toBe(3);
  expect(agents.items).toMatchObject(ids.filter((id) => id !== "a199").map((id) => ({ id, avatar: false })));

  for (let n = 0; n < 250; n++) await ledger.addDeadLetter({ kind: "turn", reason: String(n), raw: "x" }, n);
  const letters = await listed("dead-letters", "deadLetters");
  expect(letters.pages).toBe(3);
  expect(letters.items).toMatchObject(Array.from({ length: 250 }, (_, n) => ({ reason: String(249 - n) })));

  const people = Array.from({ length: 1_200 }, (_, n) => UserId.parse(`@u${String(n).padStart(4, "0")}:hs.test`));
  for (const userId of people) await ledger.allow(AgentId.parse("a000"), userId, 1);
  const grants = await listed("pairings", "grants");
  expect([grants.pages, grants.items]).toMatchObject([2, people.map((userId) => ({ userId }))]);
  expect((await ask("GET", "dead-letters?after=x")).status).toBe(400);
}, 60_000);

test("a picture is shown as a mask, kept where that is written back, and replaced by another one", async () => {
  const body = { backend: { use: "echo" }, avatar: picture("A") };
  expect((await ask("PUT", "agents/a", body)).status).toBe(200);
  const shown = (await ask("GET", "configuration")).body;
  expect(shown["agents"]).toMatchObject([{ avatar: { mediaType: "image/png", base64: MASK } }]);
  for (const [method, path, given] of [
    ["PUT", "configuration", shown],
    ["PUT", "agents", { agents: shown["agents"] }],
    ["PUT", "agents/a", body],
  ] as const) {
    expect((await ask(method, path, given)).body["changes"]).toEqual([]);
    expect((await ask("GET", "agents/a/avatar")).body).toEqual({ avatar: picture("A") });
  }
  const changed = await ask("PUT", "agents/a", { ...body, avatar: picture("B") });
  expect(changed.body["changes"]).toMatchObject([{ path: "agents.a.avatar.base64", before: MASK }]);
  expect((await ask("GET", "agents/a/avatar")).body).toEqual({ avatar: picture("B") });
  const unknown = await ask("PUT", "agents/b", { ...body, avatar: { ...picture("B"), base64: MASK } });
  expect(unknown).toMatchObject({
    status: 400,
    body: { errors: [expect.stringContaining("nothing is stored there")] },
  });
  expect((await ask("GET", "agents/b/avatar")).status).toBe(404);
  await ask("PUT", "agents/a", { backend: { use: "echo" } });
  expect((await ask("GET", "agents/a/avatar")).status).toBe(404);
});
