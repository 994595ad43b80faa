import { describe, expect, test } from "vitest";
import { whereIs } from "./where.ts";

describe("the bridge", () => {
  const playground = { bridge: "http://127.0.0.1:7/", adminToken: "of-playground" };
  test.for<[given: string, url: string | undefined, env: Record<string, string>, playground: unknown, where: object]>([
    ["a token", undefined, { ADMIN_TOKEN: "t" }, undefined, { url: "http://127.0.0.1:9993", token: "t" }],
    ["a token and a URL", "http://b/", { ADMIN_TOKEN: "t" }, playground, { url: "http://b", token: "t" }],
    ["a playground", undefined, {}, playground, { url: "http://127.0.0.1:7", token: "of-playground" }],
    [
      "the URL of a playground",
      "http://127.0.0.1:7",
      {},
      playground,
      { url: "http://127.0.0.1:7", token: "of-playground" },
    ],
  ])("is found with %s", ([, url, env, running, where]) => expect(whereIs(url, env, running)).toEqual(where));

  test.for<[given: string, url: string | undefined, running: unknown]>([
    ["nothing", undefined, undefined],
    ["another URL than the playground's", "http://evil.test", playground],
    ["a playground of an earlier version, which has no token", undefined, { bridge: "http://127.0.0.1:7" }],
  ])("is not found with %s", ([, url, running]) =>
    expect(() => whereIs(url, {}, running)).toThrow("ADMIN_TOKEN is not set"),
  );
});
