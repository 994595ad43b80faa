/**
 * Chaos: many conversations, while the bridge is killed again and again (and the homeserver too, on the Node host). In the
 * end every message must have been answered once, in the order of its conversation. The report names every exception.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { mulberry32 } from "#testing/chance.ts";
import { startUnkindHomeserver, type UnkindHomeserver } from "#testing/unkind/index.ts";
import { applyAgents, freePort, type HostKind, type HostSettings, type RunningHost, startHost } from "./hosts.ts";
import { type Model, startModel } from "./model.ts";

export interface ChaosOptions {
  kind: HostKind;
  sessions: number;
  messages: number;
  kills: number;
  seed: number;
  /** Called now and then with a line about the progress. */
  progress: (line: string) => void;
}

export interface ChaosReport {
  kills: number;
  homeserverKills: number;
  messages: number;
  /** Visible answers, including those that a kill interrupted and that say so. */
  answers: number;
  interrupted: number;
  /** Backend calls. There are more calls than messages, because kills interrupt some. */
  asked: number;
  /** Events that the homeserver forgot when it was killed, and that the bridge had to find. */
  forgotten: number;
  /** Messages answered after a later one, because a killed homeserver pushed them late. */
  late: number;
  repeatedSends: number;
  drainMs: number;
  /** Everything else: a message without an answer, with two, with one out of order, or with an apology. */
  exceptions: string[];
}

const GHOST = "@agent_echo:hs.test";
const TOKENS = { asToken: "as-token-of-chaos", hsToken: "hs-token-of-chaos", adminToken: "admin-token-of-chaos" };
/** Kills of the bridge for each kill of the homeserver. */
const KILLS_A_HOMESERVER_KILL = 8;
/** The run ends after this long without a new answer. */
const DRAIN_MS = 150_000;

interface Stage {
  options: ChaosOptions;
  homeserver: UnkindHomeserver;
  model: Model;
  settings: HostSettings;
  random: () => number;
  rooms: string[];
  /** The questions in each room, in order. */
  asked: Map<string, string[]>;
  /** Questions that were open when the homeserver was killed. They may have been pushed at any later time. */
  shaken: Set<string>;
  host: RunningHost;
}

