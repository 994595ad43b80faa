/**
 * Records what matrix-js-sdk and hydrogen-view-sdk send, into `../payloads.json`.
 *
 *     node worker/testing/clients/record/js.ts [folder]
 *     npx biome check --write worker/testing/clients
 *
 * `folder` is outside of this repository and has hydrogen-view-sdk and jsdom installed with npm. Without it only
 * matrix-js-sdk is recorded.
 */
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { ContentHelpers, createClient, type MatrixClient, MatrixEvent, MsgType, Room } from "matrix-js-sdk";
import { type Logger, logger } from "matrix-js-sdk/lib/logger.js";
import { CLIENT_PAYLOADS, type ClientPayload } from "../payloads.ts";

const ROOM = "!room";
const pill = (user: string, name: string) => `<a href="https://matrix.to/#/${user}">${name}</a>`;
const ECHO = pill("@agent_echo:hs.test", "Echo");
const GUIDE = pill("@agent_guide:hs.test", "Guide");

interface Case<Client> extends Partial<Pick<ClientPayload, "repliesTo" | "threadRootOf" | "addresses">> {
  name: string;
  send: (client: Client) => Promise<unknown>;
}

const replyTo = (event_id: string) => ({ "m.relates_to": { "m.in_reply_to": { event_id } } });
const text = (body: string) => (sdk: MatrixClient) => sdk.sendTextMessage(ROOM, body);
const html = (body: string, formatted: string) => (sdk: MatrixClient) => sdk.sendHtmlMessage(ROOM, body, formatted);

const JS_SDK: Case<MatrixClient>[] = [
  { name: "plain text", send: text("hello") },
  { name: "full user id at the start", send: text("@agent_echo:hs.test hello"), addresses: ["echo"] },
  { name: "full user id and a colon", send: text("@agent_echo:hs.test: hello"), addresses: ["echo"] },
  { name: "full user id in the middle", send: text("ask @agent_guide:hs.test, please"), addresses: ["guide"] },
  { name: "full user id at the end of a sentence", send: text("ask @agent_guide:hs.test."), addresses: ["guide"] },
  {
    name: "full user ids of two agents",
    send: text("@agent_echo:hs.test @agent_guide:hs.test"),
    addresses: ["echo", "guide"],
  },
  { name: "full user id of a human", send: text("@bob:hs.test hello") },
  { name: "user id that only begins like the agent's", send: text("@agent_echo:hs.test.example.org hello") },
  { name: "display name and a colon", send: text("Echo: hello"), addresses: ["echo"] },
  { name: "display name and a comma", send: text("Echo, hello"), addresses: ["echo"] },
  { name: "display name in the middle", send: text("I like Echo: it answers") },
  { name: "longer name that begins like the agent's", send: text("Echoes, hello") },
  { name: "@room", send: text("@room hello") },
  { name: "pill at the start", send: html("Echo: hello", `${ECHO}: hello`), addresses: ["echo"] },
  { name: "pill at the end", send: html("hello Guide", `hello ${GUIDE}`), addresses: ["guide"] },
  { name: "two pills", send: html("Echo and Guide", `${ECHO} and ${GUIDE}`), addresses: ["echo", "guide"] },
  { name: "pill of a human", send: html("Bob: hello", `${pill("@bob:hs.test", "Bob")}: hello`) },
  {
    name: "pill that is a matrix: URI",
    send: html("Echo: hello", '<a href="matrix:u/agent_echo:hs.test">Echo</a>: hello'),
    addresses: ["echo"],
  },
  {
    name: "user id in inline code",
    send: html("write `@agent_echo:hs.test`", "write <code>@agent_echo:hs.test</code>"),
  },
  {
    name: "pill in a code block",
    send: html("```\nEcho\n```", `<pre><code>${ECHO}\n</code></pre>`),
  },
  {
    name: "emote with a user id",
    send: (sdk) => sdk.sendEmoteMessage(ROOM, "waves at @agent_echo:hs.test"),
    addresses: ["echo"],
  },
  {
    name: "emote with a pill",
    send: (sdk) => sdk.sendHtmlEmote(ROOM, "waves at Echo", `waves at ${ECHO}`),
    addresses: ["echo"],
  },
  { name: "notice with a user id", send: (sdk) => sdk.sendNotice(ROOM, "@agent_echo:hs.test hello") },
  { name: "notice with a pill", send: (sdk) => sdk.sendHtmlNotice(ROOM, "Echo: hello", `${ECHO}: hello`) },
  {
    name: "image without a caption",
    send: (sdk) => sdk.sendImageMessage(ROOM, "mxc://hs.test/cat", { mimetype: "image/png", size: 1024 }, "cat.png"),
  },
  {
    name: "reply to an agent, without a fallback",
    send: (sdk) => sdk.sendMessage(ROOM, { msgtype: MsgType.Text, body: "why?", ...replyTo("$of_agent") }),
    repliesTo: "agent",
  },
  {
    name: "reply to a human, without a fallback",
    send: (sdk) => sdk.sendMessage(ROOM, { msgtype: MsgType.Text, body: "why?", ...replyTo("$of_human") }),
    repliesTo: "human",
  },
  {
    name: "in a thread it does not know, so without m.in_reply_to",
    send: (sdk) => sdk.sendTextMessage("!other", "$thread", "hello"),
    threadRootOf: "human",
  },
  {
    name: "in a thread whose last message is the agent's",
    send: (sdk) => sdk.sendTextMessage(ROOM, "$thread", "hello"),
    repliesTo: "agent",
    threadRootOf: "human",
  },
  {
    name: "pill in a thread",
    send: (sdk) => sdk.sendMessage(ROOM, "$thread", ContentHelpers.makeHtmlMessage("Guide: hello", `${GUIDE}: hello`)),
    repliesTo: "agent",
    threadRootOf: "human",
    addresses: ["guide"],
  },
  {
    name: "reply to the agent inside a thread",
    send: (sdk) => sdk.sendMessage(ROOM, "$thread", { msgtype: MsgType.Text, body: "why?", ...replyTo("$of_agent") }),
    repliesTo: "agent",
    threadRootOf: "human",
  },
];

