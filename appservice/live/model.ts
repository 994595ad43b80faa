/** A model server for crash tests. It is sometimes slow or broken, and each answer repeats its question. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

export interface Model {
  url: string;
  /** The number of requests so far. */
  asked(): number;
  close(): void;
}

export interface ModelManners {
  /** Probabilities from 0 to 1. */
  slow: number;
  broken: number;
  random: () => number;
  /** It takes every request and answers none. */
  hangs?: boolean;
}

const QUICK_MS = 80;
/** Longer than it takes until a draft is visible. */
const SLOW_MS = 700;

const chunk = (content: string, finish: string | null) =>
  `data: ${JSON.stringify({ id: "c", choices: [{ index: 0, delta: { content }, finish_reason: finish }] })}\n\n`;

/** Answers `re <text>` to a text, in OpenAI's format. */
export async function startModel({ slow, broken, random, hangs = false }: ModelManners): Promise<Model> {
  let asked = 0;
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const one of request) chunks.push(one as Buffer);
    asked++;
    const { messages } = JSON.parse(Buffer.concat(chunks).toString("utf8")) as { messages: { content: unknown }[] };
    // The user's text comes after the data about the room.
    const text = textOf(messages.at(-1)?.content).split("</room-data>").at(-1)?.trim() ?? "";
    if (hangs) return;
    if (random() < broken) {
      response.writeHead(500).end("broken");
      return;
    }
    response.writeHead(200, { "content-type": "text/event-stream" });
    await sleep(random() * QUICK_MS);
    response.write(chunk(`re ${text}`, null));
    if (random() < slow) await sleep(SLOW_MS);
    response.end(`${chunk(", that is all", "stop")}data: [DONE]\n\n`);
  });
  // A killed bridge closes its connections in the middle of a request.
  server.on("clientError", (_error, socket) => socket.destroy());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    asked: () => asked,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

function textOf(content: unknown): string {
  if (typeof content === "string") return content;
  return Array.isArray(content) ? content.map((part: { text?: string }) => part.text ?? "").join("") : "";
}