export async function chaos(options: ChaosOptions): Promise<ChaosReport> {
  const folder = mkdtempSync(join(tmpdir(), "troupe-chaos-"));
  const random = mulberry32(options.seed);
  const homeserver = await startUnkindHomeserver({
    asToken: TOKENS.asToken,
    hsToken: TOKENS.hsToken,
    seed: options.seed,
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
  const model = await startModel({ slow: 0.1, broken: 0.01, random });
  const settings: HostSettings = {
    homeserver: homeserver.url,
    serverName: "hs.test",
    ...TOKENS,
    port: await freePort(),
    folder,
    env: { SENDER_TURNS_PER_MINUTE: "0", ROOM_TURNS_PER_MINUTE: "0", TURNS_AT_ONCE: "500", TEND_SECONDS: "2" },
  };
  const rooms = Array.from({ length: options.sessions }, (_, n) => homeserver.createRoom(`@u${n}:hs.test`, GHOST));
  let host: RunningHost | undefined;
  try {
    host = await startHost(options.kind, settings);
    homeserver.appservice(host.url);
    await applyAgents(host, TOKENS.adminToken, [agentOf(model.url)]);
    const stage: Stage = {
      options,
      homeserver,
      model,
      settings,
      random,
      rooms,
      asked: new Map(),
      shaken: new Set(),
      host,
    };
    await enterRooms(stage);
    const homeserverKills = await storm(stage);
    host = stage.host;
    return await reckon(stage, homeserverKills);
  } finally {
    await host?.kill();
    await homeserver.stop();
    model.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

const agentOf = (modelUrl: string) => ({
  id: "echo",
  name: "Echo",
  backend: { use: "openai", baseUrl: modelUrl, model: "m" },
  turns: { eventAge: 86_400, replyAge: 86_400, queue: 1_000, turnsAtOnce: 500 },
});

/** The ghost joins each room by an invitation that the bridge accepts, so that the bridge knows the members. */
async function enterRooms({ homeserver, rooms, asked }: Stage): Promise<void> {
  for (const [n, room] of rooms.entries()) {
    homeserver.leave(room, GHOST);
    homeserver.invite(room, `@u${n}:hs.test`, GHOST, { is_direct: true });
    asked.set(room, []);
  }
  await homeserver.settle({ quietMs: 1_500, withinMs: 120_000 });
}

/** Sends messages and kills processes until there were enough of both. Returns how often the homeserver was killed. */
async function storm(stage: Stage): Promise<number> {
  const { options, homeserver, random } = stage;
  let [said, kills, homeserverKills] = [0, 0, 0];
  const perKill = Math.ceil(options.messages / (options.kills + 1));
  while (kills < options.kills || said < options.messages) {
    for (let n = 0; n < perKill && said < options.messages; n++) {
      say(stage, ++said);
      await sleep(random() * 10);
    }
    if (kills >= options.kills) continue;
    await sleep(random() * 700);
    if (options.kind === "node" && random() < 1 / KILLS_A_HOMESERVER_KILL) {
      homeserverKills++;
      for (const question of unanswered(stage)) stage.shaken.add(question);
      await homeserver.restart();
      await sleep(random() * 300);
    }
    await stage.host.kill();
    kills++;
    stage.host = await startHost(options.kind, stage.settings);
    if (kills % 10 === 0)
      options.progress(`${kills} of ${options.kills} kills, ${said} of ${options.messages} messages`);
  }
  return homeserverKills;
}

function say({ homeserver, rooms, random, asked }: Stage, number: number): void {
  const at = Math.floor(random() * rooms.length);
  const room = rooms[at] ?? "";
  const text = `m${number}`;
  homeserver.say(room, `@u${at}:hs.test`, text);
  asked.get(room)?.push(text);
}

function unanswered({ homeserver, asked }: Stage): string[] {
  return [...asked].flatMap(([room, questions]) => {
    const answered = new Set(homeserver.visible(room).map(({ body }) => body.match(ANSWER)?.[1]));
    return questions.filter((question) => !answered.has(question));
  });
}

const ANSWER = /^re (m\d+)\b/;

async function reckon(stage: Stage, homeserverKills: number): Promise<ChaosReport> {
  const { options, homeserver, model, asked } = stage;
  const startedAt = performance.now();
  await drained(stage);
  const drainMs = Math.round(performance.now() - startedAt);
  const exceptions: string[] = [];
  let [answers, interrupted, late] = [0, 0, 0];
  for (const [room, questions] of asked) {
    const said = homeserver.visible(room).filter(({ sender }) => sender === GHOST);
    const answered = said.map(({ body }) => body.match(ANSWER)?.[1] ?? body);
    answers += said.length;
    interrupted += said.filter(({ body }) => body.includes("interrupted")).length;
    const { wrong, behind } = compare(room, questions, answered);
    const excused = behind.filter((question) => stage.shaken.has(question));
    late += excused.length;
    const outOfOrder = behind.filter((question) => !stage.shaken.has(question));
    exceptions.push(...wrong, ...outOfOrder.map((question) => `${room}: ${question} was answered after a later one`));
  }
  exceptions.push(...homeserver.violations.map((violation) => `the bridge was not allowed to: ${violation}`));
  const { fromMemory, fromStore } = homeserver.counts;
  return {
    kills: options.kills,
    homeserverKills,
    messages: options.messages,
    answers,
    interrupted,
    drainMs,
    exceptions,
    asked: model.asked(),
    forgotten: homeserver.lost.length,
    late,
    repeatedSends: fromMemory + fromStore,
  };
}

/** The errors in a room, and the questions that were answered after a later one. */
function compare(room: string, questions: readonly string[], answers: readonly string[]) {
  const missing = questions.filter((question) => !answers.includes(question));
  const twice = answers.filter((answer, at) => answers.indexOf(answer) !== at);
  const strange = answers.filter((answer) => !questions.includes(answer));
  const places = questions.map((question) => answers.indexOf(question));
  const behind = questions.filter((_, at) =>
    places.slice(at + 1).some((place) => place >= 0 && place < (places[at] ?? -1)),
  );
  return {
    wrong: [
      ...missing.map((question) => `${room}: ${question} was not answered`),
      ...twice.map((answer) => `${room}: ${answer} was answered twice`),
      ...strange.map((answer) => `${room}: "${answer}" answers nothing`),
    ],
    behind,
  };
}

/** Waits until everything is answered or no more answers arrive. */
async function drained({ homeserver, asked, options }: Stage): Promise<void> {
  const total = [...asked.values()].flat().length;
  const count = () =>
    [...asked.keys()].reduce(
      (sum, room) => sum + homeserver.visible(room).filter(({ sender }) => sender === GHOST).length,
      0,
    );
  let [last, lastAt] = [count(), Date.now()];
  while (last < total && Date.now() - lastAt < DRAIN_MS) {
    await sleep(500);
    const now = count();
    if (now !== last) [last, lastAt] = [now, Date.now()];
    options.progress(`${now} of ${total} answered`);
  }
  // Time for a second answer, which would be an error.
  await sleep(3_000);
}
