/** `troupe chat`: the playground's demo user talks to an agent, through the real homeserver. */
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
import { agentsThere } from "./operator/agents.ts";
import { Printer } from "./terminal/printer.ts";

const Playground = z.object({
  homeserver: z.string(),
  users: z.array(z.object({ user: z.string(), password: z.string() })).min(1),
});

const SILENT = `The playground of ${PLAYGROUND_FILE} does not answer: start it with \`npm start\`.`;

export async function chat(agentId: string, text: string, timeoutSeconds: number): Promise<void> {
  const written = readPlayground();
  if (!written)
    throw new EnvironmentError("No playground is running here: start one with `npm start` and leave it open.");
  const playground = Playground.parse(written);
  const agent = await agentNamed(agentId);
  const leaving = new AbortController();
  // Not the end at once: the device is logged out first. A second Ctrl-C does not wait for that.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => leaving.abort());
  // Whoever reads us has heard enough, as `head` does.
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
      // What was said stands, also when the homeserver is gone by now.
      await client.logout().catch(() => undefined);
    }
  } catch (error) {
    if (error !== leaving.signal.reason || !leaving.signal.aborted) throw error;
    process.exitCode = 130;
  }
}

/** Of those the bridge has by now, also one of a family. */
async function agentNamed(given: string): Promise<{ userId: string; name: string }> {
  const agents = await agentsThere(whereIs(undefined, {}, readPlayground())).catch((error: unknown) => {
    throw error instanceof Refused ? error : new EnvironmentError(SILENT);
  });
  const id = AgentId.safeParse(given);
  const found = agents.find((one) => one.id === given) ?? agents.find((one) => isLike(one.id, given));
  if (found && id.success) return { userId: ghostUserId(NAMESPACE, id.data), name: found.name };
  const names = agents.map((one) => one.id).join(", ");
  throw new EnvironmentError(`There is no agent "${given}" in the playground; there are ${names}.`);
}

/** Sends, then prints what the agent says until its answer is whole. */
async function askOnce(client: Client, room: string, agent: string, words: string, patienceMs: number): Promise<void> {
  const printer = new Printer((piece) => process.stdout.write(piece));
  await client.catchUp();
  await client.send(room, words);
  const news = client.events(room, agent, patienceMs);
  for await (const event of news) {
    if (printer.take(event)) break;
  }
  process.stdout.write("\n");
  if (!printer.isWhole) {
    throw new EnvironmentError(
      `No news from ${agent} for ${patienceMs / 1_000} s; the terminal of \`npm start\` may say why.`,
    );
  }
}

async function converse(name: string, ask: (words: string) => Promise<void>, leaving: AbortController): Promise<void> {
  // Standard output is the agent's alone.
  const output = process.stderr;
  const input = createInterface({ input: process.stdin, output, terminal: process.stdin.isTTY === true });
  // On a terminal readline takes Ctrl-C for itself.
  input.on("SIGINT", () => {
    input.close();
    leaving.abort();
  });
  const prompt = () => {
    if (!process.stdin.isTTY) return;
    input.setPrompt("you> ");
    input.prompt();
  };
  if (process.stdin.isTTY) output.write(`A chat with ${name}; Ctrl-D ends it.\n`);
  prompt();
  for await (const line of input) {
    if (line.trim() !== "") await ask(line.trim());
    prompt();
  }
  if (process.stdin.isTTY) output.write("\n");
}