const nothing = () => {};
const QUIET: Logger = {
  trace: nothing,
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: nothing,
  getChild: () => QUIET,
};

/** A client that knows a thread which Bob began and in which Echo answered. */
async function jsSdk(baseUrl: string): Promise<MatrixClient> {
  Object.assign(logger, QUIET, { log: nothing });
  const sdk = createClient({
    baseUrl,
    accessToken: "token",
    userId: "@alice:hs.test",
    deviceId: "ALICE",
    logger: QUIET,
  });
  Object.assign(sdk, { clientOpts: { threadSupport: true } });
  const room = new Room(ROOM, sdk, "@alice:hs.test");
  sdk.store.storeRoom(room);
  const said = (event_id: string, sender: string, content: object) =>
    new MatrixEvent({
      type: "m.room.message",
      room_id: ROOM,
      event_id,
      sender,
      content: { msgtype: "m.text", ...content },
    });
  const root = said("$thread", "@bob:hs.test", { body: "hello" });
  const relation = { rel_type: "m.thread", event_id: "$thread" };
  const answer = said("$of_agent", "@agent_echo:hs.test", { body: "echo hello", "m.relates_to": relation });
  await room.addLiveEvents([root, answer], { addToState: false });
  if (!room.getThread("$thread")) room.createThread("$thread", root, [answer], false);
  return sdk;
}

/** The parts of hydrogen's bundle that are used here. */
interface Entry {
  id: string;
  sender: string;
  displayName?: string;
  content: { msgtype: string; body: string; formatted_body?: string };
}
interface Hydrogen {
  RoomViewModel: { prototype: { _sendMessage(message: string, replyingTo?: Tile): Promise<boolean> } };
  createReplyContent(entry: Entry, msgtype: string, body: string): object;
}
interface Tile {
  eventId: string;
  createReplyContent(msgtype: string, body: string): object;
}
type Send = (message: string, replyingTo?: Entry) => Promise<unknown>;

const saidByEcho = (content: Partial<Entry["content"]>): Entry => ({
  id: "$of_agent",
  sender: "@agent_echo:hs.test",
  displayName: "Echo",
  content: { msgtype: "m.text", body: "echo hello", ...content },
});
const saidByBob = (content: Partial<Entry["content"]>): Entry => ({
  id: "$of_human",
  sender: "@bob:hs.test",
  displayName: "Bob",
  content: { msgtype: "m.text", body: "hello", ...content },
});

