/**
 * The playground: a whole world on one machine. A real Synapse, the bridge, two users, two agents; Ctrl-C ends all of it,
 * and the next start finds rooms and history as they were.
 */
import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { styleText } from "node:util";
import type { AgentSpec } from "#core/configuration/agent.ts";
import type { Configuration } from "#core/configuration/configuration.ts";
import { AgentId, ghostUserId } from "#core/protocol/ids.ts";
import { aloneIn } from "../host/alone.ts";
import { configurationOf } from "../host/configuration/given.ts";
import { environmentOrThrow } from "../host/environment.ts";
import { type Stoppable, untilStopped } from "../host/run.ts";
import { type Served, serve } from "../host/serve.ts";
import { PLAYGROUND_FILE } from "./place.ts";
import { settled } from "./sample.ts";
import { installSynapse, registerUser, type Synapse, startSynapse, stopLeftover, UserError } from "./synapse.ts";
import { type Kept, NAMESPACE, readWorld, SERVER_NAME, writeRegistration } from "./world.ts";

const FOLDER = "data/playground";
const VENV = "data/synapse-venv";
const MODEL_SETTINGS = ["OPENAI_BASE_URL", "TROUPE_MODEL"];

const coloured = (): boolean => process.stdout.isTTY === true && !process.env["NO_COLOR"];
const bold = (text: string): string => (coloured() ? styleText("bold", text) : text);
const say = (line: string): void => void process.stdout.write(`${line}\n`);

export const startPlayground = (): Promise<void> => untilStopped(start);

async function start(asked: AbortSignal): Promise<Stoppable> {
  mkdirSync(FOLDER, { recursive: true, mode: 0o700 });
  const alone = await aloneIn(FOLDER);
  if (!alone) throw new UserError("A playground is running here already; talk to it with `npx troupe chat guide`.");
  // Left behind by one that was killed: nothing of it answers.
  rmSync(PLAYGROUND_FILE, { force: true });
  const written = configurationOf(process.env);

  const python = await installSynapse({ venv: VENV, progress: say, signal: asked });
  const dir = resolve(FOLDER, "synapse");
  // Before the ports are looked at: it would hold the one we had.
  await stopLeftover(dir);
  const world = await readWorld(FOLDER);
  const registration = join(FOLDER, "registration.yaml");
  writeRegistration(registration, world);
  say("Starting Synapse and the bridge …");
  const registrationFiles = [registration];
  const synapse = await startSynapse({
    python,
    dir,
    port: world.homeserverPort,
    serverName: SERVER_NAME,
    registrationFiles,
  });
  const started: Stoppable[] = [synapse];
  const stop = async () => {
    rmSync(PLAYGROUND_FILE, { force: true });
    for (const part of started.reverse()) await part.stop();
    alone.leave();
    say("The playground is closed; the next start finds everything as it was.");
  };
  try {
    const { bridge, agents } = await startBridge(world, synapse, written);
    started.push(bridge);
    for (const { user, password } of world.users) await registerUser(synapse, dir, user, password);
    await allAnswer(synapse, bridge);
    if (!asked.aborted) {
      publish(description(world, synapse, bridge, agents));
      welcome(world, synapse, agents);
    }
  } catch (error) {
    await stop();
    throw error;
  }
  const ended = synapse.exited.then(() => {
    if (asked.aborted) return;
    process.stderr.write(`Synapse ended by itself; its log is ${join(dir, "synapse.log")}\n`);
    process.exitCode = 1;
  });
  return { stop, ended };
}

/** Whoever waits for the file must never read half of it. */
function publish(world: object): void {
  const draft = `${PLAYGROUND_FILE}.new`;
  rmSync(draft, { force: true });
  writeFileSync(draft, `${JSON.stringify(world, null, 2)}\n`, { mode: 0o600 });
  renameSync(draft, PLAYGROUND_FILE);
}

/** An agent somebody can talk to; a family is many. */
type Member = AgentSpec & { userId: string };

async function startBridge(world: Kept, synapse: Synapse, written: Configuration | undefined) {
  const environment = environmentOrThrow({
    HOMESERVER_URL: synapse.url,
    SERVER_NAME,
    AS_TOKEN: world.asToken,
    HS_TOKEN: world.hsToken,
    ADMIN_TOKEN: world.adminToken,
    ...(process.env["SECRET_KEY"] ? { SECRET_KEY: process.env["SECRET_KEY"] } : {}),
    PORT: String(world.bridgePort),
    DATA_DIR: join(FOLDER, "bridge"),
  });
  let agents: Member[] = [];
  const bridge = await serve({
    environment,
    env: process.env,
    configuration(held) {
      const wanted = written ?? settled(held, process.env);
      agents = wanted.agents.flatMap((agent) => {
        const id = AgentId.safeParse(agent.id);
        return id.success ? [{ ...agent, userId: ghostUserId(NAMESPACE, id.data) }] : [];
      });
      return wanted;
    },
    write: (line) => say(line),
  });
  return { bridge, agents };
}

async function allAnswer(synapse: Synapse, bridge: Served): Promise<void> {
  for (const url of [`${synapse.url}/health`, `${bridge.url}/health`]) {
    const answer = await fetch(url);
    if (!answer.ok) throw new Error(`${url} answers ${answer.status}`);
  }
}

const description = (world: Kept, synapse: Synapse, bridge: Served, agents: readonly Member[]) => ({
  homeserver: synapse.url,
  serverName: SERVER_NAME,
  bridge: bridge.url,
  adminToken: world.adminToken,
  users: world.users.map(({ user, password }) => ({ user, userId: `@${user}:${SERVER_NAME}`, password })),
  agents: agents.map(({ id, userId, name }) => ({ id, userId, name })),
});

function welcome({ users }: Kept, { url }: Synapse, agents: readonly Member[]): void {
  const unset = MODEL_SETTINGS.filter((name) => !process.env[name]);
  const isSleeping = ({ backend }: Member) => unset.length > 0 && Object.values(backend).includes("$OPENAI_BASE_URL");
  say(`
${bold("The playground is open.")}

  Log in with any Matrix client at ${bold(url)}
${users.map(({ user, password }) => `    as ${bold(user)} with the password ${bold(password)}`).join("\n")}

  and start a chat (without encryption) with
${agents.map((agent) => `    ${bold(agent.userId)}  ${agent.name}${isSleeping(agent) ? `, who wakes up when ${unset.join(" and ")} are set` : ""}`).join("\n")}

  or, in another terminal:  ${bold(`npx troupe chat ${agents[0]?.id ?? "guide"} "hello"`)}

  Ctrl-C ends it.
`);
}
