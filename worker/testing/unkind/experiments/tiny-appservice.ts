/** A small appservice that records pushes and answers as an experiment wants: `200 {}`, or an error. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import * as z from "zod/v4";

const Pushed = z.looseObject({
  event_id: z.string(),
  type: z.string(),
  content: z.looseObject({ body: z.string().optional() }),
  unsigned: z.looseObject({ age: z.number().optional() }).optional(),
});
const Body = z.looseObject({ events: z.array(Pushed) });
type PushedEvent = z.infer<typeof Pushed>;

export interface Push {
  txnId: string;
  text: string;
  events: PushedEvent[];
  /** Keys of the body. */
  keys: string[];
  headers: string[];
  atMs: number;
  /** The homeserver closed the connection before we answered. */
  abandoned: boolean;
}

export interface Reply {
  status: number;
  body?: string;
  headers?: Record<string, string>;
  /** The rest of the body, sent later; undefined closes the connection instead. */
  rest?: Promise<string | undefined>;
}
/** Undefined means no answer at all. */
type Answering = (push: Push) => Reply | undefined | Promise<Reply | undefined>;

export interface TinyAppservice {
  url: string;
  pushes: Push[];
  /** Requests for `users/…` and `ping`, and how many pushes came before. */
  asked: Array<{ path: string; afterPushes: number }>;
  answering: Answering;
  /** The answer to pings. */
  pong: Reply;
  close(): Promise<void>;
}

export const TAKEN: Reply = { status: 200, body: "{}" };

export async function tinyAppservice(hsToken: string, port = 0): Promise<TinyAppservice> {
  const server = createServer((request, response) => {
    void take(request, response);
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  const address = server.address();
  const appservice: TinyAppservice = {
    url: `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : port}`,
    pushes: [],
    asked: [],
    answering: () => TAKEN,
    pong: TAKEN,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };

  async function take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? "").replace("/_matrix/app/v1/", "");
    const text = await textOf(request);
    if (request.headers.authorization !== `Bearer ${hsToken}`) return reply(response, { status: 403, body: "{}" });
    const txnId = /^transactions\/(.+)$/.exec(path)?.[1];
    if (txnId === undefined) {
      appservice.asked.push({ path: decodeURIComponent(path), afterPushes: appservice.pushes.length });
      return reply(response, path === "ping" ? appservice.pong : { status: 404, body: '{"errcode":"M_NOT_FOUND"}' });
    }
    const body = Body.parse(JSON.parse(text));
    const headers = Object.keys(request.headers).sort();
    const push: Push = {
      txnId,
      text,
      events: body.events,
      keys: Object.keys(body).sort(),
      headers,
      atMs: Date.now(),
      abandoned: false,
    };
    appservice.pushes.push(push);
    response.on("close", () => (push.abandoned = !response.writableEnded));
    const answer = await appservice.answering(push);
    if (answer) await reply(response, answer);
  }
  return appservice;
}

async function reply(response: ServerResponse, { status, body = "", headers = {}, rest }: Reply): Promise<void> {
  if (response.destroyed) return;
  response.writeHead(status, { "content-type": "application/json", ...headers });
  if (!rest) {
    response.end(body);
    return;
  }
  response.write(body);
  const end = await rest;
  if (end === undefined) response.destroy();
  else response.end(end);
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = "";
  request.setEncoding("utf8");
  for await (const chunk of request) text += String(chunk);
  return text;
}

/** The bodies of the messages, a list for each push. */
export const bodiesOf = (pushes: readonly Push[]): string[][] =>
  pushes.map(({ events }) => events.map(({ type, content }) => content.body ?? type));

export const eventKeys = (event: PushedEvent | undefined): string[] =>
  [...Object.keys(event ?? {}), ...Object.keys(event?.unsigned ?? {}).map((key) => `unsigned.${key}`)].sort();

/** Resolves with the first result of `look` that is not empty. */
export async function until<T>(look: () => T | undefined | false, withinMs: number, what: string): Promise<T> {
  for (const end = Date.now() + withinMs; Date.now() < end; await sleep(5)) {
    const found = look();
    if (found !== undefined && found !== false) return found;
  }
  throw new Error(`Waited ${withinMs} ms in vain for ${what}`);
}
