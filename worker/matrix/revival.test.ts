/** A user that the homeserver has lost is made anew once for all requests that meet the loss. */
import { expect, test } from "vitest";
import { UserId } from "#core/protocol/ids.ts";
import { err, ok } from "#core/result.ts";
import type { Call } from "./client-server.ts";
import { reviving } from "./revival.ts";

const LOST = { status: 400, errcode: "M_UNKNOWN_DEVICE", message: "Unknown device" };
const IDENTITY = { userId: UserId.parse("@agent_echo:hs.test"), deviceId: "TROUPE" };

/** The homeserver answers it with the error of another server. */
const PROXIED = "/join";

/** A homeserver that has lost the device. It answers each request in a task of its own, and makes a device slowly. */
function world() {
  const made: string[] = [];
  const homeserver = { isLost: true, nowMs: 1_000_000 };
  const call: Call = async (request, identity) => {
    const isLost = homeserver.isLost;
    const isMaking = request.path.includes("/devices/");
    await new Promise((resolve) => setTimeout(resolve, isMaking ? 20 : 1));
    if (isMaking) {
      made.push(request.path);
      homeserver.isLost = false;
    }
    if (request.path === PROXIED || (isLost && identity?.deviceId !== undefined)) return err(LOST);
    const read = request.answer({ user_id: IDENTITY.userId });
    return read.ok ? read : err({ ...LOST, errcode: "M_UNKNOWN" });
  };
  const revived = reviving({
    call,
    ledger: { setGhost: async () => undefined },
    clock: { now: () => homeserver.nowMs },
    log: () => undefined,
  });
  const send = (path: string, at: number) => revived({ method: "GET", path, answer: () => ok(at) }, IDENTITY);
  const ask = (at: number) => send(`/${at}`, at);
  return { ask, send, made, homeserver };
}

test("requests that meet the loss together all have their answer, also those that begin meanwhile", async () => {
  const { ask, made, homeserver } = world();
  const early = [0, 1, 2, 3].map(ask);
  await new Promise((resolve) => setTimeout(resolve, 5));
  expect(homeserver.isLost).toBe(true);
  const late = [4, 5].map(ask);
  expect(await Promise.all([...early, ...late])).toEqual([0, 1, 2, 3, 4, 5].map((at) => ok(at)));
  expect(made).toHaveLength(1);
});

test("one that is lost again at once stays so for some minutes", async () => {
  const { ask, made, homeserver } = world();
  await ask(0);
  homeserver.isLost = true;
  expect(await ask(1)).toEqual(err(LOST));
  homeserver.nowMs += 300_000;
  expect(await ask(2)).toEqual(ok(2));
  expect(made).toHaveLength(2);
});

test("one that another server calls lost is not made anew, and is made anew as soon as it is lost", async () => {
  const { ask, send, made, homeserver } = world();
  homeserver.isLost = false;
  expect(await send(PROXIED, 0)).toEqual(err(LOST));
  expect(made).toEqual([]);
  homeserver.isLost = true;
  expect(await ask(1)).toEqual(ok(1));
  expect(made).toHaveLength(1);
});
