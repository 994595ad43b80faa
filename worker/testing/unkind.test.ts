/** The unkind homeserver: it behaves like the recorded Synapse, and adds failures. */
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { EXPERIMENTS } from "./unkind/experiments/all.ts";
import { AS_TOKEN, ask, DEVICE, HS_TOKEN, ONE, register, type Stage } from "./unkind/experiments/stage.ts";
import { bodiesOf, TAKEN, type TinyAppservice, tinyAppservice } from "./unkind/experiments/tiny-appservice.ts";
import { type Options, startUnkindHomeserver, type UnkindHomeserver } from "./unkind/index.ts";
import { recorded } from "./unkind/record.ts";

const ALICE = "@alice:hs.test";

/** The timeout and first pause of the fake, shorter than Synapse's 60 s and 2 s. */
interface Pace {
  timeoutMs: number;
  recoveryMs: number;
}
const QUICKLY: Pace = { timeoutMs: 10_000, recoveryMs: 80 };
/** For experiments that measure a pause or act within one. */
const SLOWLY: Pace = { timeoutMs: 10_000, recoveryMs: 300 };
const PACES: Record<string, Pace> = {
  pauses: SLOWLY,
  ping: SLOWLY,
  outage: SLOWLY,
  redactedMeanwhile: SLOWLY,
  hanging: { timeoutMs: 600, recoveryMs: 300 },
  half: { timeoutMs: 600, recoveryMs: 80 },
};

let appservice: TinyAppservice;
let server: UnkindHomeserver;
const start = async (more: Partial<Options> = QUICKLY) =>
  startUnkindHomeserver({ appserviceUrl: appservice.url, asToken: AS_TOKEN, hsToken: HS_TOKEN, ...more });
beforeEach(async () => {
  appservice = await tinyAppservice(HS_TOKEN);
  server = await start();
});
afterEach(async () => {
  await server.stop();
  await appservice.close();
});

const stage = (pace = QUICKLY): Stage => ({
  ...pace,
  url: server.url,
  appservice,
  room: async () => server.createRoom(ALICE),
  invite: async (room, user) => void server.invite(room, ALICE, user),
  say: async (room, body) => server.say(room, ALICE, body),
  topic: async (room, topic) => void server.emit(room, ALICE, "m.room.topic", { topic }, ""),
  restart: () => server.restart(),
});

describe("behaves like Synapse", () => {
  const { experiments } = recorded();
  test.for(Object.entries(EXPERIMENTS))("%s", { timeout: 30_000 }, async ([name, experiment]) => {
    const pace = PACES[name] ?? QUICKLY;
    await server.stop();
    server = await start(pace);
    // Through JSON, because the record is JSON.
    expect(JSON.parse(JSON.stringify(await experiment(stage(pace))))).toEqual(experiments[name]);
  });
  test("in every recorded experiment", () => {
    expect(Object.keys(experiments).sort()).toEqual(Object.keys(EXPERIMENTS).sort());
  });
});

/** A room of Alice and a ghost with a device, after all its events are pushed. */
async function aRoom(): Promise<string> {
  const room = server.createRoom(ALICE, ONE);
  await register(stage(), ONE);
  await ask(stage(), "PUT", `/client/v3/devices/${DEVICE}`, { as: ONE, body: {} });
  await server.settle({ quietMs: 50 });
  appservice.pushes.length = 0;
  return room;
}
const send = (room: string, txnId: string, body = txnId) =>
  ask(stage(), "PUT", `/client/v3/rooms/${room}/send/m.room.message/${txnId}`, {
    as: ONE,
    device: DEVICE,
    body: { msgtype: "m.text", body },
  });
const shown = (room: string) => server.visible(room).map(({ body }) => body);

