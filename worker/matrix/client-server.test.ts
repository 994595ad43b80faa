/** How long an answer of the homeserver may take, and how large it may be. */
import { expect, test } from "vitest";
import { BOUNDS } from "#core/bounds.ts";
import { whoAmI } from "#core/protocol/client/account.ts";
import { leaveRoom, roomByAlias } from "#core/protocol/client/rooms.ts";
import { setTyping } from "#core/protocol/client/typing.ts";
import { RoomId, UserId } from "#core/protocol/ids.ts";
import { clientServer } from "./client-server.ts";

test("a request that says how long its answer may take is given up after that", async () => {
  const call = clientServer({
    url: async () => "http://hs.test",
    asToken: "token",
    ask: (_url, { signal }) => new Promise((_resolve, reject) => signal.addEventListener("abort", reject)),
  });
  const answer = await call({ ...whoAmI(), answerMsMax: 20 });
  expect(answer).toMatchObject({ ok: false, error: { status: 0 } });
});

test("of a refusal no more is kept than a line of the log should have, however long its code and text are", async () => {
  const body = JSON.stringify({ errcode: "E".repeat(1_000_000), error: `${"e".repeat(499)}🎉` });
  const call = clientServer({
    url: async () => "http://hs.test",
    asToken: "token",
    ask: async () => ({ status: 500, header: () => null, text: async () => body, stream: () => new Blob([]).stream() }),
  });
  const answer = await call(whoAmI());
  const error = { status: 500, errcode: "E".repeat(BOUNDS.id.max), message: `${"e".repeat(499)}\ufffd` };
  expect(answer).toEqual({ ok: false, error });
});

test("what others wait for is given up soon: a typing notification, an alias, the question whether anybody answers", () => {
  const requests = [setTyping(RoomId.parse("!a"), UserId.parse("@a:b"), 1), roomByAlias("#a:b"), whoAmI()];
  for (const { answerMsMax } of requests) expect(answerMsMax).toBeLessThanOrEqual(10_000);
});

/** Synapse passes on what another server answers to a join: its status, its errcode, and every other key. */
test.for([400, 200])("an answer %i with a great many keys costs no more than its JSON", async (status) => {
  const keys = Array.from({ length: 200_000 }, (_, n) => `"key${n}":1`).join(",");
  const body = `{${keys},"errcode":"${"M".repeat(100_000)}","error":"${"x".repeat(100_000)}"}`;
  const call = clientServer({
    url: async () => "http://hs.test",
    asToken: "token",
    ask: async () => ({ status, header: () => null, text: async () => body, stream: () => new Blob([]).stream() }),
  });
  const parse = await shortest(async () => JSON.parse(body));
  const leave = () => call(leaveRoom(RoomId.parse("!a")));
  expect(await shortest(leave)).toBeLessThan(100 + 2 * parse);
  const answer = await leave();
  if (answer.ok) return;
  const { errcode, message } = answer.error;
  expect([errcode.length, message.length]).toEqual([BOUNDS.id.max, BOUNDS.errorText.max]);
});

/** The shortest of three times, in milliseconds. */
async function shortest(work: () => Promise<unknown>): Promise<number> {
  const times: number[] = [];
  for (let run = 0; run < 3; run++) {
    const beganAtMs = performance.now();
    await work();
    times.push(performance.now() - beganAtMs);
  }
  return Math.min(...times);
}
