/** The operator API over a real ledger. */
import type { Hono } from "hono";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { AgentId, RoomId, UserId } from "#core/protocol/ids.ts";
import type { Ledger } from "#ports/ledger.ts";
import { temporaryLedger } from "#testing/temp-ledger.ts";
import { backends } from "../backends/registry.ts";
import { createSecretCipher, MASK } from "../backends/secrets/cipher.ts";
import { systemClock } from "../clock.ts";
import { secretCheck } from "../observe/secrets.ts";
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
    clock: systemClock,
    ring: async () => undefined,
    isOperator: secretCheck(TOKEN),
    log: (event, fields) => void lines.push(`${event} ${JSON.stringify(fields)}`),
  });
}
interface Reply {
  status: number;
  body: Record<string, unknown> & { errors?: string[] };
}
async function ask(app: Hono, method: string, path: string, body?: unknown): Promise<Reply> {
  const answer = await app.request(`/admin/${path}`, {
    method,
    headers: { authorization: `Bearer ${TOKEN}` },
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  return { status: answer.status, body: (await answer.json()) as Reply["body"] };
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
  test("is returned as it was put, and putting it again changes nothing", async () => {
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
    expect((await ask(app, "PUT", "configuration", stored.body)).body).toEqual({ changes: [], unresolved: [] });
  });

  test("put with ?dry=true returns the changes and makes none", async () => {
    const app = bridge();
    await ask(app, "PUT", "configuration", WHOLE);
    const wanted = { ...WHOLE, agents: [{ ...ECHO, mention: false }], groups: {}, defaults: {} };
    expect((await ask(app, "PUT", "configuration?dry=true", wanted)).body).toEqual({
      changes: expect.arrayContaining([
        { path: "agents.echo.mention", after: false },
        expect.objectContaining({ path: "agents.ticket_*", before: expect.objectContaining({ mention: false }) }),
        { path: "defaults.users", before: ["local", "group:staff"] },
      ]),
    });
    expect((await ask(app, "GET", "configuration")).body).toEqual(WHOLE);
  });

  test.for<[name: string, body: unknown, errors: string[]]>([
    ["that is no JSON", "{", ["The body is no JSON."]],
    [
      "of another shape",
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
      "that contradicts itself",
      { ...WHOLE, groups: {}, agents: [ECHO, ECHO, { ...ECHO, id: "b", backend: { use: "none" } }] },
      [
        "agents.echo is there twice",
        'defaults: there is no group "staff"',
        'agents.b.backend.use: there is no "none"; there are echo, openai, scripted',
      ],
    ],
  ])("%s is refused with every complaint at once, and changes nothing", async ([, body, errors]) => {
    const app = bridge();
    await ask(app, "PUT", "configuration", WHOLE);
    const put = await ask(app, "PUT", "configuration", body);
    expect(put.status).toBe(400);
    expect(put.body.errors?.toSorted()).toEqual(errors.toSorted());
    expect((await ask(app, "GET", "configuration")).body).toEqual(WHOLE);
  });

  test("has its aliases looked up; those without a room are returned, also when the homeserver is away", async () => {
    const alias = { ...WHOLE, rooms: { "#a:hs.test": {}, "#b:hs.test": {} } };
    const found = bridge({ refreshAliases: () => ledger.setAlias("#a:hs.test", RoomId.parse("!a"), 1) });
    expect((await ask(found, "PUT", "configuration", alias)).body["unresolved"]).toEqual(["#b:hs.test"]);
    const away = bridge({ refreshAliases: () => Promise.reject(new Error("the homeserver is away")) });
    const put = await ask(away, "PUT", "configuration", { ...alias, agents: [] });
    expect(put).toMatchObject({ status: 200, body: { unresolved: ["#b:hs.test"] } });
    expect(lines.join()).toContain("the homeserver is away");
    await ask(bridge(), "PUT", "configuration", WHOLE);
    // A configuration without aliases looks nothing up.
    expect(refreshed).toBe(0);
  });

  test("needs the operator's token, for reading and for writing", async () => {
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
  test("can be replaced all together, without a change to the rest", async () => {
    const app = bridge();
    await ask(app, "PUT", "configuration", WHOLE);
    const put = await ask(app, "PUT", "agents", { agents: [{ ...ECHO, name: "Other" }] });
    expect(put).toMatchObject({ status: 200, body: { agents: [{ id: "echo", name: "Other" }] } });
    expect((await ask(app, "GET", "configuration")).body).toEqual({ ...WHOLE, agents: [{ ...ECHO, name: "Other" }] });
  });

  test("can be added, changed and removed one at a time", async () => {
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

  test.for<[name: string, id: string, body: unknown, error: string]>([
    ["with a bad id", "Echo", { backend: { use: "echo" } }, "agents.Echo.id: an agent's id"],
    ["with another id inside", "echo", { ...ECHO, id: "b" }, "stands in the path"],
    ["that is a list", "echo", [], "expected an agent"],
    ["with a misspelt key", "echo", { backend: { use: "echo" }, usres: [] }, 'did you mean "users"?'],
    ["with an unknown group", "echo", { ...ECHO, users: ["group:no"] }, 'agents.echo: there is no group "no"'],
  ])("an agent %s is refused", async ([, id, body, error]) => {
    const put = await ask(bridge(), "PUT", `agents/${id}`, body);
    expect(put).toMatchObject({ status: 400, body: { errors: [expect.stringContaining(error)] } });
    expect(await ledger.agents()).toEqual([]);
  });
});

describe("a secret", () => {
  test("is stored encrypted and never shown: in no answer, change or log line", async () => {
    const app = bridge({ secretKey: KEY });
    const answers = [
      await ask(app, "PUT", "configuration?dry=true", { agents: [openai(SECRET)] }),
      await ask(app, "PUT", "configuration", { agents: [openai(SECRET)] }),
      await ask(app, "PUT", "agents/helper", openai("another-secret")),
      await ask(app, "GET", "configuration"),
      await ask(app, "GET", "agents"),
    ];
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    const everything = JSON.stringify([answers, lines, await ledger.configuration()]);
    expect(everything).not.toContain(SECRET);
    expect(everything).not.toContain("another-secret");
    expect(JSON.stringify([answers, lines])).not.toContain("enc:v1:");
    expect(answers[2]?.body["changes"]).toEqual([{ path: "agents.helper.backend.apiKey", before: MASK, after: MASK }]);
    const [kept] = await ledger.agents();
    expect(kept?.backend["apiKey"]).toMatch(/^enc:v1:/);
    expect(await createSecretCipher(KEY).decrypt(kept?.backend ?? ECHO.backend, "helper")).toMatchObject({
      value: { apiKey: "another-secret" },
    });
  });

  test("put back masked or unchanged stays the same", async () => {
    const app = bridge({ secretKey: KEY });
    await ask(app, "PUT", "configuration", { agents: [openai(SECRET)] });
    const kept = await ledger.configuration();
    const shown = (await ask(app, "GET", "configuration")).body;
    expect(shown["agents"]).toMatchObject([{ backend: { apiKey: MASK } }]);
    for (const given of [shown, { agents: [openai(SECRET)] }]) {
      expect((await ask(app, "PUT", "configuration", given)).body["changes"]).toEqual([]);
    }
    expect(await ledger.configuration()).toEqual(kept);
  });

  test.for<[name: string, given: string, error: RegExp]>([
    [
      "is written out where there is no SECRET_KEY",
      SECRET,
      /agents\.helper\.backend\.apiKey is a secret .*\$NAME.*SECRET_KEY/,
    ],
    ["is masked where nothing is stored", MASK, /nothing is stored there/],
    ["claims to be encrypted", "enc:v1:AAAAAAAAAAAAAAAA.AAAA", /only the bridge itself encrypts/],
  ])("is refused without being repeated when it %s", async ([, given, error]) => {
    for (const path of ["configuration", "agents"]) {
      const put = await ask(bridge(), "PUT", path, { agents: [openai(given)] });
      expect(put).toMatchObject({ status: 400, body: { errors: [expect.stringMatching(error)] } });
      if (given !== MASK) expect(JSON.stringify([put, lines])).not.toContain(given);
    }
    expect(await ledger.agents()).toEqual([]);
  });

  test("that cannot be decrypted any more must be written again; other agents can still be changed", async () => {
    await ask(bridge({ secretKey: KEY }), "PUT", "configuration", { agents: [openai(SECRET)] });
    const later = bridge({ secretKey: "B".repeat(43) });
    expect((await ask(later, "PUT", "agents/echo", { backend: { use: "echo" } })).status).toBe(200);
    const masked = await ask(later, "PUT", "agents/helper", openai(MASK));
    expect(masked).toMatchObject({ status: 400, body: { errors: [expect.stringContaining("cannot be decrypted")] } });
    expect((await ask(later, "PUT", "agents/helper", openai(SECRET))).status).toBe(200);
  });
});

describe("access of users", () => {
  const ALICE = UserId.parse("@alice:hs.test");
  const withEcho = async () => {
    const app = bridge();
    await ask(app, "PUT", "configuration", { agents: [ECHO] });
    const echo = await ledger.agent(AgentId.parse("echo"));
    if (!echo) throw new Error("no agent");
    return { app, echo };
  };

  test("a pairing is approved by its code and by no other", async () => {
    const { app, echo } = await withEcho();
    await ledger.offerPairing({ agent: echo.id, userId: ALICE, code: "K7M2XQ4T", atMs: systemClock.now() });
    expect((await ask(app, "GET", "pairings")).body).toMatchObject({
      pending: [{ agent: "echo", userId: ALICE, code: "K7M2XQ4T" }],
      grants: [],
    });
    expect((await ask(app, "POST", "pairings/k7m2xq4t/approve")).body).toEqual({ agent: "echo", userId: ALICE });
    // The approval is idempotent; a code that does not exist is not found.
    expect((await ask(app, "POST", "pairings/K7M2XQ4T/approve")).status).toBe(200);
    expect((await ask(app, "POST", "pairings/K7M2XQ4U/approve")).status).toBe(404);
    expect((await ask(app, "GET", "pairings")).body).toMatchObject({ pending: [], grants: [{ userId: ALICE }] });
  });

  test("an operator allows and denies a user", async () => {
    const { app } = await withEcho();
    expect((await ask(app, "POST", "agents/echo/allow", { userId: ALICE })).status).toBe(200);
    expect((await ask(app, "GET", "pairings")).body["grants"]).toMatchObject([{ agent: "echo", userId: ALICE }]);
    expect((await ask(app, "POST", "agents/echo/deny", { userOrCode: ALICE })).status).toBe(200);
    expect((await ask(app, "POST", "agents/echo/deny", { userOrCode: ALICE })).status).toBe(404);
    expect((await ask(app, "GET", "pairings")).body["grants"]).toEqual([]);
  });

  test("an invite code of the operator gives a user access", async () => {
    const { app, echo } = await withEcho();
    const { code } = (await ask(app, "POST", "agents/echo/invite-codes")).body;
    expect(code).toMatch(/^[A-HJ-NP-Z2-9]{8}$/);
    expect((await ask(app, "POST", "agents/echo/invite-codes")).body["code"]).not.toBe(code);
    expect(await ledger.useInviteCode(echo.id, String(code), ALICE, systemClock.now())).toBe(true);
  });

  test.for<[path: string, body: unknown, status: number]>([
    ["agents/unknown/allow", { userId: "@a:b" }, 404],
    ["agents/echo/allow", { userId: "alice" }, 400],
    ["agents/echo/allow", "{", 400],
    ["agents/echo/deny", {}, 400],
    ["agents/unknown/invite-codes", undefined, 404],
  ])("%s with %j is refused: %i", async ([path, body, status]) => {
    const { app } = await withEcho();
    const refused = await ask(app, "POST", path, body);
    expect([refused.status, refused.body.errors?.length]).toEqual([status, 1]);
  });
});
