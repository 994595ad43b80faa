import { describe, expect, test } from "vitest";
import { homeserverUrl } from "./well-known.ts";

let servers = 0;
/** A server name of its own for each test, since what was found is kept. */
function asking(...answers: (() => Response)[]) {
  const asked: string[] = [];
  const SERVER_NAME = `hs${++servers}.test:8448`;
  const fetch = async (url: string | URL | Request) => {
    asked.push(String(url));
    const answer = answers.shift();
    if (!answer) throw new TypeError("fetch failed", { cause: new Error("getaddrinfo ENOTFOUND") });
    return answer();
  };
  return { asked, SERVER_NAME, find: () => homeserverUrl({ SERVER_NAME, HOMESERVER_URL: undefined }, fetch) };
}
const named = (base_url: unknown) => () => Response.json({ "m.homeserver": { base_url } });

describe("the homeserver's URL", () => {
  test("is what was set, without asking", async () => {
    const { asked } = asking();
    const set = { SERVER_NAME: "hs.test", HOMESERVER_URL: "http://127.0.0.1:8008" };
    expect(await homeserverUrl(set, async () => Promise.reject(new Error("asked")))).toBe("http://127.0.0.1:8008");
    expect(asked).toEqual([]);
  });
  test("is what the server name's file names, asked for once", async () => {
    const { asked, SERVER_NAME, find } = asking(named("https://matrix.hs.test/"));
    for (const _ of ["first", "again"]) expect(await find()).toBe("https://matrix.hs.test");
    expect(asked).toEqual([`https://${SERVER_NAME.replace(":8448", "")}/.well-known/matrix/client`]);
  });
  test.for<[what: string, answers: (() => Response)[], sentence: string]>([
    ["there is no answer", [], "getaddrinfo ENOTFOUND"],
    ["there is no such file", [() => new Response("", { status: 404 })], "it answers 404"],
    ["it is no JSON", [() => new Response("<html>")], "there is no m.homeserver.base_url"],
    ["it names nothing", [() => Response.json({})], "there is no m.homeserver.base_url"],
    ["it is a proxy's", [() => Response.json({ hello: "proxy" })], "there is no m.homeserver.base_url"],
    ["it is a list", [() => Response.json([])], "there is no m.homeserver.base_url"],
    ["it is null", [() => Response.json(null)], "there is no m.homeserver.base_url"],
    ["it is empty", [() => new Response("")], "there is no m.homeserver.base_url"],
    ["it names no http(s) URL", [named("ftp://x")], "there is no m.homeserver.base_url"],
  ])("is asked for in a sentence when %s, and looked up again", async ([, answers, sentence]) => {
    const all = [...answers];
    const { find, asked } = asking(...all, ...(all.length > 0 ? [named("https://later.test")] : []));
    await expect(find()).rejects.toThrow(sentence);
    if (all.length > 0) expect(await find()).toBe("https://later.test");
    else await expect(find()).rejects.toThrow("Set HOMESERVER_URL.");
    expect(asked).toHaveLength(2);
  });
});
