/** `troupe agent show`: how one agent is set up and where each setting comes from, and how its server does. */
import * as z from "zod/v4";
import { EnvironmentError } from "../../host/environment.ts";
import { askBridge, Refused } from "../api/ask.ts";
import { whereIsBridge } from "../api/where.ts";
import { columns, plain, say } from "../terminal/terminal.ts";

const Shown = z.object({
  id: z.string(),
  family: z.string().optional(),
  backend: z.record(z.string(), z.unknown()),
  settings: z.array(z.object({ key: z.string(), value: z.unknown(), layer: z.string() })),
  learnt: z.object({ leftOut: z.array(z.string()), contextTokens: z.number().optional(), atMs: z.number() }).optional(),
  lastError: z.object({ reason: z.string(), createdAtMs: z.number() }).optional(),
});
type Shown = z.infer<typeof Shown>;

export async function showAgent(id: string, { url, room }: { url?: string; room?: string }): Promise<void> {
  const path = `agents/${encodeURIComponent(id)}${room === undefined ? "" : `?room=${encodeURIComponent(room)}`}`;
  const shown = Shown.parse(
    await askBridge(whereIsBridge(url), "GET", path).catch((error: unknown) => {
      throw error instanceof Refused ? new EnvironmentError(`${id}: ${error.message}`) : error;
    }),
  );
  say(plain(shown.family === undefined ? shown.id : `${shown.id}, of the family ${shown.family}`));
  const backend = Object.entries(shown.backend).map(([key, value]) => [`backend.${key}`, written(value), "backend"]);
  const settings = shown.settings.map(({ key, value, layer }) => [key, written(value), layer]);
  for (const line of columns([...backend, ...settings])) say(`  ${line}`);
  for (const line of learntLines(shown)) say(plain(line));
  const { lastError } = shown;
  say(plain(lastError ? `Last error: ${dateOf(lastError.createdAtMs)}  ${lastError.reason}` : "No error is known."));
}

function learntLines({ learnt }: Shown): string[] {
  if (!learnt) return ["Nothing was learnt about its server."];
  const { leftOut, contextTokens, atMs } = learnt;
  return [
    `Learnt about its server, since ${dateOf(atMs)}:`,
    ...leftOut.map((part) => `  ${part} is left out, because the server refuses it`),
    ...(contextTokens === undefined ? [] : [`  a request has at most ${contextTokens} tokens, as an estimate`]),
  ];
}

const VALUE_SHOWN = 60;
function written(value: unknown): string {
  const text = JSON.stringify(value) ?? "";
  return text.length > VALUE_SHOWN ? `${text.slice(0, VALUE_SHOWN)}…` : text;
}

const dateOf = (ms: number): string => new Date(ms).toISOString();
