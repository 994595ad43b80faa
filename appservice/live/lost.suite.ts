/**
 * The drill of what homeservers and bridges lose, on a real Synapse. After each loss everything answers again within a
 * minute of its cause being gone, without a restart of the bridge, and nothing is answered twice.
 */
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, onTestFailed, test } from "vitest";
import { stringify } from "yaml";
import { eventually, type LiveClient } from "./client.ts";
import { applyAgents, type HostKind } from "./hosts.ts";
import { type Operator, registerOperator } from "./operator.ts";
import { openWorld, SERVER_NAME, type World } from "./world.ts";

const ghost = (agent: string) => `@agent_${agent}:${SERVER_NAME}`;
const [ECHO, GUIDE, LATE] = [ghost("echo"), ghost("guide"), ghost("late")];
const AGENTS = ["echo", "guide", "late"].map((id) => ({ id, name: id, backend: { use: "echo" } }));
const MINUTE_MS = 60_000;
/** The upkeep comes once a minute, and takes a moment. */
const UPKEEP_MS = MINUTE_MS + 5_000;
/** How long the tests wait for a second answer. */
const QUIET_MS = 3_000;

/** Synapse's database, also the parts of it that SQLite has not merged yet. */
const isDatabase = (file: string) => file.startsWith("homeserver.db");

/** One test of the drill. `stage` is opened anew for each suite, and one test goes on where the one before ended. */
interface Stage {
  kind: HostKind;
  world: World;
  operator: Operator;
  alice: LiveClient;
  /** A direct chat with Echo, and a room with Echo and Guide. */
  chat: string;
  room: string;
}

export function lostSuite(kind: HostKind, extent: "short" | "long"): void {
  describe(`what is lost, on ${kind}`, () => {
    const stage = { kind } as Stage;
    const folder = mkdtempSync(join(tmpdir(), "troupe-lost-"));
    beforeAll(async () => {
      stage.world = await openWorld(kind, AGENTS, configurationIn(folder));
      await populate(stage);
    });
    afterAll(async () => {
      await stage.world?.close();
      rmSync(folder, { recursive: true, force: true });
    });

    const drill = (name: string, act: (stage: Stage) => Promise<void>) =>
      test(name, { timeout: 4 * MINUTE_MS }, async () => {
        onTestFailed(() => {
          process.stdout.write(`${stage.world.host.log().split("\n").slice(-60).join("\n")}\n`);
        });
        await act(stage);
      });

    drill("the ledger: the next message is answered, and so is one that was said meanwhile", loseLedger);
    drill("the device of an agent", loseDevice);
    if (extent === "long") {
      drill("the host: its successor on the other platform begins with nothing", moveHost);
      drill("an agent that was kicked and invited again while the bridge was down", kickMeanwhile);
      drill("an account that is deactivated and given back", loseAccount);
      drill("the last hour of the homeserver", restoreHomeserver);
      drill("the answer to an invitation, by a homeserver that was restored", reopenInvitation);
    }
    drill("everything on the homeserver", emptyHomeserver);
  });
}

/** The Node host reads its agents from a file, so it has them before anything is pushed. The Worker has no files. */
function configurationIn(folder: string): Record<string, string> {
  const file = join(folder, "troupe.yaml");
  writeFileSync(file, stringify({ agents: Object.fromEntries(AGENTS.map(({ id, ...agent }) => [id, agent])) }));
  return { TROUPE_FILE: file };
}

/** Alice and her rooms, with an answer in each. */
async function populate(stage: Stage): Promise<void> {
  const { world } = stage;
  const { homeserver } = world.settings;
  stage.alice = await world.user("alice");
  stage.operator = await registerOperator(homeserver, world.homeserverFolder, "operator");
  stage.chat = await directChat(stage, ECHO);
  stage.room = await stage.alice.createRoom([ECHO, GUIDE, world.bob.userId]);
  for (const agent of [ECHO, GUIDE]) await joined(stage, stage.room, agent);
  await asks(stage, stage.chat, ECHO);
  await asks(stage, stage.room, GUIDE);
}

/** In a direct chat nobody is mentioned: the agent has to know that it is one. */
const chats = new Set<string>();

async function directChat({ alice }: Stage, agent: string): Promise<string> {
  const chat = await alice.createRoom([agent], { is_direct: true });
  chats.add(chat);
  return chat;
}

async function joined({ alice }: Stage, room: string, agent: string, withinMs = MINUTE_MS): Promise<void> {
  await eventually(async () => {
    const members = await alice.call("GET", `/rooms/${encodeURIComponent(room)}/joined_members`);
    expect(Object.keys(members["joined"] as object)).toContain(agent);
  }, withinMs);
}

let questions = 0;
const say = async ({ alice }: Stage, room: string, agent: string): Promise<string> => {
  const question = `question ${++questions}`;
  await alice.say(room, question, chats.has(room) ? {} : { "m.mentions": { user_ids: [agent] } });
  return question;
};

/** Says something to an agent and expects one answer. */
async function asks(stage: Stage, room: string, agent: string): Promise<void> {
  await answered(stage, room, agent, await say(stage, room, agent));
}

/** All answers to this question; edits are none. */
async function answersTo({ alice }: Stage, room: string, agent: string, question: string): Promise<number> {
  const said = await alice.by(room, agent);
  return said.filter(({ content }) => content["body"] === `echo ${question}`).length;
}

async function answered(stage: Stage, room: string, agent: string, question: string): Promise<void> {
  await eventually(async () => expect(await answersTo(stage, room, agent, question)).toBe(1), MINUTE_MS);
}

