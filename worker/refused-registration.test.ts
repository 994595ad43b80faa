/**
 * Kind 9 and inputs 27 and 33: a homeserver that refuses the token or the bot. Each is a problem of `/health` that names
 * what to change, and holds up nothing else. How Synapse refuses the account: `M_EXCLUSIVE` with status 400.
 *
 * @see https://github.com/element-hq/synapse/blob/v1.163.0/synapse/handlers/register.py
 * @see https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3register
 */
import { afterEach, expect, test } from "vitest";
import { type Composed, composed } from "#testing/composed.ts";

let world: Composed;
afterEach(() => world.close());

const health = async () => {
  const answer = await world.app.http.request("/health");
  return { status: answer.status, ...((await answer.json()) as { ok: boolean; problems: string[] }) };
};
const refuse = (matching: string, status: number, errcode: string) => {
  world.server.answerFirst = ({ path }) =>
    path.endsWith(matching) ? Response.json({ errcode, error: "because as-token-of-tests" }, { status }) : undefined;
};
/** As both hosts do once a minute. */
const minute = async () => {
  const hasEntered = await world.app.enter();
  await world.app.tend({ afterStart: true });
  return hasEntered;
};

const TOKEN = expect.stringMatching(/^the homeserver refuses AS_TOKEN \(M_UNKNOWN_TOKEN\)/);

test("kind 9, input 27: another AS_TOKEN is the problem of a health that is otherwise well", async () => {
  world = await composed({}, { AS_TOKEN: "another-as-token" });
  expect(await minute()).toBe(false);
  expect(await health()).toMatchObject({ status: 200, ok: true, problems: [TOKEN] });
  const shown = JSON.stringify([await health(), world.lines]);
  for (const token of ["another-as-token", "as-token-of-tests"]) expect(shown).not.toContain(token);
});

test("kind 9, input 27: a token that is refused after a start that was well is named once, and not after it is right", async () => {
  world = await composed({});
  await minute();
  expect(await health()).toMatchObject({ ok: true, problems: [] });
  refuse("/ping", 401, "M_UNKNOWN_TOKEN");
  await minute();
  expect((await health()).problems).toEqual([TOKEN]);
  refuse("/whoami", 401, "M_UNKNOWN_TOKEN");
  await minute();
  expect((await health()).problems).toEqual([TOKEN]);
  delete world.server.answerFirst;
  await minute();
  expect(await health()).toMatchObject({ status: 200, ok: true, problems: [] });
});

test("kind 9, input 33: the bot is refused as M_EXCLUSIVE, the upkeep runs and health names it", async () => {
  world = await composed({});
  refuse("/register", 400, "M_EXCLUSIVE");
  expect(await minute()).toBe(false);
  expect(world.server.pings).toHaveLength(1);
  const bot = expect.stringMatching(/@troupe:hs\.test \(400 M_EXCLUSIVE\): BOT_LOCALPART must be the sender_localpart/);
  expect(await health()).toMatchObject({ status: 200, ok: true, homeserver: { reachable: true }, problems: [bot] });
  delete world.server.answerFirst;
  expect(await minute()).toBe(true);
  expect((await health()).problems).toEqual([]);
});

test("kind 9: any other refusal of the bot is named with its code, and cut where that is long", async () => {
  world = await composed({});
  refuse("/register", 403, `M_${"X".repeat(5_000)}`);
  await minute();
  const { problems } = await health();
  expect(problems).toEqual([expect.stringContaining("@troupe:hs.test (403 M_XXX")]);
  expect(problems[0]?.length).toBeLessThan(300);
});

test("kind 9: a homeserver that does not answer at all is one problem, not two", async () => {
  world = await composed({});
  world.server.answerFirst = () => "unreachable";
  await minute();
  expect((await health()).problems).toEqual(["the homeserver cannot be reached, or cannot reach the bridge"]);
});
