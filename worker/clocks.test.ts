/** Conversations over jumps of the clock, from end to end: nothing is delayed, lost or deleted. */
import { afterEach, describe, expect, test, vi } from "vitest";
import { type Composed, composed } from "#testing/composed.ts";
import { aMessage } from "#testing/events.ts";
import { movingClock } from "#testing/moving-clock.ts";

const [ALICE, ECHO, GUIDE] = ["@alice:hs.test", "@agent_echo:hs.test", "@agent_guide:hs.test"];
const HOUR_MS = 60 * 60_000;
const DAY_MS = 24 * HOUR_MS;
const JUMPS = [-DAY_MS, -365 * DAY_MS, DAY_MS, 365 * DAY_MS].map((ms) => [ms / DAY_MS, ms] as const);
const soon = { timeout: 4_000, interval: 20 };

let world: Composed;
afterEach(() => world.close());

async function begin(clock = movingClock()) {
  world = await composed({ echo: { backend: { use: "echo" } } }, { SENDER_TURNS_PER_MINUTE: 2 }, clock);
  await world.joined(ALICE, ECHO);
  return clock;
}
const said = (...texts: string[]) => vi.waitFor(() => expect(world.bodies()).toEqual(texts), soon);
const problems = async () => {
  const health = (await (await world.app.http.request("/health")).json()) as { problems: string[] };
  return health.problems.filter((problem) => problem.includes("clock"));
};

describe("a conversation", () => {
  test.for(JUMPS)("goes on at once after the clock was moved by %i days", async ([, ms]) => {
    const clock = await begin();
    await world.push(aMessage("one"), aMessage("two"));
    await said("echo one", "echo two");
    clock.move(ms);
    await world.push(aMessage("three"), aMessage("four"));
    await said("echo one", "echo two", "echo three", "echo four");
    await vi.waitFor(world.settled, soon);
  });

  test.for(JUMPS.filter(([, ms]) => ms < 0))("that a token was awaited in goes on, %i days later", async ([, ms]) => {
    const clock = await begin();
    await world.push(...["one", "two", "three"].map((text) => aMessage(text)));
    await said("echo one", "echo two");
    await vi.waitFor(async () => expect((await world.ledger.figures(0)).openTurns).toBe(1), soon);
    clock.move(ms);
    await world.app.sweep();
    await said("echo one", "echo two", "echo three");
  });

  test.for(JUMPS.filter(([, ms]) => ms < 0))(
    "of a runner that died goes on with its successor, %i days off",
    async ([, ms]) => {
      const clock = movingClock();
      world = await composed({ guide: { backend: { use: "scripted" } } }, {}, clock);
      await world.joined(ALICE, GUIDE);
      await world.push(aMessage("markdown"));
      await vi.waitFor(() => expect(world.bodies()).toHaveLength(1), soon);
      await world.ledger.claim("room:!room", "dead", clock.now(), 30_000);
      clock.move(ms);
      await world.push(aMessage("markdown"));
      await world.another("successor").sweep();
      await vi.waitFor(() => expect(world.bodies()).toHaveLength(2), soon);
    },
  );
});

describe("a jump forward", () => {
  test.for(JUMPS.filter(([, ms]) => ms > 0))(
    "by %i days deletes nothing for an hour, and is a problem that long",
    async ([, ms]) => {
      const clock = await begin();
      const asked = aMessage("one");
      await world.push(asked);
      await said("echo one");
      await world.app.sweep();
      await world.app.tend();
      expect(await problems()).toEqual([]);
      clock.move(ms);
      const look = async () => {
        await world.app.sweep();
        await world.app.tend();
        return (await world.ledger.event(asked.event_id)) !== undefined;
      };
      expect(await look()).toBe(true);
      expect(await problems()).toEqual([expect.stringMatching(/^the time is much later/)]);
      clock.move(HOUR_MS / 2);
      expect(await look()).toBe(true);
      clock.move(HOUR_MS / 2 + 1_000);
      expect(await look()).toBe(false);
      expect(await problems()).toEqual([]);
    },
  );

  test("that ends a clock set back by a year deletes nothing of what is there", async () => {
    const clock = await begin();
    const asked = aMessage("one");
    await world.push(asked);
    await said("echo one");
    for (const ms of [0, -365 * DAY_MS, 365 * DAY_MS, HOUR_MS / 2, HOUR_MS / 2 + 1_000]) {
      clock.move(ms);
      await world.app.sweep();
      await world.app.tend();
      expect((await world.ledger.known([asked.event_id])).size).toBe(1);
    }
  });

  test("that is taken back is doubted no more", async () => {
    const clock = await begin();
    await world.app.sweep();
    clock.move(365 * DAY_MS);
    await world.app.sweep();
    clock.move(-365 * DAY_MS);
    await world.app.sweep();
    expect(await problems()).toEqual([]);
  });
});
