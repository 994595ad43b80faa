/**
 * Chaos: many conversations, while the bridge is killed, started twice and has its clock moved (and the homeserver is
 * killed, and its database put back to a copy, on the Node host), a backend hangs and the homeserver fails in one room. In the end every message elsewhere
 * must have been answered once, in the order of its conversation. The report names every exception.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { mulberry32 } from "#testing/chance.ts";
import { startUnkindHomeserver, type UnkindHomeserver } from "#testing/unkind/index.ts";
import { applyAgents, freePort, type HostKind, type HostSettings } from "../hosts.ts";
import { type Model, startModel } from "../model.ts";
import { type Bridge, startBridge } from "./disturbances.ts";
import { GHOST, NOTHING_LOST, type Reckoning, type Restored, reckon, unanswered } from "./reckoning.ts";

/** What may happen besides kills. */
export interface Trials {
  /** A start overlaps with its predecessor. Node only. */
  overlaps: boolean;
  /** The clock jumps by a day or a year. Node only. */
  clock: boolean;
  /** One agent's backend never answers, and the homeserver answers 500 to everything in one room. */
  broken: boolean;
  /** The homeserver's database is put back to a copy of it, in the middle. Node only. */
  restored: boolean;
}

export interface ChaosOptions {
  kind: HostKind;
  sessions: number;
  messages: number;
  kills: number;
  seed: number;
  trials: Trials;
  /** Called now and then with a line about the progress. */
  progress: (line: string) => void;
}

export interface ChaosReport extends Reckoning {
  kills: number;
  overlaps: number;
  clockMoves: number;
  homeserverKills: number;
  /** How often the homeserver was restored. */
  restores: number;
  /** Messages that it lost by that: they are in no room any more. */
  gone: number;
  /** Messages without an answer in the copy: the answer they were given later may be lost. */
  excused: number;
  messages: number;
  /** Backend calls. There are more calls than messages, because kills interrupt some. */
  asked: number;
  /** Events that the homeserver forgot when it was killed, and that the bridge had to find. */
  forgotten: number;
  repeatedSends: number;
  drainMs: number;
}

const HANGING_GHOST = "@agent_hang:hs.test";
const TOKENS = { asToken: "as-token-of-chaos", hsToken: "hs-token-of-chaos", adminToken: "admin-token-of-chaos" };
/** Kills of the bridge for each kill of the homeserver. */
const KILLS_A_HOMESERVER_KILL = 8;
/** The run ends after this long without a new answer. */
const DRAIN_MS = 150_000;
const CLOCK_CHANCE = 0.3;
/** When the homeserver's database is copied, and when the copy is put in its place: the share of the kills that are done. */
const [COPIED, RESTORED] = [0.4, 0.6];
/** How many rooms talk to the agent whose backend hangs. */
const HANGING_ROOMS = 8;
const CHANCES = 5;

interface Stage {
  options: ChaosOptions;
  homeserver: UnkindHomeserver;
  model: Model;
  bridge: Bridge;
  random: () => number;
  rooms: string[];
  /** Rooms in which no answer can come: of the hanging agent, and the one that the homeserver fails. */
  hopelessRooms: string[];
  hopeless: () => number;
  /** The questions in each other room, in order. */
  asked: Map<string, string[]>;
  /** Questions that were open when the homeserver was killed. They may have been pushed at any later time. */
  shaken: Set<string>;
  /** The loss of the homeserver when it was restored. */
  restored: Restored;
}

