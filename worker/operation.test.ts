/** A bridge in operation: gaps are repaired, operators see what happens, and a runner hands over when it is stopped. */
import { afterEach, describe, expect, test, vi } from "vitest";
import { type Composed, composed } from "#testing/composed.ts";
import { aMessage } from "#testing/events.ts";
import { aPrompt, aTurn, ROOM, SESSION_LANE, settled as storeVerdict } from "#testing/ledger-rows.ts";
import { REPAIR_MARK } from "./lanes/repair.ts";

const ALICE = "@alice:hs.test";
const GUIDE = "@agent_guide:hs.test";
const ECHO = "@agent_echo:hs.test";
const guide = () => ({ guide: { backend: { use: "scripted" } } });
const echo = () => ({ echo: { backend: { use: "echo" } } });

let world: Composed;
afterEach(() => world.close());
const begin = async (agents: Record<string, object>) => {
  world = await composed(agents);
  await world.joined(ALICE, "echo" in agents ? ECHO : GUIDE);
  return world;
};
const soon = { timeout: 4_000, interval: 20 };
const running = () => vi.waitFor(async () => expect((await world.ledger.figures(0)).runningTurns).toBe(1), soon);

describe("a gap in a room", () => {
  test("is found after a ping and closed in its place", async () => {
    const { app, push, bodies, server, ledger } = await begin(echo());
    const [before, lost, after] = [aMessage("before"), aMessage("lost"), aMessage("after")];
    const ancient = aMessage("ancient");
    await push(before, after);
    await vi.waitFor(() => expect(bodies()).toHaveLength(2), soon);
    server.history.set(ROOM, [after, lost, before, ancient]);
    await app.tend();
    await vi.waitFor(() => expect(bodies()).toEqual(["echo before", "echo after", "echo lost"]), soon);
    expect((await ledger.known([lost.event_id, ancient.event_id])).size).toBe(1);
    expect(world.lines).toContainEqual(expect.stringContaining("gap_repaired"));
  });
});

describe("a ping", () => {
  const ping = (transaction_id?: string) =>
    world.app.http.request("/_matrix/app/v1/ping", {
      method: "POST",
      headers: { authorization: "Bearer hs-token-of-tests" },
      body: JSON.stringify({ transaction_id }),
    });

  test("that the bridge asked for is no sign of lost events, and costs no room a request", async () => {
    const { app, server, ledger, push, settled } = await begin(echo());
    await push(aMessage("hello"));
    await vi.waitFor(settled, soon);
    await app.tend({ afterStart: true });
    await app.tend();
    const asked = server.pings.at(-1);
    expect(asked).toBeDefined();
    const before = server.requests.length;
    expect((await ping(asked)).status).toBe(200);
    expect(await ledger.mark(REPAIR_MARK)).toBe("done");
    await app.tend();
    expect(server.requests.slice(before).filter((request) => request.includes("/messages"))).toHaveLength(1);
  });

  test.for(["7", undefined])("with the id %s is one", async (id) => {
    await begin(echo());
    expect((await ping(id)).status).toBe(200);
    expect(await world.ledger.mark(REPAIR_MARK)).toBe("due");
  });
});

describe("an operator sees", () => {
  test("dead letters as a problem of /health", async () => {
    const { app, push, server, settled } = await begin(echo());
    await app.tend();
    await push(aMessage("hello"), aMessage("x", { content: { msgtype: "m.notice" } }));
    await vi.waitFor(settled, soon);
    const health = async () => (await app.http.request("/health")).json();
    expect(await health()).toMatchObject({
      ok: true,
      problems: [],
      homeserver: { reachable: true },
      openTurns: 0,
      outboxAgeMs: 0,
      deadLetters: 0,
      lastTransactionAtMs: expect.any(Number),
    });
    server.refusals.push(new Response("{}", { status: 403 }));
    await push(aMessage("refused"));
    await vi.waitFor(async () => expect(await health()).toMatchObject({ problems: ["there are dead letters"] }), soon);
  });

  test("metrics in Prometheus' text format, with the token only", async () => {
    const { app, push, operator, settled } = await begin(echo());
    await push(aMessage("hello"), aMessage("x", { content: { msgtype: "m.notice" } }));
    await vi.waitFor(settled, soon);
    expect((await app.http.request("/metrics")).status).toBe(401);
    const text = await (await operator("GET", "/metrics")).text();
    expect(text).toContain('troupe_verdicts_total{verdict="notice"} 1\n');
    expect(text).toContain("# TYPE troupe_open_turns gauge\ntroupe_open_turns 0\n");
    for (const line of text.trim().split("\n"))
      expect(line).toMatch(/^(# (HELP|TYPE) \w+ .+|\w+(\{\w+="[^"]*"\})? [\d.e+]+)$/);
  });
});

test("a bridge that is stopped lets a turn finish, and hands over turns that take longer", async () => {
  const { app, another, push, bodies } = await begin(guide());
  await push(aMessage("slow 1"));
  await running();
  await app.pump.stop(5_000);
  expect(bodies()).toEqual([expect.stringMatching(/^That took a while/)]);
  const second = another("second");
  await world.ledger.accept({ events: [aMessage("slow 2")], deadLetters: [], nowMs: Date.now() });
  await second.sweep();
  await running();
  const askedAt = Date.now();
  await second.pump.stop(100);
  expect(Date.now() - askedAt).toBeLessThan(3_000);
  expect(bodies()).toHaveLength(1);
  // Its lease is free: the next one need not wait for it to run out.
  expect(await another("third").sweep()).toBe(1);
  await vi.waitFor(() => expect(bodies()).toHaveLength(2), soon);
});

test("a runner that may soon be ended begins no turn, and leaves it due", async () => {
  const { another, bodies, ledger, app, settled } = await begin(echo());
  // Stored without a ring.
  await storeVerdict(ledger, { turns: [aTurn({ prompt: aPrompt("hello"), askedAtMs: Date.now() })] });
  const late = another("second", () => false);
  expect(await late.pump.run(SESSION_LANE)).toEqual({ dueAtMs: 0 });
  expect((await ledger.figures(0)).openTurns).toBe(1);
  expect(bodies()).toEqual([]);
  await app.sweep();
  await vi.waitFor(() => expect(bodies()).toEqual(["echo hello"]), soon);
  await vi.waitFor(settled, soon);
});
