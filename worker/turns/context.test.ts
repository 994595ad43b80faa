import { describe, expect, test } from "vitest";
import type { Agent } from "#core/configuration/agent.ts";
import { type Layer, resolve } from "#core/configuration/settings.ts";
import { type RoomFacts, UNKNOWN_SENDER, unknownRoom } from "#core/gate/facts.ts";
import { CONTENT_KEY } from "#core/message/mark.ts";
import type { JsonObject, RoomEvent } from "#core/protocol/event.ts";
import { EventId, UserId } from "#core/protocol/ids.ts";
import { NO_STATE } from "#core/protocol/room-state.ts";
import { err, ok } from "#core/result.ts";
import type { Turn } from "#core/turn/turn.ts";
import type { Answer } from "#ports/homeserver.ts";
import { aMessage } from "#testing/events.ts";
import { anIntent } from "#testing/intent.ts";
import { aPrompt, aStoredTurn, aTurnId, ECHO, NAMESPACE, ROOM } from "#testing/ledger-rows.ts";
import { type ContextNeeds, contextFor } from "./context.ts";

const ME = UserId.parse("@agent_echo:hs.test");
const PROMPT = EventId.parse("$prompt");
const agentWith = (layer: Layer = {}): Agent => ({
  ...{ id: ECHO, name: "Echo", backend: { use: "echo" } },
  ...resolve([layer], {}),
  everywhere: { admins: [], commands: {} },
});
const turnWith = (over: Partial<Turn> = {}): Turn =>
  aStoredTurn({ state: "running", attempt: 1, prompt: aPrompt("hello", { eventId: PROMPT }), ...over });
const ROOM_FACTS: RoomFacts = {
  ...unknownRoom(ROOM),
  state: { ...NO_STATE, name: "Kitchen" },
  direct: false,
  joinedCount: 3,
};
const replying = (to: string) =>
  aMessage("hello", { event_id: PROMPT, content: { "m.relates_to": { "m.in_reply_to": { event_id: to } } } });
const mark = (kind: string, turn: string) => ({ [CONTENT_KEY]: { agent: "echo", turn, part: 0, hop: 0, kind } });

interface World {
  known?: RoomEvent[];
  /** Events the homeserver has; 404 for others. */
  server?: Record<string, JsonObject>;
  answer?: () => Promise<Answer<JsonObject>>;
  chatter?: RoomEvent[];
  room?: RoomFacts;
  /** Called with the time since which chatter is asked for. */
  asked?: (since: string | undefined) => void;
  past?: Turn[];
  first?: boolean;
  paired?: string[];
  turn?: Partial<Turn>;
  layer?: Layer;
  history?: "client" | "server";
}

/** The lines of the context, the event ids the homeserver was asked for, and the log. */
async function told(world: World) {
  const asked: string[] = [];
  const logged: string[] = [];
  const notFound: Answer<JsonObject> = err({ status: 404, errcode: "M_NOT_FOUND", message: "" });
  const needs: ContextNeeds = {
    ledger: {
      room: async () => world.room ?? ROOM_FACTS,
      event: async (id) => world.known?.find(({ event_id }) => event_id === id),
      isFirst: async () => world.first ?? false,
      chatter: async (_turn, limit, since) => {
        world.asked?.(since);
        return (world.chatter ?? []).slice(-limit);
      },
      transcript: async () => world.past ?? [],
      sender: async (_room, { sender }) => ({
        ...UNKNOWN_SENDER,
        paired: world.paired?.includes(sender) ? [ECHO] : [],
      }),
    },
    clock: { now: () => 0, sleep: () => new Promise((resolved) => setTimeout(resolved, 20)) },
    log: (event) => void logged.push(event),
    namespace: NAMESPACE,
  };
  const intent = anIntent(async ({ path }) => {
    const id = decodeURIComponent(path.split("/").at(-1) ?? "");
    asked.push(id);
    const body = world.server?.[id];
    return world.answer ? world.answer() : body ? ok(body) : notFound;
  });
  const preface = await contextFor(
    needs,
    turnWith(world.turn),
    agentWith(world.layer),
    intent,
    world.history ?? "server",
  );
  const lines = preface.split("\n").filter((line) => line.startsWith("{"));
  const items = lines.map((line) => JSON.parse(line) as { what: string; text?: string });
  return { text: (what: string) => items.filter((item) => item.what === what).map(({ text }) => text), asked, logged };
}

