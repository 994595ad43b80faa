/** How a homeserver that does not answer is told from a request that does not. */
import { expect, test } from "vitest";
import type { HomeserverError } from "#core/protocol/errcode.ts";
import { err, ok } from "#core/result.ts";
import type { Call } from "./client-server.ts";
import { watched } from "./standing.ts";

const NO_ANSWER: HomeserverError = { status: 0, errcode: "M_UNREACHABLE", message: "fetch failed" };
const REQUEST = { method: "GET" as const, path: "/some", answer: () => ok(undefined) };

/** A watched homeserver. `answers` by path; a path without one is answered. */
function world(
  answers: Record<string, HomeserverError | "hangs">,
  onSilence: () => Promise<void> = async () => undefined,
) {
  const asked: string[] = [];
  const logged: string[] = [];
  let nowMs = 1_000_000;
  let doubts = 0;
  const call: Call = async (request) => {
    asked.push(request.path);
    const answer = answers[request.path];
    if (answer === "hangs") await new Promise((resolve) => setTimeout(resolve, 20));
    if (answer !== undefined) return err(answer === "hangs" ? NO_ANSWER : answer);
    const read = request.answer({ user_id: "@troupe:hs.test" });
    return read.ok ? read : err(NO_ANSWER);
  };
  const standing = watched({
    call,
    clock: { now: () => nowMs },
    log: (event) => void logged.push(event),
    onSilence: () => {
      doubts++;
      return onSilence();
    },
  });
  return {
    standing,
    asked,
    logged,
    doubts: () => doubts,
    move: (ms: number) => {
      nowMs += ms;
    },
    ask: (path: string) => standing.call({ ...REQUEST, path }),
  };
}
const WHO_AM_I = "/_matrix/client/v3/account/whoami";

test("a request without an answer is no outage while the homeserver answers another", async () => {
  const { ask, doubts, standing, asked } = world({ "/some": NO_ANSWER });
  expect((await ask("/some")).ok).toBe(false);
  expect(doubts()).toBe(0);
  expect(asked).toEqual(["/some", WHO_AM_I]);
  expect(await standing.isWell()).toBe(true);
});

test("an outage is when nothing is answered", async () => {
  const { ask, doubts, standing } = world({ "/some": NO_ANSWER, [WHO_AM_I]: NO_ANSWER });
  await ask("/some");
  expect(doubts()).toBe(1);
  expect(await standing.isWell()).toBe(false);
});

test.for<[what: string, error: HomeserverError, isWell: boolean]>([
  ["a proxy without a homeserver", { status: 502, errcode: "M_UNKNOWN", message: "" }, false],
  ["a wrong token", { status: 401, errcode: "M_UNKNOWN_TOKEN", message: "" }, false],
  ["a homeserver that fails everything", { status: 500, errcode: "M_UNKNOWN", message: "" }, false],
  ["a homeserver that knows no such question", { status: 404, errcode: "M_UNRECOGNIZED", message: "" }, true],
])("%s: that the homeserver is well is %s", async ([, error, isWell]) => {
  expect(await world({ [WHO_AM_I]: error }).standing.isWell()).toBe(isWell);
});

test("an answer of just now shows that the homeserver is well, an older one does not", async () => {
  const { ask, standing, asked, move } = world({});
  await ask("/other");
  expect(await standing.isWell()).toBe(true);
  expect(asked).toEqual(["/other"]);
  move(6_000);
  await standing.isWell();
  expect(asked).toEqual(["/other", WHO_AM_I]);
});

test("an answer from before the clock was set back does not show that the homeserver is well", async () => {
  const answers: Parameters<typeof world>[0] = {};
  const { ask, standing, move, doubts } = world(answers);
  await ask("/other");
  move(-86_400_000);
  Object.assign(answers, { "/some": NO_ANSWER, [WHO_AM_I]: NO_ANSWER });
  await ask("/some");
  expect([doubts(), await standing.isWell()]).toEqual([1, false]);
});

test("a hundred failures at once ask one question", async () => {
  const { ask, asked } = world({ "/some": NO_ANSWER, [WHO_AM_I]: "hangs" });
  await Promise.all(Array.from({ length: 100 }, () => ask("/some")));
  expect(asked.filter((path) => path === WHO_AM_I)).toHaveLength(1);
});

test("a silent homeserver is asked again after a moment", async () => {
  const { standing, asked, move } = world({ [WHO_AM_I]: NO_ANSWER });
  await standing.isWell();
  await standing.isWell();
  expect(asked).toHaveLength(1);
  move(1_000);
  await standing.isWell();
  expect(asked).toHaveLength(2);
});

test("a doubt that cannot be stored is logged, and the request still has its answer", async () => {
  const failing = () => Promise.reject(new Error("the disk is full"));
  const { ask, logged } = world({ "/some": NO_ANSWER, [WHO_AM_I]: NO_ANSWER }, failing);
  expect(await ask("/some")).toEqual(err(NO_ANSWER));
  expect(logged).toEqual(["homeserver_unreachable"]);
});