describe("a send", () => {
  test("that is rate limited gets a Retry-After, and succeeds later with the same id", async () => {
    const room = await aRoom();
    server.be({ limited: 1, retryAfterMs: 1_500 });
    const url = `${server.url}/_matrix/client/v3/rooms/${room}/send/m.room.message/a?user_id=${ONE}&device_id=${DEVICE}`;
    const headers = { authorization: `Bearer ${AS_TOKEN}` };
    const body = '{"msgtype":"m.text","body":"a"}';
    const refused = await fetch(url, { method: "PUT", headers, body });
    expect(refused.status).toBe(429);
    expect(refused.headers.get("retry-after")).toBe("2");
    expect(await refused.json()).toMatchObject({ errcode: "M_LIMIT_EXCEEDED", retry_after_ms: 1_500 });
    server.be({ limited: 0 });
    expect((await send(room, "a")).status).toBe(200);
    expect(shown(room)).toEqual(["a"]);
  });

  test("whose answer is lost has an event, which a repetition returns", async () => {
    const room = await aRoom();
    server.be({ lostAnswers: 1 });
    await expect(send(room, "a")).rejects.toThrow("fetch failed");
    server.be({ lostAnswers: 0 });
    const [event] = server.visible(room);
    expect((await send(room, "a")).body["event_id"]).toBe(event?.eventId);
    await server.restart();
    expect((await send(room, "a")).body["event_id"]).toBe(event?.eventId);
    expect(shown(room)).toEqual(["a"]);
    expect(server.counts).toMatchObject({ sends: 1, fromMemory: 1, fromStore: 1, lost: 1 });
  });

  test("has no event if it is lost or fails with 500, but has one after the 502 of a proxy", async () => {
    const room = await aRoom();
    server.be({ lostRequests: 1 });
    await expect(send(room, "a")).rejects.toThrow("fetch failed");
    server.be({ lostRequests: 0, broken: 1 });
    expect(await send(room, "b")).toMatchObject({ status: 500 });
    server.be({ broken: 0, brokenAfter: 1 });
    expect(await send(room, "c")).toMatchObject({ status: 502 });
    expect(shown(room)).toEqual(["c"]);
  });

  test("can be slow without other calls being slow; `on: everything` slows all of them", async () => {
    const room = await aRoom();
    server.be({ slow: 1, slowMs: 400 });
    const took = async (act: () => Promise<unknown>) => {
      const startedAtMs = performance.now();
      await act();
      return performance.now() - startedAtMs;
    };
    expect(await took(() => send(room, "a"))).toBeGreaterThan(390);
    expect(await took(() => ask(stage(), "GET", "/client/v3/account/whoami"))).toBeLessThan(350);
    server.be({ on: "everything" });
    expect(await took(() => ask(stage(), "GET", "/client/v3/account/whoami"))).toBeGreaterThan(390);
  });

  test("is visible with its edit, and invisible after its redaction", async () => {
    const room = await aRoom();
    const first = String((await send(room, "a")).body["event_id"]);
    const second = String((await send(room, "b")).body["event_id"]);
    await ask(stage(), "PUT", `/client/v3/rooms/${room}/send/m.room.message/edit`, {
      as: ONE,
      body: {
        msgtype: "m.text",
        body: "* A",
        "m.new_content": { msgtype: "m.text", body: "A" },
        "m.relates_to": { rel_type: "m.replace", event_id: first },
      },
    });
    await ask(stage(), "PUT", `/client/v3/rooms/${room}/redact/${second}/gone`, { as: ONE, body: {} });
    expect(server.visible(room)).toMatchObject([
      { eventId: first, sender: ONE, body: "A", edits: [expect.anything()] },
    ]);
  });
});