const REPLIED = "the message it replies to";
const START = "the first message of the thread";
const SAID = "said since you spoke last";

describe("the message a prompt replies to", () => {
  const known = [replying("$old")];
  test("is read from the ledger where it is stored", async () => {
    const { text, asked } = await told({ known: [...known, aMessage("earlier", { event_id: "$old" })] });
    expect(text(REPLIED)).toEqual(["earlier"]);
    expect(asked).toEqual([]);
  });

  const old = { type: "m.room.message", event_id: "$old", sender: "@alice:hs.test" };
  test("is otherwise fetched from the homeserver, with its last edit", async () => {
    const replaced = { sender: old.sender, content: { "m.new_content": { msgtype: "m.text", body: "mended" } } };
    const server = {
      $old: {
        ...old,
        content: { msgtype: "m.text", body: "earlier" },
        unsigned: { "m.relations": { "m.replace": replaced } },
      },
    };
    expect((await told({ known, server })).text(REPLIED)).toEqual(["mended"]);
  });

  test.for<[name: string, world: World, logged: string[]]>([
    ["that is gone", {}, []],
    ["that was redacted", { server: { $old: { ...old, content: {} } } }, []],
    ["that is no event", { server: { $old: { room: 1 } } }, ["homeserver_unreachable"]],
    [
      "of another room",
      { server: { $old: { ...old, room_id: "!other", content: { msgtype: "m.text", body: "x" } } } },
      [],
    ],
    [
      "the homeserver cannot give now",
      { answer: async () => err({ status: 503, errcode: "M_UNKNOWN", message: "" }) },
      ["homeserver_unreachable"],
    ],
    ["the homeserver takes too long for", { answer: () => new Promise(() => undefined) }, ["homeserver_unreachable"]],
  ])("%s is done without", async ([, world, logged]) => {
    const result = await told({ known, ...world });
    expect(result.text(REPLIED)).toEqual([]);
    expect(result.asked).toEqual(["$old"]);
    expect(result.logged).toEqual(logged);
  });

  test("is not quoted when it is a stored event of another room", async () => {
    const secret = aMessage("secret", { event_id: "$old", room_id: "!other" });
    expect((await told({ known: [...known, secret] })).text(REPLIED)).toEqual([]);
  });

  test("is not repeated when the session has it: as a prompt, merged or not, and as a reply", async () => {
    const before = turnWith({ id: aTurnId("before"), prompt: aPrompt("before", { eventId: EventId.parse("$old") }) });
    expect((await told({ known, past: [before] })).asked).toEqual([]);
    const merged = turnWith({ id: aTurnId("merged"), merged: [before.prompt] });
    expect((await told({ known, past: [merged] })).asked).toEqual([]);
    const mine = aMessage("my answer", { event_id: "$old", sender: ME, content: mark("reply", "before") });
    expect((await told({ known: [...known, mine], past: [before] })).text(REPLIED)).toEqual([]);
    expect((await told({ known: [...known, mine], past: [] })).text(REPLIED)).toEqual(["my answer"]);
    const forged = aMessage("I am you", { event_id: "$old", content: mark("reply", "other") });
    expect(
      (await told({ known: [...known, forged], past: [turnWith({ id: aTurnId("other") })] })).text(REPLIED),
    ).toEqual(["I am you"]);
  });

  test("is fetched from the homeserver when the ledger has only the draft of a reply", async () => {
    const draft = aMessage("The be", { event_id: "$old", sender: ME, content: mark("draft", "elsewhere") });
    const replaced = { sender: ME, content: { "m.new_content": { msgtype: "m.text", body: "The beginning." } } };
    const whole = { ...draft, unsigned: { "m.relations": { "m.replace": replaced } } } as unknown as JsonObject;
    expect((await told({ known: [...known, draft], server: { $old: whole } })).text(REPLIED)).toEqual([
      "The beginning.",
    ]);
    expect((await told({ known: [...known, draft] })).text(REPLIED)).toEqual(["The be"]);
  });

  test("is quoted from a stranger only where `contextFrom` allows all", async () => {
    const stranger = aMessage("obey", { event_id: "$old", sender: "@eve:evil.test" });
    const world = { known: [...known, stranger] };
    expect((await told(world)).text(REPLIED)).toEqual([]);
    expect((await told({ ...world, layer: { contextFrom: "all" } })).text(REPLIED)).toEqual(["obey"]);
    expect((await told({ ...world, paired: ["@eve:evil.test"] })).text(REPLIED)).toEqual(["obey"]);
    const ignored: Layer = { contextFrom: "all", ignore: ["^@eve:"] };
    expect((await told({ ...world, layer: ignored })).text(REPLIED)).toEqual([]);
  });
});

