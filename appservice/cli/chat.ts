/** `troupe chat`: a chat with an agent as the playground's demo user, through the real homeserver. */
import { createInterface } from "node:readline";
import * as z from "zod/v4";
import { isLike } from "#core/access/access.ts";
import { AgentId, ghostUserId } from "#core/protocol/ids.ts";
import { EnvironmentError } from "../host/environment.ts";
import { PLAYGROUND_FILE, readPlayground } from "../playground/place.ts";
import { NAMESPACE } from "../playground/world.ts";
import { Refused } from "./api/ask.ts";
import { whereIs } from "./api/where.ts";
import { type Client, login } from "./client.ts";
import { readAgents } from "./operator/agents.ts";
import { Printer } from "./terminal/printer.ts";

const Playground = z.object({
  homeserver: z.string(),
  users: z.array(z.object({ user: z.string(), password: z.string() })).min(1),
});

const SILENT = `The playground in ${PLAYGROUND_FILE} does not answer; start it with \`npm start\`.`;

export async function chat(agentId: string, text: string, timeoutSeconds: number): Promise<void> {
  const running = readPlayground();
  if (!running)
    throw new EnvironmentError(
      "No playground is running in this folder; start one with `npm start` and keep it running.",
    );
  const playground = Playground.parse(running);
  const agent = await findAgent(agentId);
  const leaving = new AbortController();
  // The first signal logs the device out before the process ends. A second Ctrl-C ends it at once.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => leaving.abort());
  // The reader of our output has closed it, as `head` does.
  process.stdout.on("error", () => leaving.abort());
  const [demo] = playground.users;
  const { user, password } = demo ?? { user: "", password: "" };
  try {
    const client = await login(playground.homeserver, user, password, leaving.signal).catch(() => {
      leaving.signal.throwIfAborted();
      throw new EnvironmentError(SILENT);
    });
    try {
      const room = await client.directRoom(agent.userId);
      const ask = (words: string) => askOnce(client, room, agent.userId, words, timeoutSeconds * 1_000);
      if (text) await ask(text);
      else await converse(agent.name, ask, leaving);
    } finally {
      // Best effort: the homeserver may have stopped.
      await client.logout().catch(() => undefined);
    }
  } catch (error) {
    if (error !== leaving.signal.reason || !leaving.signal.aborted) throw error;
    process.exitCode = 130;
  }
}

/** An agent of the running bridge, or a member of a family. */
async function findAgent(given: string): Promise<{ userId: string; name: string }> {
  const agents = await readAgents(whereIs(undefined, {}, readPlayground())).catch((error: unknown) => {
    throw error instanceof Refused ? error : new EnvironmentError(SILENT);
  });
  const id = AgentId.safeParse(given);
  const found = agents.find((one) => one.id === given) ?? agents.find((one) => isLike(one.id, given));
  if (found && id.success) return { userId: ghostUserId(NAMESPACE, id.data), name: found.name };
  const names = agents.map((one) => one.id).join(", ");
  throw new EnvironmentError(`The playground has no agent "${given}"; it has ${names}.`);
}

/** Sends a message and prints the agent's answer until it is complete. */
async function askOnce(client: Client, room: string, agent: string, words: string, patienceMs: number): Promise<void> {
  const printer = new Printer((piece) => process.stdout.write(piece));
  await client.catchUp();
  await client.send(room, words);
  for await (const event of client.events(room, agent, patienceMs)) {
    if (printer.take(event)) break;
  }
  process.stdout.write("\n");
  if (!printer.isWhole) {
    throw new EnvironmentError(
      `${agent} sent nothing for ${patienceMs / 1_000} s; the terminal of \`npm start\` may show why.`,
    );
  }
}

async function converse(name: string, ask: (words: string) => Promise<void>, leaving: AbortController): Promise<void> {
  // Standard output is for the agent's answers only.
  const output = process.stderr;
  const input = createInterface({ input: process.stdin, output, terminal: process.stdin.isTTY === true });
  // On a terminal readline handles Ctrl-C itself.
  input.on("SIGINT", () => {
    input.close();
    leaving.abort();
  });
  const prompt = () => {
    if (!process.stdin.isTTY) return;
    input.setPrompt("you> ");
    input.prompt();
  };
  if (process.stdin.isTTY) output.write(`Chat with ${name}; Ctrl-D ends it.\n`);
  prompt();
  for await (const line of input) {
    if (line.trim() !== "") await ask(line.trim());
    prompt();
  }
  if (process.stdin.isTTY) output.write("\n");
}
