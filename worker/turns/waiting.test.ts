/** Turns that wait for a place: what that costs, who is woken, and that nobody is forgotten whatever happens. */
import { afterEach, expect, test } from "vitest";
import { AgentId } from "#core/protocol/ids.ts";
import { type LaneId, sessionLane } from "#core/turn/lane.ts";
import { SessionKey } from "#core/turn/turn.ts";
import type { Ledger } from "#ports/ledger.ts";
import { Dice } from "#testing/chance.ts";
import type { DatabaseCall } from "#testing/database-calls.ts";
import { delta, FINISH, type Lanes, lanesOn, type Script } from "#testing/lanes.ts";
import { aPrompt, aSpec, aTurn, settled } from "#testing/ledger-rows.ts";
import { type TemporaryLedger, temporaryLedger } from "#testing/temp-ledger.ts";
import { type VirtualClock, virtualClock } from "#testing/virtual-clock.ts";
import { grantMissed } from "../lanes/places.ts";

const MINUTE_MS = 60_000;
const PLACES = 5;

let opened: TemporaryLedger | undefined;
afterEach(() => opened?.close());

interface World {
  ledger: Ledger;
  clock: VirtualClock;
  lanes: Lanes;
  calls: DatabaseCall[];
  /** Ends the turn of a session that runs. */
  finish(session: string): void;
  /** The sessions whose turns run, in the order in which they began. */
  running: string[];
  most: number;
}

/** A world whose backend answers when the test says so. */
async function world(options: { over?: (ledger: Ledger) => Partial<Ledger>; perMinute?: number } = {}): Promise<World> {
  const calls: DatabaseCall[] = [];
  opened = await temporaryLedger(calls);
  const { ledger } = opened;
  const slow = { turnTime: 7_200, firstText: 7_200, replyAge: 86_400 };
  const cap = (turnsAtOnce: number) => ({ turns: { ...slow, turnsAtOnce } });
  await ledger.setAgents([aSpec("echo", cap(3)), aSpec("guide", cap(1)), aSpec("solo", cap(50))]);
  const clock = virtualClock();
  const ends = new Map<string, () => void>();
  const running: string[] = [];
  const it = { running, most: 0 };
  const script: Script = async function* ({ session: { key } }, { signal }) {
    running.push(key);
    it.most = Math.max(it.most, running.length);
    await new Promise<void>((resolve) => {
      ends.set(key, resolve);
      signal.addEventListener("abort", () => resolve());
    });
    running.splice(running.indexOf(key), 1);
    yield* signal.aborted ? [{ type: "abort" as const }] : [delta("done"), FINISH];
  };
  const lanes = lanesOn({
    ledger: { ...ledger, ...options.over?.(ledger) },
    clock,
    script,
    turnsAtOnce: PLACES,
    turnMsMax: 7_200_000,
    senderPerMinute: options.perMinute ?? 0,
  });
  return Object.assign(it, { ledger, clock, lanes, calls, finish: (session: string) => ends.get(session)?.() });
}

const laneOf = (name: string): LaneId => sessionLane(SessionKey.parse(name));

/** Stores a turn for each name at once, and rings their lanes. */
async function ask({ ledger, clock, lanes }: World, names: readonly string[], agentOf = (_name: string) => "solo") {
  await settled(ledger, {
    turns: names.map((session) =>
      aTurn({ session, agent: AgentId.parse(agentOf(session)), askedAtMs: clock.now(), prompt: aPrompt(session) }),
    ),
  });
  await lanes.ring(names.map(laneOf));
}

const namesOf = (count: number): string[] => Array.from({ length: count }, (_, n) => `s${String(n).padStart(4, "0")}`);

