/** No output of the bridge contains a secret: sentinels stand in every setting that may hold one, and everything is read. */
import { afterEach, expect, test, vi } from "vitest";
import { type Composed, composed } from "#testing/composed.ts";
import { aMessage } from "#testing/events.ts";
import { soon } from "#testing/room.ts";

const ALICE = "@alice:hs.test";
const SENTINELS = {
  LIBSQL_AUTH_TOKEN: "sentinel-libsql-auth",
  LIBSQL_URL: "libsql://sentinel-libsql-user:sentinel-libsql-pass@db.test?authToken=sentinel-libsql-query",
  OPENAI_API_KEY: "sentinel-variable",
  OPENAI_BASE_URL: "https://sentinel-env-user:sentinel-env%20pass@model.test/v1?key=sentinel-env-query",
};
const SECRET_KEY = "sentinelsecretkey".padEnd(43, "A");
const URL_WITH = "https://sentinel-user:sentinel-pass@model.test/v1?api_key=sentinel-query";
const TOKENS = ["as-token-of-tests", "hs-token-of-tests", "admin-of-tests"];

let world: Composed;
afterEach(() => world.close());

/** Everything that looks like one of the secrets, however it is written. */
function secretsIn(text: string): string[] {
  const basic = (value: string) => Buffer.from(value).toString("base64");
  const encoded = ["sentinel-user:sentinel-pass", "sentinel-env-user:sentinel-env pass"].map(basic);
  const known = [...TOKENS, SECRET_KEY, "enc:v1:", ...encoded].filter((secret) => text.includes(secret));
  return [...known, ...(text.match(/sentinel[-\w%]*/g) ?? [])];
}

/** How a server, a proxy or a library repeats what it was asked. */
const FAILURES: [how: string, fail: (request: Request) => Response | Promise<Response>][] = [
  ["a refusal that repeats the request", (request) => new Response(echoed(request), { status: 401 })],
  ["an error in JSON", (request) => Response.json({ error: { message: echoed(request) } }, { status: 500 })],
  ["a stream that breaks off", (request) => new Response(`data: {"error": ${JSON.stringify(echoed(request))}}\n\n`)],
  ["no connection", (request) => Promise.reject(new Error(`connect ECONNREFUSED ${echoed(request)}`))],
  ["a library that repeats the address it was given", () => Promise.reject(new TypeError(`credentials: ${URL_WITH}`))],
];
const echoed = ({ url, headers }: Request): string =>
  `${url} ${headers.get("authorization")} ${URL_WITH} ${SENTINELS.OPENAI_BASE_URL}`;

const BACKENDS: [what: string, backend: Record<string, string>][] = [
  ["a key that is written out", { baseUrl: "https://model.test/v1", apiKey: "sentinel-api-key" }],
  ["a key in a variable", { baseUrl: "https://model.test/v1", apiKey: "$OPENAI_API_KEY" }],
  ["credentials in the URL", { baseUrl: URL_WITH }],
  ["credentials in the URL of a variable", { baseUrl: "$OPENAI_BASE_URL" }],
];

test.for(FAILURES.flatMap(([how, fail]) => BACKENDS.map(([what, backend]) => [what, how, backend, fail] as const)))(
  "%s, and %s: no output contains a secret",
  async ([, , backend, fail]) => {
    world = await composed({}, { ...SENTINELS, SECRET_KEY });
    world.server.others = async (input, init) => fail(new Request(input, init));
    const agent = { name: "Guide", backend: { use: "openai", model: "m", ...backend } };
    const outputs: string[] = [];
    const ask = async (method: string, path: string, body?: object) => {
      const answer = await world.operator(method, path, body);
      outputs.push(await answer.text());
      return answer.status;
    };
    expect(await ask("PUT", "/admin/agents/guide", agent)).toBe(200);
    await world.joined(ALICE, "@agent_guide:hs.test");
    const question = aMessage("hello");
    await world.push(question);
    await vi.waitFor(async () => expect(world.lines.join()).toContain("turn_failed"), soon);
    const moved = { ...agent, backend: { ...agent.backend, model: "n" } };
    for (const [method, path, body] of [
      ["PUT", "/admin/configuration?dry=true", { agents: [{ id: "guide", ...moved }] }],
      ["PUT", "/admin/configuration", { agents: [{ id: "guide", ...moved }] }],
      ["PUT", "/admin/agents", { agents: [{ id: "guide", ...agent, backend: { use: "echo" } }] }],
      ["PUT", "/admin/agents/guide", { ...agent, backend: { ...agent.backend, use: "none" } }],
      ["PUT", "/admin/agents/guide", agent],
      ["GET", "/admin/configuration"],
      ["GET", "/admin/agents"],
      ["GET", "/admin/dead-letters"],
      ["GET", "/admin/pairings"],
      ["GET", "/admin/verdicts"],
      ["GET", `/admin/events/${encodeURIComponent(question.event_id)}/why`],
      ["GET", "/health"],
      ["GET", "/metrics"],
    ] as const) {
      await ask(method, path, body);
    }
    outputs.push(
      world.lines.join("\n"),
      JSON.stringify(world.bodies()),
      JSON.stringify(await world.ledger.deadLetters(9)),
    );
    expect(outputs.flatMap(secretsIn)).toEqual([]);
    // At rest the secrets are encrypted, and the names of variables are stored.
    expect(secretsIn(JSON.stringify(await world.ledger.configuration())).filter((one) => one !== "enc:v1:")).toEqual(
      [],
    );
  },
);
