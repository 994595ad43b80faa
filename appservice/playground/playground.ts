/**
 * The playground: a real Synapse, the bridge, two users and two agents on one machine. Ctrl-C stops everything. Rooms and
 * history are kept for the next start.
 */
import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { styleText } from "node:util";
import type { AgentSpec } from "#core/configuration/agent.ts";
import type { Configuration } from "#core/configuration/configuration.ts";
import { AgentId, ghostUserId } from "#core/protocol/ids.ts";
import { configurationOf } from "../host/configuration/given.ts";
import { environmentOrThrow } from "../host/environment.ts";
import { aloneIn } from "../host/locks/file-lock.ts";
import { type Stoppable, untilStopped } from "../host/process/run.ts";
import { type Served, serve } from "../host/serve.ts";
import { registerUser } from "./accounts.ts";
import { PLAYGROUND_FILE } from "./place.ts";
import { UserError } from "./processes.ts";
import { withSample } from "./sample.ts";
import { stopLeftover } from "./server.ts";
import { installSynapse, type Synapse, startSynapse } from "./synapse.ts";
import { NAMESPACE, readWorld, SERVER_NAME, type World, writeRegistration } from "./world.ts";

const FOLDER = "data/playground";
const VENV = "data/synapse-venv";
const MODEL_VARIABLES = ["OPENAI_BASE_URL", "TROUPE_MODEL"];

const coloured = (): boolean => process.stdout.isTTY === true && !process.env["NO_COLOR"];
const bold = (text: string): string => (coloured() ? styleText("bold", text) : text);
const say = (line: string): void => void process.stdout.write(`${line}\n`);

export const startPlayground = (): Promise<void> => untilStopped(start);

async function start(stopping: AbortSignal): Promise<Stoppable> {
  mkdirSync(FOLDER, { recursive: true, mode: 0o700 });
  const alone = aloneIn(FOLDER);
  if (!alone) throw new UserError("A playground is running here already; talk to it with `npx troupe chat guide`.");
  // A killed playground leaves its file behind.
  rmSync(PLAYGROUND_FILE, { force: true });
  const configuration = configurationOf(process.env);

  const python = await installSynapse({ venv: VENV, progress: say, signal: stopping });
  const dir = resolve(FOLDER, "synapse");
  // Before the ports are chosen, because a leftover Synapse occupies the port of the last run.
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
    say("The playground is closed. The next start continues with the same rooms and history.");
  };
  try {
    const { bridge, agents } = await startBridge(world, synapse, configuration);
    started.push(bridge);
    for (const { user, password } of world.users) await registerUser(synapse, dir, user, password);
    await allAnswer(synapse, bridge);
    if (!stopping.aborted) {
      publish(description(world, synapse, bridge, agents));
      welcome(world, synapse, agents);
    }
  } catch (error) {
    await stop();
    throw error;
  }
  const ended = synapse.exited.then(() => {
    if (stopping.aborted) return;
    process.stderr.write(`Synapse ended unexpectedly; its log is ${join(dir, "synapse.log")}\n`);
    process.exitCode = 1;
  });
  return { stop, ended };
}

/** Written under another name first, so that a program waiting for the file never reads half of it. */
function publish(world: object): void {
  const draft = `${PLAYGROUND_FILE}.new`;
  rmSync(draft, { force: true });
  writeFileSync(draft, `${JSON.stringify(world, null, 2)}\n`, { mode: 0o600 });
  renameSync(draft, PLAYGROUND_FILE);
}

/** A single agent, not a family. */
type Member = AgentSpec & { userId: string };

async function startBridge(world: World, synapse: Synapse, configuration: Configuration | undefined) {
  const environment = environmentOrThrow({
    HOMESERVER_URL: synapse.url,
    SERVER_NAME,
    AS_TOKEN: world.asToken,
    HS_TOKEN: world.hsToken,
    ADMIN_TOKEN: world.adminToken,
    SECRET_KEY: process.env["SECRET_KEY"],
    AGENT_ENV: process.env["AGENT_ENV"],
    PORT: String(world.bridgePort),
    DATA_DIR: join(FOLDER, "bridge"),
  });
  let agents = configuration?.agents ?? [];
  const orSample = (stored: Configuration): Configuration => {
    const wanted = withSample(stored, process.env);
    agents = wanted.agents;
    return wanted;
  };
  const bridge = await serve({
    environment,
    env: process.env,
    configuration: configuration ?? orSample,
    write: (line) => say(line),
  });
  return { bridge, agents: agents.flatMap(memberOf) };
}

function memberOf(agent: AgentSpec): Member[] {
  const id = AgentId.safeParse(agent.id);
  return id.success ? [{ ...agent, userId: ghostUserId(NAMESPACE, id.data) }] : [];
}

async function allAnswer(synapse: Synapse, bridge: Served): Promise<void> {
  for (const url of [`${synapse.url}/health`, `${bridge.url}/health`]) {
    const answer = await fetch(url);
    if (!answer.ok) throw new Error(`${url} answers ${answer.status}`);
  }
}

const description = (world: World, synapse: Synapse, bridge: Served, agents: readonly Member[]) => ({
  homeserver: synapse.url,
  serverName: SERVER_NAME,
  bridge: bridge.url,
  adminToken: world.adminToken,
  users: world.users.map(({ user, password }) => ({ user, userId: `@${user}:${SERVER_NAME}`, password })),
  agents: agents.map(({ id, userId, name }) => ({ id, userId, name })),
});

function welcome({ users }: World, { url }: Synapse, agents: readonly Member[]): void {
  const unset = MODEL_VARIABLES.filter((name) => !process.env[name]);
  const isSleeping = ({ backend }: Member) => unset.length > 0 && Object.values(backend).includes("$OPENAI_BASE_URL");
  say(`
${bold("The playground is open.")}

  Log in with any Matrix client at ${bold(url)}
${users.map(({ user, password }) => `    as ${bold(user)} with the password ${bold(password)}`).join("\n")}

  and start a chat (without encryption) with
${agents.map((agent) => `    ${bold(agent.userId)}  ${agent.name}${isSleeping(agent) ? `, which answers once ${unset.join(" and ")} are set` : ""}`).join("\n")}

  or, in another terminal:  ${bold(`npx troupe chat ${agents[0]?.id ?? "guide"} "hello"`)}

  Ctrl-C stops it.
`);
}