test("thousands of turns that wait call no database, and each freed place wakes one of them, the oldest", async () => {
  const it = await world();
  const names = namesOf(600);
  await ask(it, names);
  await it.clock.pass(1_000);
  expect(it.running).toEqual(names.slice(0, PLACES));
  it.calls.length = 0;
  await it.clock.pass(9 * MINUTE_MS);
  expect(it.calls.filter(({ method }) => method !== "renew")).toEqual([]);
  expect(it.calls.length).toBeLessThanOrEqual(PLACES * 6 * 10);
  for (let next = PLACES; next < PLACES + 10; next++) {
    it.calls.length = 0;
    it.finish(it.running[0] ?? "");
    await it.clock.pass(1_000);
    expect(it.running.at(-1)).toBe(names[next]);
    expect(it.running).toHaveLength(PLACES);
    const claims = it.calls.filter(({ method }) => method === "claim").length;
    // The session that was woken, and the out lane of the answer.
    expect(claims).toBeLessThanOrEqual(2);
  }
}, 60_000);

test("turns of one sender that wait for tokens are each claimed twice, however many they are", async () => {
  const it = await world({ perMinute: 60 });
  const names = namesOf(120);
  await ask(it, names);
  for (let second = 0; second < names.length; second++) {
    for (const name of [...it.running]) it.finish(name);
    await it.clock.pass(1_000);
    await it.lanes.ring(await it.ledger.dueLanes(it.clock.now(), 1_000));
  }
  for (const name of [...it.running]) it.finish(name);
  await it.clock.pass(1_000);
  expect((await it.ledger.figures(0)).openTurns).toBe(0);
  const claims = it.calls.filter(
    ({ method, statements }) => method === "claim" && statements.some((text) => text.includes("open_turn")),
  );
  expect(claims.length).toBeLessThanOrEqual(2.5 * names.length);
}, 60_000);

test.for(Array.from({ length: 6 }, (_, seed) => seed))(
  "whatever order turns end, are stopped and crash in, nobody is forgotten and no limit exceeded, with seed %i",
  { timeout: 60_000 },
  async (seed) => {
    const dice = new Dice(seed);
    const it = await world({
      over: (real) => ({
        async storeAnswer(...given) {
          if (dice.oneIn(6)) throw new Error("killed before it");
          const granted = await real.storeAnswer(...given);
          // The ring for those that were granted the place is lost.
          if (dice.oneIn(6)) throw new Error("killed after it");
          return granted;
        },
        async startAttempt(...given) {
          if (dice.oneIn(12)) throw new Error("killed before it");
          return real.startAttempt(...given);
        },
      }),
    });
    const names = namesOf(40);
    const agents = new Map(names.map((name) => [name, dice.pick(["echo", "guide", "solo"])]));
    await ask(it, names, (name) => agents.get(name) ?? "solo");
    const doorbell = { ring: (lanes: readonly LaneId[]) => it.lanes.ring([...lanes]) };
    const open = async () => (await it.ledger.figures(0)).openTurns;
    for (let step = 0; (await open()) > 0; step++) {
      expect(step).toBeLessThan(2_000);
      const perAgent = (agent: string) => it.running.filter((name) => agents.get(name) === agent).length;
      expect([perAgent("echo") <= 3, perAgent("guide") <= 1, it.running.length <= PLACES]).toEqual([true, true, true]);
      const name = dice.pick(it.running.length > 0 && dice.oneIn(2) ? it.running : names);
      if (dice.oneIn(4)) {
        await settled(it.ledger, { controls: [{ session: SessionKey.parse(name), kind: "stop" }] });
        await it.lanes.ring([laneOf(name)]);
      } else {
        it.finish(name);
      }
      await it.clock.pass(dice.below(3_000));
      // What the hosts do regularly.
      if (dice.oneIn(3)) await it.lanes.ring(await it.ledger.dueLanes(it.clock.now(), 100));
      if (dice.oneIn(10)) await grantMissed({ ...it, doorbell, turnsAtOnce: PLACES });
    }
    expect(it.running).toEqual([]);
  },
);
