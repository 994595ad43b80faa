/** What strangers, members, backends and homeservers can make Troupe work on. */
import { BOUNDS } from "#core/bounds.ts";
import { RoomId } from "#core/protocol/ids.ts";
import { PATHOLOGICAL, repeated } from "#testing/mangle/texts.ts";
import { ALICE, ECHO, inPieces, openStage, type Stage } from "./stage.ts";

export const TEXT_LENGTH = 60_000;
const MEMBERS = 100_000;
const LEVELS = 2_000;
const REPLY_LENGTH = 1_000_000;
const DELTA = 4;

export interface Work {
  name: string;
  /** What others do before, which is not measured. */
  prepare?(): Promise<void>;
  run(): Promise<void>;
}

const ROOM = RoomId.parse("!room");
const MODEL = "@agent_model:hs.test";
const AGENTS = [
  { id: "echo", name: "Echo", backend: { use: "echo" } },
  { id: "model", name: "Model", backend: { use: "openai", baseUrl: "http://model.test/v1", model: "m" } },
];

let made = 0;
export const eventOf = (given: object): object => ({
  event_id: `$event${++made}`,
  room_id: ROOM,
  sender: ALICE,
  type: "m.room.message",
  origin_server_ts: Date.now(),
  unsigned: { age: 1 },
  ...given,
});
const messageOf = (body: string): object => eventOf({ content: { msgtype: "m.text", body } });
const stateOf = (type: string, content: object, state_key = ""): object => eventOf({ type, state_key, content });
const pushed = (...events: object[]): string => JSON.stringify({ events });

/** The works, and how they are ended. */
export async function openWorks(): Promise<{ works: Work[]; close: () => void }> {
  const stage = await openStage(AGENTS);
  await stage.enter(ROOM, [ALICE, ECHO]);
  const work = (name: string, ...events: object[]): Work => ({
    name,
    run: async () => {
      await stage.push(pushed(...events.map((event) => ({ ...event, event_id: `$event${++made}` }))));
      await stage.settled();
    },
  });
  const texts = Object.entries(PATHOLOGICAL).map(([name, piece]) =>
    work(`text: ${name}`, messageOf(repeated(piece, TEXT_LENGTH))),
  );
  return {
    works: [...texts, ...roomWorks(stage, work), replyWork(stage), ...transactionWorks(stage)],
    close: stage.close,
  };
}

function roomWorks(stage: Stage, work: (name: string, ...events: object[]) => Work): Work[] {
  const users = Object.fromEntries(Array.from({ length: LEVELS }, (_, n) => [`@user${n}:hs.test`, n % 100]));
  const name = repeated("*[_` <", TEXT_LENGTH);
  return [
    work(
      "a name and a topic",
      stateOf("m.room.name", { name }),
      stateOf("m.room.topic", { topic: name }),
      messageOf("hi"),
    ),
    work("a display name", stateOf("m.room.member", { membership: "join", displayname: name }, "@bob:hs.test")),
    work("power levels", stateOf("m.room.power_levels", { users }), messageOf("!help")),
    work("a command", messageOf(`!model ${repeated(" ", TEXT_LENGTH / 2)}x\u2028y`)),
    work(
      "links in HTML",
      htmlOf("<a "),
      htmlOf("<a href "),
      htmlOf("<pre "),
      htmlOf('<a href="https://matrix.to/#/@a:b">'),
    ),
    crowdWork(stage),
    keysWork(stage),
  ];
}