describe("a push", () => {
  test("whose answer is lost is repeated with the same id", async () => {
    const room = await aRoom();
    server.be({ unheard: 1 });
    server.say(room, ALICE, "hello");
    await vi.waitFor(() => expect(server.counts.unheard).toBe(1));
    server.be({ unheard: 0 });
    await server.settle({ quietMs: 50 });
    expect(bodiesOf(appservice.pushes)).toEqual([["hello"], ["hello"]]);
    expect(appservice.pushes[0]?.txnId).toBe(appservice.pushes[1]?.txnId);
  });

  test("can repeat an event in another transaction", async () => {
    const room = await aRoom();
    server.be({ duplicated: 1, laterMs: 50 });
    const eventId = server.say(room, ALICE, "twice");
    await server.settle({ quietMs: 50 });
    expect(appservice.pushes.map(({ events }) => events.map(({ event_id }) => event_id))).toEqual([
      [eventId],
      [eventId],
    ]);
    expect(appservice.pushes[0]?.txnId).not.toBe(appservice.pushes[1]?.txnId);
  });

  test("can bring an old event behind newer ones, also after a restart", async () => {
    const room = await aRoom();
    server.be({ orphaned: 1, laterMs: 600 });
    server.say(room, ALICE, "old");
    server.be({ orphaned: 0 });
    server.say(room, ALICE, "new");
    await vi.waitFor(() => expect(bodiesOf(appservice.pushes)).toEqual([["new"]]));
    await server.restart();
    await vi.waitFor(() => expect(bodiesOf(appservice.pushes)).toEqual([["new"], ["old"]]), { timeout: 5_000 });
    expect(appservice.pushes[1]?.events[0]?.unsigned?.age).toBeGreaterThanOrEqual(590);
  });

  test("is sent twice at once when a ping comes during a retry", async () => {
    const room = await aRoom();
    appservice.answering = (push) => (push === appservice.pushes[0] ? { status: 500 } : sleep(150).then(() => TAKEN));
    server.say(room, ALICE, "hurry");
    await vi.waitFor(() => expect(appservice.pushes).toHaveLength(2));
    await ask(stage(), "POST", "/client/v1/appservice/troupe/ping", { body: {} });
    await server.settle({ quietMs: 50 });
    expect(new Set(appservice.pushes.map(({ txnId }) => txnId)).size).toBe(1);
    expect(appservice.pushes).toHaveLength(3);
    expect(server.counts.concurrent).toBe(1);
  });

  test("that waits in memory is lost with a restart, but its event is in the room", async () => {
    const room = await aRoom();
    appservice.answering = () => undefined;
    const held = server.say(room, ALICE, "held");
    await vi.waitFor(() => expect(appservice.pushes).toHaveLength(1));
    const waiting = server.say(room, ALICE, "waiting");
    await sleep(20);
    await server.restart();
    expect(server.lost).toEqual([waiting]);
    expect(server.undelivered()).toEqual([held]);
    expect(shown(room)).toEqual(["held", "waiting"]);
  });

  test("to an absent appservice waits, and `settle` throws", async () => {
    const room = await aRoom();
    const port = Number(new URL(appservice.url).port);
    await appservice.close();
    const eventId = server.say(room, ALICE, "anybody?");
    await expect(server.settle({ withinMs: 300 })).rejects.toThrow("did not come to rest");
    expect(server.undelivered()).toEqual([eventId]);
    appservice = await tinyAppservice(HS_TOKEN, port);
    await server.settle();
    expect(bodiesOf(appservice.pushes)).toEqual([["anybody?"]]);
    expect(server.undelivered()).toEqual([]);
  });

  test("holds to-device messages, but its retry does not", async () => {
    await server.stop();
    server = await start({ ...QUICKLY, receivesEphemeral: true });
    const room = await aRoom();
    appservice.answering = () => (appservice.pushes.length < 2 ? { status: 500 } : TAKEN);
    server.sendToDevice(ONE, DEVICE, ALICE, "m.secret", {});
    server.say(room, ALICE, "after it");
    await server.settle();
    const toDevice = appservice.pushes.map(({ text }) => JSON.parse(text)["de.sorunome.msc2409.to_device"].length);
    expect(toDevice).toEqual([1, 0, 0]);
    expect(bodiesOf(appservice.pushes)).toEqual([[], [], ["after it"]]);
  });
});

test("records invalid requests as violations", async () => {
  await ask(stage(), "GET", "/client/v3/account/whoami", { token: "wrong" });
  await ask(stage(), "GET", "/client/v3/account/whoami", { as: ALICE });
  await ask(stage(), "GET", "/client/v3/nothing");
  expect(server.violations).toEqual([
    expect.stringContaining("M_UNKNOWN_TOKEN"),
    expect.stringContaining("masquerade"),
    expect.stringContaining("not known here"),
  ]);
});

test("draws the same failures for the same seed", async () => {
  const drawn = async () => {
    const one = await startUnkindHomeserver({
      asToken: AS_TOKEN,
      hsToken: HS_TOKEN,
      seed: 7,
      unkindness: { broken: 0.5 },
    });
    const room = one.createRoom(ALICE, ONE);
    const path = (n: number) => `${one.url}/_matrix/client/v3/rooms/${room}/send/m.room.message/${n}?user_id=${ONE}`;
    const put = {
      method: "PUT",
      headers: { authorization: `Bearer ${AS_TOKEN}` },
      body: '{"msgtype":"m.text","body":"x"}',
    };
    const statuses: number[] = [];
    for (let n = 0; n < 20; n++) statuses.push((await fetch(path(n), put)).status);
    await one.stop();
    return statuses;
  };
  const statuses = await drawn();
  expect(new Set(statuses).size).toBe(2);
  expect(await drawn()).toEqual(statuses);
});