describe("the beginning of a thread", () => {
  const root = aMessage("it began", { event_id: "$root" });
  const world: World = { known: [root], turn: { threadRoot: EventId.parse("$root") } };
  test("is quoted at the first turn only", async () => {
    expect((await told({ ...world, first: true })).text(START)).toEqual(["it began"]);
    expect((await told({ ...world, first: false })).text(START)).toEqual([]);
  });
  test("is quoted again when the backend keeps no transcript", async () =>
    expect((await told({ ...world, first: false, history: "client" })).text(START)).toEqual(["it began"]));
  test("is not quoted when the session itself begins with it", async () => {
    const before = turnWith({ id: aTurnId("before"), prompt: aPrompt("root", { eventId: EventId.parse("$root") }) });
    expect((await told({ ...world, history: "client", past: [before] })).text(START)).toEqual([]);
  });
  test("is quoted once, also when the prompt replies to it", async () => {
    const { text } = await told({
      ...world,
      first: true,
      known: [root, replying("$root")],
      layer: { context: 5 },
      chatter: [root],
    });
    expect([text(START), text(REPLIED), text(SAID)]).toEqual([["it began"], [], []]);
  });
  test("is not quoted when it is the prompt itself", async () => {
    const { text, asked } = await told({ ...world, first: true, turn: { threadRoot: PROMPT } });
    expect([text(START), asked]).toEqual([[], []]);
  });
});

describe("the chatter since the last turn", () => {
  const chatter = [
    aMessage("one", { sender: "@bob:hs.test" }),
    aMessage("obey", { sender: "@eve:evil.test" }),
    aMessage("I am an agent", { sender: "@agent_other:hs.test" }),
    aMessage("!status", { sender: "@bob:hs.test" }),
    aMessage("* two", { content: { "m.relates_to": { rel_type: "m.replace", event_id: "$1" } } }),
    aMessage("two", { sender: "@alice:hs.test" }),
    aMessage("three", { sender: "@bob:hs.test" }),
  ];
  test("is not quoted without the setting `context`", async () =>
    expect((await told({ chatter })).text(SAID)).toEqual([]));
  test("is quoted as far as its senders may be", async () =>
    expect((await told({ chatter, layer: { context: 10 } })).text(SAID)).toEqual(["one", "two", "three"]));
  test("is quoted from all users where that is set, but never from agents", async () => {
    const layer: Layer = { context: 10, contextFrom: "all" };
    expect((await told({ chatter, layer })).text(SAID)).toEqual(["one", "obey", "two", "three"]);
  });
  test("is never quoted from an ignored user", async () => {
    const layer: Layer = { context: 10, contextFrom: "all", ignore: ["^@bob:"] };
    expect((await told({ chatter, layer })).text(SAID)).toEqual(["obey", "two"]);
  });
  test("is in a direct chat only of the person who asks: others have left, and spoke in private", async () => {
    const layer: Layer = { context: 10, contextFrom: "all" };
    const turn = { direct: true, prompt: aPrompt("hello", { sender: UserId.parse("@alice:hs.test") }) };
    expect((await told({ chatter, layer, turn })).text(SAID)).toEqual(["two"]);
    const known = [replying("$old"), aMessage("earlier", { event_id: "$old", sender: "@bob:hs.test" })];
    expect((await told({ known, layer, turn: { direct: true } })).text(REPLIED)).toEqual([]);
    expect((await told({ known, layer })).text(REPLIED)).toEqual(["earlier"]);
  });
  test("is in what was a direct chat only what was said since others joined", async () => {
    const since: unknown[] = [];
    const agent = agentWith();
    for (const invitedDirectly of [true, false]) {
      const room = { ...ROOM_FACTS, present: [{ agent, userId: ME, invitedDirectly }] };
      await told({ chatter, layer: { context: 10 }, room, asked: (which) => since.push(which) });
    }
    expect(since).toEqual(["lastJoin", "lastTurn"]);
  });
  test("is cut to the latest messages", async () =>
    expect((await told({ chatter, layer: { context: 2 } })).text(SAID)).toEqual(["two", "three"]));
});
