import { describe, expect, test } from "vitest";
import { BOUNDS } from "#core/bounds.ts";
import { atSameHost, isSameHost } from "./redirects.ts";

const HERE = "http://model.test/v1/chat/completions";

/** Follows a redirect to there. Gives the answer and what was asked for. */
async function follow(status: number, location: string, at = HERE) {
  const asked: unknown[] = [];
  const fetch = atSameHost(async (input, init) => {
    asked.push([input, init?.method, init?.body, new Headers(init?.headers).get("authorization")]);
    return input === at ? new Response("moved", { status, headers: { location } }) : new Response("answer");
  });
  const init = { method: "POST", body: "question", headers: { authorization: "Bearer k" } };
  return { answer: await fetch(at, init), asked };
}
const asking = (url: string) => [url, "POST", "question", "Bearer k"];

describe("a redirect", () => {
  test("to the same host that repeats the request is followed with all of it", async () => {
    const { answer, asked } = await follow(307, "/v1/chat/completions/");
    expect([await answer.text(), asked]).toEqual(["answer", [asking(HERE), asking(`${HERE}/`)]]);
  });
  test.for<[status: number, to: string]>([
    [307, "http://other.test/v1"],
    [308, "https://other.test/v1"],
    [308, "//other.test/v1"],
    [308, "http://model.test:8080/v1"],
    [308, "ftp://model.test/v1"],
    [308, "https://"],
    [301, "/elsewhere"],
    [302, "https://model.test/v1"],
    [303, "/elsewhere"],
  ])("%i to %s is given and not followed", async ([status, location]) => {
    const { answer, asked } = await follow(status, location);
    expect(asked).toHaveLength(1);
    expect([answer.status, await answer.text()]).toEqual([status, `the server redirects to ${location}`]);
  });
  test("in a circle ends", async () => {
    let asked = 0;
    const fetch = atSameHost(async () => {
      asked++;
      return new Response("", { status: 307, headers: { location: "/" } });
    });
    expect([(await fetch(HERE)).status, asked]).toEqual([307, BOUNDS.redirects.max + 1]);
  });
  test.for<[from: string, to: string, is: boolean]>([
    ["http://a.test/v1", "http://a.test/v2", true],
    ["http://a.test/v1", "https://a.test/v1", true],
    ["http://a.test:8080/v1", "https://a.test/v1", true],
    ["https://a.test/v1", "http://a.test/v1", false],
    ["https://a.test/v1", "https://b.a.test/v1", false],
    ["https://a.test/v1", "https://a.test:8443/v1", false],
  ])("from %s to %s stays at the host: %s", ([from, to, is]) =>
    expect(isSameHost(new URL(from), new URL(to))).toBe(is),
  );
});
