import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Agent } from "#core/configuration/agent.ts";
import { isPassing } from "#core/protocol/errcode.ts";
import { AgentId } from "#core/protocol/ids.ts";
import { err, ok } from "#core/result.ts";
import type { Ledger } from "#ports/ledger.ts";
import { type FakeHomeserver, fakeHomeserver } from "#testing/homeserver.ts";
import { NAMESPACE } from "#testing/ledger-rows.ts";
import { temporaryLedger } from "#testing/temp-ledger.ts";
import { askByFetch } from "./ask.ts";
import { clientServer } from "./client-server.ts";
import { enterBot, ghosts } from "./ghosts.ts";

const PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const agent = (over: Partial<Pick<Agent, "name" | "avatar">> = {}) => ({
  id: AgentId.parse("echo"),
  name: "Echo",
  ...over,
});
let ledger: Ledger;
let close: () => void;
let server: FakeHomeserver;
let logged: string[];
beforeEach(async () => {
  ({ ledger, close } = await temporaryLedger());
  server = fakeHomeserver("token-of-the-tests");
  logged = [];
});
afterEach(() => close());

const needs = (asToken = "token-of-the-tests") => ({
  call: clientServer({ url: async () => "http://hs.test", asToken, ask: askByFetch(server.fetch) }),
  ledger,
  namespace: NAMESPACE,
  log: (event: string) => void logged.push(event),
});

describe("a ghost", () => {
  test("is registered, gets its device and its name, each once", async () => {
    expect(await ghosts(needs()).intent(agent())).toMatchObject({ ok: true, value: { userId: "@agent_echo:hs.test" } });
    await ghosts(needs()).intent(agent());
    const made = server.requests.map((request) => request.replace(/\?.*/, ""));
    expect(made).toEqual([
      "POST /_matrix/client/v3/register",
      "PUT /_matrix/client/v3/devices/TROUPE",
      "PUT /_matrix/client/v3/profile/%40agent_echo%3Ahs.test/displayname",
    ]);
    expect(server.requests[1]).not.toContain("device_id");
    expect(server.requests[2]).toMatch(/user_id=%40agent_echo%3Ahs\.test&device_id=TROUPE/);
  });

  test("whose account exists already is used", async () => {
    server.users.add("@agent_echo:hs.test");
    expect((await ghosts(needs()).intent(agent())).ok).toBe(true);
  });

  test("shows a new name and a picture, and again only when they change", async () => {
    const avatar = { mediaType: "image/png" as const, base64: PIXEL };
    await ghosts(needs()).intent(agent());
    server.requests.length = 0;
    await ghosts(needs()).intent(agent({ name: "Other", avatar }));
    await ghosts(needs()).intent(agent({ name: "Other", avatar }));
    expect(server.requests.map((request) => request.replace(/\?.*/, "").split("/").at(-1))).toEqual([
      "displayname",
      "upload",
      "avatar_url",
    ]);
  });

  test("cannot be made with a wrong token, and is made when it is right again", async () => {
    expect(await ghosts(needs("wrong")).intent(agent())).toMatchObject({
      ok: false,
      error: { errcode: "M_UNKNOWN_TOKEN" },
    });
    expect(logged).toEqual(["ghost_failed"]);
    expect((await ghosts(needs()).intent(agent())).ok).toBe(true);
  });
});

describe("the bot", () => {
  test("gets account and device, and asks whether the homeserver knows it", async () => {
    expect(await enterBot(needs())).toMatchObject({ ok: true });
    expect(logged).toEqual([]);
  });
  test("is not well where the homeserver does not know it", async () => {
    server.answerFirst = ({ path }) => (path.endsWith("/whoami") ? new Response("{}", { status: 401 }) : undefined);
    expect(await enterBot(needs())).toMatchObject({ ok: false });
  });
  test("has no device where the homeserver makes none", async () => {
    for (const one of ["devices", "deviceId"] as const) server.lacks.add(one);
    expect(await enterBot(needs())).toMatchObject({ ok: true });
    expect(await ghosts(needs()).bot()).toMatchObject({ ok: true, value: { deviceId: "" } });
  });
});

describe("the bot's intent", () => {
  test("has the bot's account, which is made once", async () => {
    const users = ghosts(needs());
    expect(await users.bot()).toMatchObject({ ok: true, value: { userId: "@troupe:hs.test", deviceId: "TROUPE" } });
    await users.bot();
    await enterBot(needs());
    expect(server.requests.map((request) => request.replace(/\?.*/, ""))).toEqual([
      "POST /_matrix/client/v3/register",
      "PUT /_matrix/client/v3/devices/TROUPE",
      "GET /_matrix/client/v3/account/whoami",
    ]);
  });
  test("cannot be had with a wrong token", async () => {
    expect((await ghosts(needs("wrong")).bot()).ok).toBe(false);
    expect(logged).toEqual(["ghost_failed"]);
  });
});

describe("an answer of the homeserver", () => {
  const answered = (response: () => Response) =>
    clientServer({ url: async () => "http://hs.test", asToken: "x", ask: askByFetch(async () => response()) })({
      method: "GET",
      path: "/x",
      answer: (json) =>
        json !== null && typeof json === "object" && "x" in json ? ok(json.x) : err("answer without x"),
    });

  test.for<[name: string, response: () => Response, error: object, passing: boolean]>([
    [
      "429",
      () => Response.json({ errcode: "M_LIMIT_EXCEEDED", retry_after_ms: 5 }, { status: 429 }),
      { retryAfterMs: 5 },
      true,
    ],
    [
      "429 with a header",
      () => new Response("{}", { status: 429, headers: { "retry-after": "2" } }),
      { retryAfterMs: 2_000 },
      true,
    ],
    ["a proxy's page", () => new Response("<html>", { status: 502 }), { status: 502, errcode: "M_UNKNOWN" }, true],
    ["200 without JSON", () => new Response("OK"), { errcode: "M_NOT_JSON" }, true],
    ["200 with a list", () => Response.json([]), { status: 200, errcode: "M_NOT_JSON" }, true],
    ["200 without the expected field", () => Response.json({}), { status: 502, message: "answer without x" }, true],
    [
      "403",
      () => Response.json({ errcode: "M_FORBIDDEN", error: "no" }, { status: 403 }),
      { errcode: "M_FORBIDDEN", message: "no" },
      false,
    ],
    ["401 for our token", () => Response.json({ errcode: "M_UNKNOWN_TOKEN" }, { status: 401 }), { status: 401 }, true],
    ["413", () => Response.json({ errcode: "M_TOO_LARGE" }, { status: 413 }), { status: 413 }, false],
  ])("%s", async ([, response, error, passing]) => {
    const answer = await answered(response);
    expect(answer).toMatchObject({ ok: false, error });
    expect(!answer.ok && isPassing(answer.error)).toBe(passing);
  });

  test("with the expected field is its value", async () => {
    expect(await answered(() => Response.json({ x: 1 }))).toEqual({ ok: true, value: 1 });
  });

  test("that does not come is an error with status 0", async () => {
    const answer = await answered(() => {
      throw new TypeError("fetch failed");
    });
    expect(answer).toMatchObject({ ok: false, error: { status: 0 } });
  });
});