function crowdWork(stage: Stage): Work {
  let room = ROOM;
  return {
    name: `a room of ${MEMBERS.toLocaleString("en")}`,
    async prepare() {
      room = RoomId.parse(`!crowd${++made}`);
      const users = [ECHO, ...Array.from({ length: MEMBERS }, (_, n) => `@user${n}:hs.test`)];
      const joined = Object.fromEntries(users.map((user) => [user, { display_name: "A user", avatar_url: null }]));
      const bytes = new TextEncoder().encode(JSON.stringify({ joined }));
      const create = { type: "m.room.create", sender: ALICE, state_key: "", content: { room_version: "10" } };
      stage.server.state.set(`${room}|m.room.create`, create);
      stage.server.answerFirst = ({ path }) =>
        path.endsWith("/joined_members") ? new Response(inPieces(bytes)) : undefined;
    },
    async run() {
      const invite = { room_id: room, type: "m.room.member", state_key: ECHO, content: { membership: "invite" } };
      await stage.push(pushed(eventOf(invite)));
      await stage.settled();
    },
  };
}

/** As many messages as a room's lane reads at a time. */
function keysWork(stage: Stage): Work {
  let body: Uint8Array = new Uint8Array();
  return {
    name: "messages of thousands of keys",
    async prepare() {
      const keys = Object.fromEntries(Array.from({ length: TEXT_LENGTH / 10 }, (_, n) => [`k${n.toString(36)}`, 1]));
      const one = () => eventOf({ content: { msgtype: "m.text", body: "@bob:hs.test", ...keys } });
      body = new TextEncoder().encode(pushed(...Array.from({ length: BOUNDS.eventsAtOnce.max }, one)));
    },
    async run() {
      await stage.push(body);
      await stage.settled();
    },
  };
}

const htmlOf = (piece: string): object =>
  eventOf({
    content: {
      msgtype: "m.text",
      body: "hello",
      format: "org.matrix.custom.html",
      formatted_body: repeated(piece, TEXT_LENGTH),
    },
  });

/** A model whose reply is longer than is sent, four characters at a time. */
function replyWork(stage: Stage): Work {
  const room = RoomId.parse("!replies");
  return {
    name: `a reply of 1 MB in pieces of ${DELTA}`,
    async run() {
      await stage.enter(room, [ALICE, MODEL]);
      stage.server.others = async () =>
        new Response(modelStream(), { headers: { "content-type": "text/event-stream" } });
      await stage.push(pushed(eventOf({ room_id: room, content: { msgtype: "m.text", body: "go" } })));
      await stage.settled();
    },
  };
}

function modelStream(): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  const text = repeated("Some words, and a _few_ more. ", DELTA * 1_000);
  let sent = 0;
  return new ReadableStream({
    pull(controller) {
      if (sent > REPLY_LENGTH) return controller.close();
      let lines = "";
      for (let n = 0; n < 20; n++, sent += DELTA) {
        const content = text.slice(sent % text.length, (sent % text.length) + DELTA);
        lines += `data: ${JSON.stringify({ id: "1", object: "chat.completion.chunk", choices: [{ index: 0, delta: { content } }] })}\n\n`;
      }
      controller.enqueue(encoder.encode(lines));
    },
  });
}

function transactionWorks(stage: Stage): Work[] {
  const { max } = BOUNDS.transactionBody;
  const full = (name: string, event: () => object): Work => {
    let body: Uint8Array = new Uint8Array();
    return {
      name: `a transaction of 64 MiB: ${name}`,
      async prepare() {
        const size = JSON.stringify(event()).length + 10;
        const events = Array.from({ length: Math.max(Math.floor((max - 100) / size), 1) }, event);
        body = new TextEncoder().encode(pushed(...events));
      },
      async run() {
        const status = await stage.push(body);
        if (status !== 200) throw new Error(`answered with ${status}`);
        await stage.settled();
      },
    };
  };
  const room_id = "!elsewhere";
  const long = repeated("words ", TEXT_LENGTH);
  return [
    full("long events", () => eventOf({ room_id, type: "x.y", content: { long } })),
    full("one event", () => eventOf({ room_id, type: "x.y", content: { long: "x".repeat(max / 2) } })),
    full("what is no event", () => [["nonsense ".repeat(1_000)]]),
  ];
}