export async function chaos(options: ChaosOptions): Promise<ChaosReport> {
  const folder = mkdtempSync(join(tmpdir(), "troupe-chaos-"));
  // Each draws from a row of its own, so that two runs with different trials have the same kills at the same places.
  const chance = (nth: number) => mulberry32(options.seed * CHANCES + nth);
  const homeserver = await unkindHomeserver(options.seed);
  const model = await startModel({ slow: 0.1, broken: 0.01, random: chance(0) });
  const hanging = await startModel({ slow: 0, broken: 0, random: chance(1), hangs: true });
  const settings: HostSettings = {
    homeserver: homeserver.url,
    serverName: "hs.test",
    ...TOKENS,
    port: await freePort(),
    folder,
    env: { SENDER_TURNS_PER_MINUTE: "0", ROOM_TURNS_PER_MINUTE: "0", TURNS_AT_ONCE: "500", TEND_SECONDS: "2" },
  };
  const isNode = options.kind === "node";
  const [overlaps, clock] = [options.trials.overlaps && isNode, options.trials.clock && isNode];
  let bridge: Bridge | undefined;
  try {
    let url = "";
    const pushTo = (to: string) => {
      url = to;
      homeserver.appservice(to);
    };
    bridge = await startBridge({ kind: options.kind, settings, random: chance(2), overlaps, clock, pushTo });
    await applyAgents({ url }, TOKENS.adminToken, [
      agentOf("echo", model.url),
      // An agent in no room has no account, and what it asks is refused.
      ...(options.trials.broken ? [agentOf("hang", hanging.url)] : []),
    ]);
    const stage = await stageOf({ options, homeserver, model, bridge, random: chance(3), hopeless: chance(4) });
    const homeserverKills = await storm(stage);
    return await report(stage, homeserverKills);
  } finally {
    await bridge?.kill();
    await homeserver.stop();
    model.close();
    hanging.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

const unkindHomeserver = (seed: number): Promise<UnkindHomeserver> =>
  startUnkindHomeserver({
    asToken: TOKENS.asToken,
    hsToken: TOKENS.hsToken,
    seed,
    timeoutMs: 2_000,
    recoveryMs: 200,
    unkindness: {
      lostAnswers: 0.02,
      lostRequests: 0.01,
      broken: 0.01,
      limited: 0.01,
      retryAfterMs: 200,
      unheard: 0.02,
    },
  });

const agentOf = (id: string, modelUrl: string) => ({
  id,
  name: id,
  backend: { use: "openai", baseUrl: modelUrl, model: "m" },
  turns: { eventAge: 86_400, replyAge: 86_400, queue: 1_000, turnsAtOnce: 500 },
});

/** The ghosts join each room by an invitation that the bridge accepts, so that the bridge knows the members. */
async function stageOf(
  given: Omit<Stage, "rooms" | "hopelessRooms" | "asked" | "shaken" | "restored">,
): Promise<Stage> {
  const { homeserver, options } = given;
  const roomWith = (user: string, ghost: string): string => {
    const room = homeserver.createRoom(user, ghost);
    homeserver.leave(room, ghost);
    homeserver.invite(room, user, ghost, { is_direct: true });
    return room;
  };
  const rooms = Array.from({ length: options.sessions }, (_, n) => roomWith(userOf(n), GHOST));
  const hopelessRooms: string[] = [];
  if (options.trials.broken) {
    for (let n = 0; n < HANGING_ROOMS; n++) hopelessRooms.push(roomWith(hopelessUser(n), HANGING_GHOST));
    hopelessRooms.push(roomWith(hopelessUser(HANGING_ROOMS), GHOST));
  }
  await homeserver.settle({ quietMs: 1_500, withinMs: 120_000 });
  if (options.trials.broken) homeserver.breakRoom(hopelessRooms.at(-1) ?? "");
  return {
    ...given,
    rooms,
    hopelessRooms,
    asked: new Map(rooms.map((room) => [room, []])),
    shaken: new Set(),
    restored: NOTHING_LOST,
  };
}

const userOf = (n: number) => `@u${n}:hs.test`;
const hopelessUser = (n: number) => `@h${n}:hs.test`;

/** Sends messages and kills processes until there were enough of both. Returns how often the homeserver was killed. */
async function storm(stage: Stage): Promise<number> {
  const { options, bridge, random } = stage;
  let [said, reported, homeserverKills] = [0, 0, 0];
  const restore = restorer(stage);
  const perKill = Math.ceil(options.messages / (options.kills + 1));
  while (bridge.counts.kills < options.kills || said < options.messages) {
    for (let n = 0; n < perKill && said < options.messages; n++) {
      say(stage, ++said);
      await sleep(random() * 10);
    }
    await restore();
    if (bridge.counts.kills >= options.kills) continue;
    sayInHopelessRooms(stage, said);
    await sleep(random() * 700);
    if (random() < CLOCK_CHANCE) bridge.moveClock();
    if (options.kind === "node" && random() < 1 / KILLS_A_HOMESERVER_KILL) {
      homeserverKills++;
      await killHomeserver(stage);
    }
    await bridge.restart();
    const { kills } = bridge.counts;
    if (kills - reported < 10) continue;
    reported = kills;
    options.progress(`${kills} of ${options.kills} kills, ${said} of ${options.messages} messages`);
  }
  return homeserverKills;
}

/** Copies the homeserver's database when it is time, and puts the copy back when that is; once. */
function restorer(stage: Stage): () => Promise<void> {
  const { options, homeserver, bridge, asked } = stage;
  let copy: ReturnType<UnkindHomeserver["copy"]> | undefined;
  let open: string[] = [];
  let before = new Map<string, number>();
  return async () => {
    if (!options.trials.restored || options.kind !== "node" || stage.restored !== NOTHING_LOST) return;
    const done = bridge.counts.kills / options.kills;
    if (!copy && done >= COPIED) {
      copy = homeserver.copy();
      open = unanswered(homeserver, asked);
      before = new Map([...asked].map(([room, questions]) => [room, questions.length]));
    }
    if (!copy || done < RESTORED) return;
    const gone = new Set([...asked].flatMap(([room, questions]) => questions.splice(before.get(room) ?? 0)));
    stage.restored = { gone, excused: new Set(open) };
    for (const question of open) stage.shaken.add(question);
    await homeserver.restore(copy);
  };
}

async function killHomeserver({ homeserver, asked, shaken, random }: Stage): Promise<void> {
  for (const question of unanswered(homeserver, asked)) shaken.add(question);
  await homeserver.restart();
  await sleep(random() * 300);
}

function say({ homeserver, rooms, random, asked }: Stage, number: number): void {
  const at = Math.floor(random() * rooms.length);
  const room = rooms[at] ?? "";
  const text = `m${number}`;
  homeserver.say(room, userOf(at), text);
  asked.get(room)?.push(text);
}

function sayInHopelessRooms({ homeserver, hopelessRooms, hopeless }: Stage, number: number): void {
  if (hopelessRooms.length === 0) return;
  const at = Math.floor(hopeless() * hopelessRooms.length);
  homeserver.say(hopelessRooms[at] ?? "", hopelessUser(at), `h${number}`);
}

async function report(stage: Stage, homeserverKills: number): Promise<ChaosReport> {
  const { options, homeserver, model, asked, bridge } = stage;
  const startedAt = performance.now();
  await drained(stage);
  const drainMs = Math.round(performance.now() - startedAt);
  const { shaken, restored } = stage;
  const reckoning = reckon(homeserver, asked, shaken, restored);
  const violations = homeserver.violations.map((violation) => `the bridge was not allowed to: ${violation}`);
  const { fromMemory, fromStore } = homeserver.counts;
  return {
    ...bridge.counts,
    homeserverKills,
    restores: restored === NOTHING_LOST ? 0 : 1,
    gone: restored.gone.size,
    excused: restored.excused.size,
    messages: options.messages,
    asked: model.asked(),
    forgotten: homeserver.lost.length,
    repeatedSends: fromMemory + fromStore,
    drainMs,
    ...reckoning,
    exceptions: [...reckoning.exceptions, ...violations],
  };
}

/** Waits until everything is answered or no more answers arrive. */
async function drained({ homeserver, asked, options, restored }: Stage): Promise<void> {
  const total = [...asked.values()].flat().length;
  const left = () => unanswered(homeserver, asked).filter((question) => !restored.excused.has(question)).length;
  let [last, lastAt] = [left(), Date.now()];
  while (last > 0 && Date.now() - lastAt < DRAIN_MS) {
    await sleep(500);
    const now = left();
    if (now !== last) [last, lastAt] = [now, Date.now()];
    options.progress(`${total - now} of ${total} answered`);
  }
  // Time for a second answer, which would be an error.
  await sleep(3_000);
}