/** Every question of a room that this agent was asked has one answer, and no further one comes. */
async function answeredOnce(stage: Stage, room: string, agent: string): Promise<void> {
  await sleep(QUIET_MS);
  const bodies = (await stage.alice.by(room, agent)).map(({ content }) => String(content["body"]));
  expect(bodies.filter((body, at) => bodies.indexOf(body) !== at)).toEqual([]);
}

const apply = ({ world }: Stage) => applyAgents(world.host, world.settings.adminToken, AGENTS);

/** Removes everything in the host's folder: its ledger, whichever host it is. */
function emptyFolder({ settings }: World): void {
  rmSync(settings.folder, { recursive: true, force: true });
  mkdirSync(settings.folder);
}

async function loseLedger(stage: Stage): Promise<void> {
  const { world, chat, room } = stage;
  let meanwhile = "";
  await world.restartHost(async () => {
    emptyFolder(world);
    meanwhile = await say(stage, chat, ECHO);
  });
  await apply(stage);
  await asks(stage, room, GUIDE);
  await asks(stage, chat, ECHO);
  // The Worker may have been pushed it before it was given agents.
  if (stage.kind === "node") await answered(stage, chat, ECHO, meanwhile);
  await answeredOnce(stage, chat, ECHO);
  await answeredOnce(stage, room, GUIDE);
}

async function loseDevice(stage: Stage): Promise<void> {
  await stage.operator.deleteDevice(ECHO, "TROUPE");
  await asks(stage, stage.chat, ECHO);
  await answeredOnce(stage, stage.chat, ECHO);
}

async function moveHost(stage: Stage): Promise<void> {
  const { world, chat, room } = stage;
  const [here, there] = [world.settings.folder, `${world.settings.folder}-of-the-other`];
  mkdirSync(there);
  world.settings.folder = there;
  await world.restartHost(undefined, stage.kind === "node" ? "worker" : "node");
  await apply(stage);
  await asks(stage, chat, ECHO);
  await asks(stage, room, GUIDE);
  // And back: the old ledger knows nothing of what the other host answered.
  world.settings.folder = here;
  await world.restartHost();
  await asks(stage, chat, ECHO);
  await asks(stage, room, GUIDE);
  await answeredOnce(stage, chat, ECHO);
  await answeredOnce(stage, room, GUIDE);
}

async function kickMeanwhile(stage: Stage): Promise<void> {
  const { world, alice, room } = stage;
  const act = (what: string) => alice.call("POST", `/rooms/${encodeURIComponent(room)}/${what}`, { user_id: GUIDE });
  await world.restartHost(() => act("kick"));
  await asks(stage, room, ECHO);
  await world.restartHost(() => act("invite"));
  await joined(stage, room, GUIDE);
  await asks(stage, room, GUIDE);
  await world.restartHost(async () => {
    await act("kick");
    await act("invite");
  });
  await joined(stage, room, GUIDE);
  await asks(stage, room, GUIDE);
  await answeredOnce(stage, room, GUIDE);
}

async function loseAccount(stage: Stage): Promise<void> {
  const { operator, alice, chat } = stage;
  await operator.deactivate(ECHO);
  await sleep(QUIET_MS);
  await operator.reactivate(ECHO);
  // The new invitation is to an ordinary room.
  chats.delete(chat);
  await alice.call("POST", `/rooms/${encodeURIComponent(chat)}/invite`, { user_id: ECHO });
  await joined(stage, chat, ECHO);
  await asks(stage, chat, ECHO);
  await answeredOnce(stage, chat, ECHO);
  stage.chat = await directChat(stage, ECHO);
  await asks(stage, stage.chat, ECHO);
}

/** Copies the database of a Synapse that is stopped; `back` puts the copy in its place. */
function copyDatabase({ homeserverFolder }: World, back = false): void {
  const copy = join(homeserverFolder, "copy");
  const [from, to] = back ? [copy, homeserverFolder] : [homeserverFolder, copy];
  if (back) removeDatabase(homeserverFolder);
  mkdirSync(to, { recursive: true });
  for (const file of readdirSync(from).filter(isDatabase)) cpSync(join(from, file), join(to, file));
}

function removeDatabase(folder: string): void {
  for (const file of readdirSync(folder).filter(isDatabase)) rmSync(join(folder, file));
  expect(existsSync(join(folder, "homeserver.db"))).toBe(false);
}

async function restoreHomeserver(stage: Stage): Promise<void> {
  const { world, chat, room } = stage;
  await world.restartHomeserver("stopped", () => copyDatabase(world));
  await asks(stage, chat, ECHO);
  // Late has no account in the copy.
  const lost = await directChat(stage, LATE);
  await asks(stage, lost, LATE);
  await world.restartHomeserver("stopped", () => copyDatabase(world, true));
  await asks(stage, chat, ECHO);
  await asks(stage, room, GUIDE);
  const anew = await directChat(stage, LATE);
  await asks(stage, anew, LATE);
  await answeredOnce(stage, chat, ECHO);
  await answeredOnce(stage, room, GUIDE);
}

async function reopenInvitation(stage: Stage): Promise<void> {
  const { world } = stage;
  let pending = "";
  await world.restartHost(async () => {
    pending = await directChat(stage, ECHO);
    await world.restartHomeserver("stopped", () => copyDatabase(world));
  });
  await joined(stage, pending, ECHO);
  await asks(stage, pending, ECHO);
  await world.restartHomeserver("stopped", () => copyDatabase(world, true));
  // Nothing is pushed that would tell of it.
  await joined(stage, pending, ECHO, UPKEEP_MS);
  await asks(stage, pending, ECHO);
  await answeredOnce(stage, pending, ECHO);
}

async function emptyHomeserver(stage: Stage): Promise<void> {
  await stage.world.restartHomeserver("stopped", () => removeDatabase(stage.world.homeserverFolder));
  await populate(stage);
  await answeredOnce(stage, stage.chat, ECHO);
}