const HYDROGEN: Case<Send>[] = [
  { name: "plain text", send: (say) => say("hello") },
  { name: "full user id", send: (say) => say("hello @agent_echo:hs.test"), addresses: ["echo"] },
  { name: "display name and a colon", send: (say) => say("Echo: hello"), addresses: ["echo"] },
  { name: "display name and a comma", send: (say) => say("Guide, hello"), addresses: ["guide"] },
  { name: "display name in the middle", send: (say) => say("I like Echo") },
  { name: "user id in inline code, which it sends as typed", send: (say) => say("write `@agent_echo:hs.test`") },
  { name: "/me", send: (say) => say("/me waves at @agent_guide:hs.test"), addresses: ["guide"] },
  { name: "reply to an agent", send: (say) => say("why?", saidByEcho({})), repliesTo: "agent" },
  {
    name: "reply to an agent's several lines",
    send: (say) =>
      say("why?", saidByEcho({ body: "one\n\ntwo @agent_guide:hs.test", formatted_body: `one<br>two ${GUIDE}` })),
    repliesTo: "agent",
  },
  {
    name: "reply to an agent's emote",
    send: (say) => say("why?", saidByEcho({ msgtype: "m.emote", body: "waves" })),
    repliesTo: "agent",
  },
  {
    name: "reply to an agent's picture",
    send: (say) => say("why?", saidByEcho({ msgtype: "m.image", body: "cat.png" })),
    repliesTo: "agent",
  },
  { name: "reply to a human", send: (say) => say("why?", saidByBob({})), repliesTo: "human" },
  {
    name: "reply to a human who mentioned the agent",
    send: (say) => say("why?", saidByBob({ body: "Echo: hello", formatted_body: `${ECHO}: hello` })),
    repliesTo: "human",
  },
  {
    name: "reply to a human who wrote the agent's user id",
    send: (say) => say("why?", saidByBob({ body: "@agent_echo:hs.test hello" })),
    repliesTo: "human",
  },
  {
    name: "reply to a human that names the agent",
    send: (say) => say("Echo: why?", saidByBob({})),
    repliesTo: "human",
    addresses: ["echo"],
  },
  {
    name: "reply to one agent with the user id of another",
    send: (say) => say("@agent_guide:hs.test why?", saidByEcho({})),
    repliesTo: "agent",
    addresses: ["guide"],
  },
];

/** Hydrogen's view model of a room, with a room that sends every content to `baseUrl`. It needs no session. */
async function hydrogen(folder: string, baseUrl: string): Promise<Send> {
  const require = createRequire(pathToFileURL(join(folder, "package.json")));
  const { JSDOM } = require("jsdom");
  const { window } = new JSDOM("");
  Object.assign(globalThis, { window, document: window.document });
  // The function that makes replies is not exported; a copy of the bundle exports it.
  const bundle = require.resolve("hydrogen-view-sdk").replace("cjs", "es");
  const copy = join(mkdtempSync(join(folder, "node_modules/opened-")), "hydrogen.mjs");
  writeFileSync(copy, `${readFileSync(bundle, "utf8")}\nexport { createReplyContent };\n`);
  const { RoomViewModel, createReplyContent }: Hydrogen = await import(copy);
  const _room = {
    isArchived: false,
    sendEvent: (type: string, content: object) =>
      fetch(`${baseUrl}/_matrix/client/v3/rooms/${ROOM}/send/${type}/1`, {
        method: "PUT",
        body: JSON.stringify(content),
      }),
  };
  const log = { set() {} };
  const model = Object.assign(Object.create(RoomViewModel.prototype), {
    _room,
    logAndCatch: (_: string, run: (to: object) => Promise<boolean>) => run(log),
  });
  return (message, entry) =>
    model._sendMessage(
      message,
      entry && {
        eventId: entry.id,
        createReplyContent: (msgtype: string, body: string) => createReplyContent(entry, msgtype, body),
      },
    );
}

/** A server that accepts every message and keeps its content. */
async function capture() {
  const bodies: ClientPayload["content"][] = [];
  let sent = 0;
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    if (request.url?.includes("/send/")) bodies.push(JSON.parse(body));
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({ event_id: `$sent${++sent}` }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return { url: `http://127.0.0.1:${port}`, bodies, close: () => server.close() };
}

async function recorded<Client>(client: string, cases: Case<Client>[], sender: (url: string) => Promise<Client>) {
  const { url, bodies, close } = await capture();
  const rows: ClientPayload[] = [];
  try {
    const by = await sender(url);
    for (const { name, send, repliesTo = null, threadRootOf = null, addresses = [] } of cases) {
      await send(by);
      const content = bodies.splice(0)[0];
      if (!content) throw new Error(`${client}: nothing was sent for "${name}"`);
      rows.push({ client, source: "recorded", name, content, repliesTo, threadRootOf, addresses });
    }
  } finally {
    close();
  }
  return rows;
}

const folder = process.argv[2];
const rows = await recorded("matrix-js-sdk", JS_SDK, jsSdk);
if (folder) rows.push(...(await recorded("hydrogen", HYDROGEN, (url) => hydrogen(folder, url))));
const clients = new Set(rows.map(({ client }) => client));
const others = CLIENT_PAYLOADS.filter(({ client }) => !clients.has(client));
writeFileSync(join(import.meta.dirname, "../payloads.json"), JSON.stringify([...rows, ...others]));
process.stdout.write(`${rows.length} rows\n`);
// The client keeps timers, which would keep the process alive.
process.exit();
