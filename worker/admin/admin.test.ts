/** The operator API on a real ledger. */
import type { Hono } from "hono";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { MASK } from "#core/configuration/url-secrets.ts";
import { AgentId, RoomId, UserId } from "#core/protocol/ids.ts";
import type { Ledger } from "#ports/ledger.ts";
import { temporaryLedger } from "#testing/temp-ledger.ts";
import { backends } from "../backends/registry.ts";
import { createSecretCipher } from "../backends/secrets/cipher.ts";
import { systemClock } from "../clock.ts";
import { matchesSecret } from "../observe/secrets.ts";
import { admin } from "./admin.ts";

const TOKEN = "admin-of-tests";
const KEY = "A".repeat(43);
const SECRET = "sk-very-secret";

let ledger: Ledger;
let close: () => void;
let lines: string[];
let refreshed: number;
beforeEach(async () => {
  ({ ledger, close } = await temporaryLedger());
  lines = [];
  refreshed = 0;
});
afterEach(() => close());

interface Over {
  secretKey?: string;
  refreshAliases?: () => Promise<void>;
}
function bridge({ secretKey, refreshAliases = async () => void refreshed++ }: Over = {}): Hono {
  return admin({
    ledger,
    refreshAliases,
    backends: backends(),
    cipher: createSecretCipher(secretKey),
    agentEnv: { patterns: ["*_API_KEY"], ofFile: [] },
    clock: systemClock,
    ring: async () => undefined,
    reread: async () => undefined,
    isOperator: matchesSecret(TOKEN),
    log: (event, fields) => void lines.push(`${event} ${JSON.stringify(fields)}`),
  });
}
interface ApiAnswer {
  status: number;
  body: Record<string, unknown> & { errors?: string[] };
}
async function ask(app: Hono, method: string, path: string, body?: unknown): Promise<ApiAnswer> {
  const answer = await app.request(`/admin/${path}`, {
    method,
    headers: { authorization: `Bearer ${TOKEN}` },
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  return { status: answer.status, body: (await answer.json()) as ApiAnswer["body"] };
}

const ECHO = { id: "echo", name: "Echo", backend: { use: "echo" } };
const openai = (apiKey: string, over: object = {}) => ({
  id: "helper",
  name: "Helper",
  backend: { use: "openai", baseUrl: "http://model.test/v1", model: "m", apiKey },
  ...over,
});
const WHOLE = {
  defaults: { users: ["local", "group:staff"], turns: { queue: 5 } },
  groups: { staff: ["@alice:hs.test"] },
  agents: [ECHO, { id: "ticket_*", name: "Ticket *", backend: { use: "echo" }, mention: false }],
  rooms: { "!abc": { muted: true, agents: { echo: { mention: false } } } },
};

describe("the configuration", () => {
  test("is returned as it was written, and writing it again changes nothing", async () => {
    const app = bridge();
    expect(await ask(app, "GET", "configuration")).toEqual({
      status: 200,
      body: { defaults: {}, groups: {}, agents: [], rooms: {} },
    });
    const put = await ask(app, "PUT", "configuration", WHOLE);
    expect(put.status).toBe(200);
    expect(put.body["changes"]).toContainEqual({ path: "defaults.turns", after: { queue: 5 } });
    const stored = await ask(app, "GET", "configuration");
    expect(stored.body).toEqual(WHOLE);
    expect((await ask(app, "PUT", "configuration", stored.body)).body).toEqual({
      changes: [],
      unresolved: [],
      warnings: [],
    });
  });

  test("is only compared in a dry run, which changes nothing", async () => {
    const app = bridge();
    await ask(app, "PUT", "configuration", WHOLE);
    const wanted = { ...WHOLE, agents: [{ ...ECHO, mention: false }], groups: {}, defaults: {} };
    expect((await ask(app, "PUT", "configuration?dry=true", wanted)).body).toEqual({
      changes: expect.arrayContaining([
        { path: "agents.echo.mention", after: false },
        expect.objectContaining({ path: "agents.ticket_*", before: expect.objectContaining({ mention: false }) }),
        { path: "defaults.users", before: ["local", "group:staff"] },
      ]),
      warnings: [],
      revision: expect.any(String),
    });
    expect((await ask(app, "GET", "configuration")).body).toEqual(WHOLE);
  });

  test.for<[body: string, given: unknown, errors: string[]]>([
    ["is not JSON", "{", ["The body is not JSON."]],
    [
      "has the wrong shape",
      {
        ...WHOLE,
        agents: [
          { ...ECHO, mentions: 1 },
          { name: "x", backend: {} },
        ],
        room: {},
      },
      [
        'agents.echo has no setting "mentions"; did you mean "mention"?',
        "agents.1.id is missing",
        "agents.1.backend.use is missing",
        'The body has no setting "room"; did you mean "rooms"?',
      ],
    ],
    [
      "names what does not exist",
      { ...WHOLE, groups: {}, agents: [ECHO, ECHO, { ...ECHO, id: "b", backend: { use: "none" } }] },
      [
        "agents.echo is defined twice",
        'defaults: there is no group "staff"',
        'agents.b.backend.use: there is no "none"; there are echo, openai, scripted',
      ],
    ],
  ])("that %s is rejected with every complaint, and nothing changes", async ([, given, errors]) => {
    const app = bridge();
    await ask(app, "PUT", "configuration", WHOLE);
    const put = await ask(app, "PUT", "configuration", given);
    expect(put.status).toBe(400);
    expect(put.body.errors?.toSorted()).toEqual(errors.toSorted());
    expect((await ask(app, "GET", "configuration")).body).toEqual(WHOLE);
  });

  test("has its aliases resolved and reports the unresolved ones, also when the homeserver is unreachable", async () => {
    const alias = { ...WHOLE, rooms: { "#a:hs.test": {}, "#b:hs.test": {} } };
    const found = bridge({ refreshAliases: () => ledger.setAlias("#a:hs.test", RoomId.parse("!a"), 1) });
    expect((await ask(found, "PUT", "configuration", alias)).body["unresolved"]).toEqual(["#b:hs.test"]);
    const away = bridge({ refreshAliases: () => Promise.reject(new Error("connection refused")) });
    const put = await ask(away, "PUT", "configuration", { ...alias, agents: [] });
    expect(put).toMatchObject({ status: 200, body: { unresolved: ["#b:hs.test"] } });
    expect(lines.join()).toContain("connection refused");
    await ask(bridge(), "PUT", "configuration", WHOLE);
    // There is no alias to resolve.
    expect(refreshed).toBe(0);
  });

  test("is closed to requests without the operator's token", async () => {
    const app = bridge();
    for (const [method, path] of [
      ["GET", "configuration"],
      ["PUT", "configuration"],
      ["GET", "pairings"],
    ] as const) {
      expect((await app.request(`/admin/${path}`, { method })).status).toBe(401);
      const wrong = await app.request(`/admin/${path}`, { method, headers: { authorization: "Bearer x" } });
      expect(wrong.status).toBe(403);
    }
  });
});

describe("agents", () => {
  test("are replaced as a list, and everything else stays", async () => {
    const app = bridge();
    await ask(app, "PUT", "configuration", WHOLE);
    const put = await ask(app, "PUT", "agents", { agents: [{ ...ECHO, name: "Other" }] });
    expect(put).toMatchObject({ status: 200, body: { agents: [{ id: "echo", name: "Other" }] } });
    expect((await ask(app, "GET", "configuration")).body).toEqual({ ...WHOLE, agents: [{ ...ECHO, name: "Other" }] });
  });

  test("are added and removed one at a time", async () => {
    const app = bridge();
    await ask(app, "PUT", "configuration", WHOLE);
    const put = await ask(app, "PUT", "agents/b", { backend: { use: "echo" }, users: ["group:staff"] });
    expect(put.body["changes"]).toEqual([
      { path: "agents.b", after: { name: "b", backend: { use: "echo" }, users: ["group:staff"] } },
    ]);
    expect((await ask(app, "PUT", "agents/echo", { name: "New", backend: { use: "echo" } })).body["changes"]).toEqual([
      { path: "agents.echo.name", before: "Echo", after: "New" },
    ]);
    expect((await ask(app, "GET", "agents")).body["agents"]).toMatchObject([
      { id: "b", avatar: false },
      { id: "echo", name: "New" },
      { id: "ticket_*", mention: false },
    ]);
    expect((await ask(app, "DELETE", "agents/ticket_*")).status).toBe(200);
    expect((await ask(app, "DELETE", "agents/ticket_*")).status).toBe(404);
    expect((await ledger.agents()).map(({ id }) => id)).toEqual(["b", "echo"]);
  });

  test.for<[agent: string, id: string, body: unknown, error: string]>([
    ["with a bad id", "Echo", { backend: { use: "echo" } }, "agents.Echo.id: an agent's id"],
    ["with another id in the body", "echo", { ...ECHO, id: "b" }, "is in the path"],
    ["that is a list", "echo", [], "must be an agent"],
    ["with a misspelt key", "echo", { backend: { use: "echo" }, usres: [] }, 'did you mean "users"?'],
    ["with an unknown group", "echo", { ...ECHO, users: ["group:no"] }, 'agents.echo: there is no group "no"'],
  ])("%s are rejected", async ([, id, body, error]) => {
    const put = await ask(bridge(), "PUT", `agents/${id}`, body);
    expect(put).toMatchObject({ status: 400, body: { errors: [expect.stringContaining(error)] } });
    expect(await ledger.agents()).toEqual([]);
  });
});

describe("a secret", () => {
  test("is stored encrypted and never appears in answers, changes or the log", async () => {
    const app = bridge({ secretKey: KEY });
    const answers = [
      await ask(app, "PUT", "configuration?dry=true", { agents: [openai(SECRET)] }),
      await ask(app, "PUT", "configuration", { agents: [openai(SECRET)] }),
      await ask(app, "PUT", "agents/helper", openai("another-secret")),
      await ask(app, "GET", "configuration"),
      await ask(app, "GET", "agents"),
    ];
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    const visible = JSON.stringify([answers, lines, await ledger.configuration()]);
    expect(visible).not.toContain(SECRET);
    expect(visible).not.toContain("another-secret");
    expect(JSON.stringify([answers, lines])).not.toContain("enc:v1:");
    expect(answers[2]?.body["changes"]).toEqual([{ path: "agents.helper.backend.apiKey", before: MASK, after: MASK }]);
    const [stored] = await ledger.agents();
    expect(stored?.backend["apiKey"]).toMatch(/^enc:v1:/);
    expect(await createSecretCipher(KEY).decrypt(stored?.backend ?? ECHO.backend, "helper")).toMatchObject({
      value: { apiKey: "another-secret" },
    });
  });

  test("stays when it is written back masked or in clear", async () => {
    const app = bridge({ secretKey: KEY });
    await ask(app, "PUT", "configuration", { agents: [openai(SECRET)] });
    const stored = await ledger.configuration();
    const shown = (await ask(app, "GET", "configuration")).body;
    expect(shown["agents"]).toMatchObject([{ backend: { apiKey: MASK } }]);
    for (const given of [shown, { agents: [openai(SECRET)] }]) {
      expect((await ask(app, "PUT", "configuration", given)).body["changes"]).toEqual([]);
    }
    expect(await ledger.configuration()).toEqual(stored);
  });

  test.for<[reason: string, given: string, error: RegExp]>([
    [
      "it is written out and there is no SECRET_KEY",
      SECRET,
      /agents\.helper\.backend\.apiKey is a secret .*\$NAME.*SECRET_KEY/,
    ],
    ["it is masked and nothing is stored", MASK, /nothing is stored there/],
    ["it claims to be encrypted", "enc:v1:AAAAAAAAAAAAAAAA.AAAA", /only the bridge itself encrypts/],
  ])("is rejected and not repeated when %s", async ([, given, error]) => {
    for (const path of ["configuration", "agents"]) {
      const put = await ask(bridge(), "PUT", path, { agents: [openai(given)] });
      expect(put).toMatchObject({ status: 400, body: { errors: [expect.stringMatching(error)] } });
      if (given !== MASK) expect(JSON.stringify([put, lines])).not.toContain(given);
    }
    expect(await ledger.agents()).toEqual([]);
  });

  test.for<[what: string, backend: object]>([
    ["another host", { baseUrl: "http://evil.test/v1" }],
    ["another backend", { use: "echo", baseUrl: undefined, model: undefined }],
  ])("stands behind its mask for no backend with %s, however the agent is written", async ([, over]) => {
    const app = bridge({ secretKey: KEY });
    await ask(app, "PUT", "configuration", { agents: [openai(SECRET)] });
    const stored = await ledger.agents();
    const moved = openai(MASK, { backend: { ...openai(MASK).backend, ...over } });
    const { id, ...body } = moved;
    for (const [path, given] of [
      ["configuration", { agents: [moved] }],
      ["configuration?dry=true", { agents: [moved] }],
      ["agents", { agents: [moved] }],
      [`agents/${id}`, body],
    ] as const) {
      const put = await ask(app, "PUT", path, given);
      const error = expect.stringMatching(/^agents\.helper\.backend\.apiKey: .*send the secret again/);
      expect(put).toMatchObject({ status: 400, body: { errors: [error] } });
    }
    expect(await ledger.agents()).toEqual(stored);
  });

  test("that cannot be decrypted any more is an error of its own agent only", async () => {
    await ask(bridge({ secretKey: KEY }), "PUT", "configuration", { agents: [openai(SECRET)] });
    const later = bridge({ secretKey: "B".repeat(43) });
    expect((await ask(later, "PUT", "agents/echo", { backend: { use: "echo" } })).status).toBe(200);
    const masked = await ask(later, "PUT", "agents/helper", openai(MASK));
    expect(masked).toMatchObject({ status: 400, body: { errors: [expect.stringContaining("cannot be decrypted")] } });
    expect((await ask(later, "PUT", "agents/helper", openai(SECRET))).status).toBe(200);
  });
});

describe("a variable that an agent may not read", () => {
  const naming = (apiKey: string) => openai(apiKey);
  test("is a warning with the line to add, wherever the agent is written", async () => {
    const app = bridge();
    const { id, ...body } = naming("$CORP");
    for (const [path, given] of [
      ["configuration?dry=true", { agents: [naming("$CORP")] }],
      ["configuration", { agents: [naming("$CORP")] }],
      ["agents", { agents: [naming("$CORP")] }],
      [`agents/${id}`, body],
    ] as const) {
      const put = await ask(app, "PUT", path, given);
      const line = expect.stringMatching(/^helper: .*\$CORP.*AGENT_ENV=\*_API_KEY,CORP$/);
      expect(put).toMatchObject({ status: 200, body: { warnings: [line] } });
    }
    expect((await ask(app, "PUT", "agents", { agents: [naming("$OPENAI_API_KEY")] })).body["warnings"]).toEqual([]);
  });
  test.for(["$AS_TOKEN", "$as_token", "$LIBSQL_URL"])(
    "is rejected where it is %s, a setting of the bridge",
    async (name) => {
      const put = await ask(bridge(), "PUT", "agents", { agents: [naming(name)] });
      expect(put).toMatchObject({ status: 400, body: { errors: [expect.stringContaining(name)] } });
      expect(await ledger.agents()).toEqual([]);
    },
  );
});

describe("users", () => {
  const ALICE = UserId.parse("@alice:hs.test");
  const bridgeWithEcho = async () => {
    const app = bridge();
    await ask(app, "PUT", "configuration", { agents: [ECHO] });
    const echo = await ledger.agent(AgentId.parse("echo"));
    if (!echo) throw new Error("no agent");
    return { app, echo };
  };

  test("who wait are let in by their own code only", async () => {
    const { app, echo } = await bridgeWithEcho();
    await ledger.offerPairing({ agent: echo.id, userId: ALICE, code: "K7M2XQ4T", atMs: systemClock.now() });
    expect((await ask(app, "GET", "pairings")).body).toMatchObject({
      pending: [{ agent: "echo", userId: ALICE, code: "K7M2XQ4T" }],
      grants: [],
    });
    expect((await ask(app, "POST", "pairings/k7m2xq4t/approve")).body).toEqual({ agent: "echo", userId: ALICE });
    // Approving again is idempotent; an unknown code is rejected.
    expect((await ask(app, "POST", "pairings/K7M2XQ4T/approve")).status).toBe(200);
    expect((await ask(app, "POST", "pairings/K7M2XQ4U/approve")).status).toBe(404);
    expect((await ask(app, "GET", "pairings")).body).toMatchObject({ pending: [], grants: [{ userId: ALICE }] });
  });

  test("are let in and out by the operator", async () => {
    const { app } = await bridgeWithEcho();
    expect((await ask(app, "POST", "agents/echo/allow", { userId: ALICE })).status).toBe(200);
    expect((await ask(app, "GET", "pairings")).body["grants"]).toMatchObject([{ agent: "echo", userId: ALICE }]);
    expect((await ask(app, "POST", "agents/echo/deny", { userOrCode: ALICE })).status).toBe(200);
    expect((await ask(app, "POST", "agents/echo/deny", { userOrCode: ALICE })).status).toBe(404);
    expect((await ask(app, "GET", "pairings")).body["grants"]).toEqual([]);
  });

  test("let themselves in with an invite code of the operator", async () => {
    const { app, echo } = await bridgeWithEcho();
    const { code } = (await ask(app, "POST", "agents/echo/invite-codes")).body;
    expect(code).toMatch(/^[A-HJ-NP-Z2-9]{8}$/);
    expect((await ask(app, "POST", "agents/echo/invite-codes")).body["code"]).not.toBe(code);
    expect(await ledger.useInviteCode(echo.id, String(code), ALICE, systemClock.now())).toBe(true);
  });

  test.for<[path: string, body: unknown, status: number]>([
    ["agents/nobody/allow", { userId: "@a:b" }, 404],
    ["agents/echo/allow", { userId: "alice" }, 400],
    ["agents/echo/allow", "{", 400],
    ["agents/echo/deny", {}, 400],
    ["agents/nobody/invite-codes", undefined, 404],
  ])("are not changed by a bad request: %s with %j answers %i", async ([path, body, status]) => {
    const { app } = await bridgeWithEcho();
    const answer = await ask(app, "POST", path, body);
    expect([answer.status, answer.body.errors?.length]).toEqual([status, 1]);
  });
});
