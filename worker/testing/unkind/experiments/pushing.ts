/** What a homeserver pushes, and how it treats the answers. Each experiment returns only what is the same at every run. */
import { setTimeout as sleep } from "node:timers/promises";
import { ask, flushed, patience, pushedUntil, register, roomOfGhosts, SERVER_NAME, type Stage } from "./stage.ts";
import { bodiesOf, eventKeys, type Push, type Reply, TAKEN, until } from "./tiny-appservice.ts";

const ANSWERS: Record<string, Reply> = {
  "200 {}": TAKEN,
  "200 []": { status: 200, body: "[]" },
  "200 null": { status: 200, body: "null" },
  "200 {} as text/plain": { status: 200, body: "{}", headers: { "content-type": "text/plain" } },
  "200 empty": { status: 200 },
  "200 OK": { status: 200, body: "OK" },
  "201 {}": { status: 201, body: "{}" },
  "202 {}": { status: 202, body: "{}" },
  "204": { status: 204 },
  "307": { status: 307, body: "{}", headers: { location: "/elsewhere" } },
  "400 {}": { status: 400, body: "{}" },
  "403 {}": { status: 403, body: "{}" },
  "404 {}": { status: 404, body: "{}" },
  "429 {}": { status: 429, body: "{}", headers: { "retry-after": "1" } },
  "500 {}": { status: 500, body: "{}" },
};

/** Which answers count as success. The next message shows it: a transaction that failed is sent again after it. */
export async function answers(stage: Stage): Promise<Record<string, string>> {
  const room = await roomOfGhosts(stage);
  const found: Record<string, string> = {};
  for (const [name, reply] of Object.entries(ANSWERS)) {
    const { pushes } = stage.appservice;
    stage.appservice.answering = (push) => (push === pushes[0] ? reply : TAKEN);
    await stage.say(room, "asked");
    await until(() => pushes.length === 1, patience(stage), name);
    await sleep(50);
    await stage.say(room, "next");
    const second = await until(() => pushes[1], patience(stage), name);
    found[name] = second.txnId === pushes[0]?.txnId ? "sent again" : "taken";
    await flushed(stage, room);
  }
  return found;
}

/** The pauses before each of three retries, and after a success again, as powers of two of the first pause. */
export async function pauses(stage: Stage) {
  const room = await roomOfGhosts(stage);
  const outage = async (failures: number) => {
    const { pushes } = stage.appservice;
    stage.appservice.answering = () => (pushes.length <= failures ? { status: 500 } : TAKEN);
    await stage.say(room, "not yet");
    await until(() => pushes.length === failures + 1, patience(stage), "the last retry");
    const steps = pushes
      .slice(1)
      .map(({ atMs }, at) => Math.round(Math.log2((atMs - (pushes[at]?.atMs ?? 0)) / stage.recoveryMs)));
    await flushed(stage, room);
    return steps;
  };
  return { first: await outage(3), again: await outage(1) };
}

/** What is different in a retry, for a message and for a state event that replaced another. */
export async function retry(stage: Stage) {
  const room = await roomOfGhosts(stage);
  await stage.topic(room, "first");
  await flushed(stage, room);
  const { pushes } = stage.appservice;
  const twice = async (act: () => Promise<unknown>) => {
    stage.appservice.answering = () => (pushes.length === 1 ? { status: 500 } : TAKEN);
    await act();
    await until(() => pushes.length === 2, patience(stage), "the retry");
    const compared = compare(pushes[0], pushes[1]);
    await flushed(stage, room);
    return compared;
  };
  return {
    message: await twice(() => stage.say(room, "again")),
    state: await twice(() => stage.topic(room, "second")),
  };
}

function compare(first: Push | undefined, second: Push | undefined) {
  const [before, after] = [first?.events[0], second?.events[0]];
  const ageless = (push: Push | undefined) => push?.text.replaceAll(/"age":\s?\d+/g, '"age":0');
  return {
    sameTxnId: first?.txnId === second?.txnId,
    sameBytesButAge: ageless(first) === ageless(second),
    older: (after?.unsigned?.age ?? 0) > (before?.unsigned?.age ?? 0),
    keys: eventKeys(before),
    lost: eventKeys(before).filter((key) => !eventKeys(after).includes(key)),
  };
}

/** Messages during an outage come in a transaction each. */
export async function outage(stage: Stage) {
  const room = await roomOfGhosts(stage);
  const { pushes } = stage.appservice;
  stage.appservice.answering = () => ({ status: 500 });
  await stage.say(room, "1");
  await until(() => pushes.length === 1, patience(stage), "the first push");
  await sleep(50);
  for (const body of ["2", "3", "4", "5"]) await stage.say(room, body);
  stage.appservice.answering = () => TAKEN;
  await pushedUntil(stage, await stage.say(room, "6"));
  const result = { bodies: bodiesOf(pushes), txnIds: stepsOf(pushes) };
  await flushed(stage, room);
  return result;
}

/** Transaction ids as steps from the first. */
const stepsOf = (pushes: readonly Push[]) => pushes.map(({ txnId }) => Number(txnId) - Number(pushes[0]?.txnId));

/** Messages during a slow answer come together, up to a hundred in a transaction. */
export async function slow(stage: Stage) {
  const room = await roomOfGhosts(stage);
  const { pushes } = stage.appservice;
  const answered = Promise.withResolvers<void>();
  stage.appservice.answering = async (push) => {
    if (push === pushes[0]) await answered.promise;
    return TAKEN;
  };
  await stage.say(room, "0");
  await until(() => pushes.length === 1, patience(stage), "the first push");
  for (let n = 1; n < 230; n++) await stage.say(room, String(n));
  await sleep(100);
  answered.resolve();
  await until(() => sizesOf(pushes).reduce((sum, size) => sum + size) >= 230, patience(stage), "all of them");
  const bodies = bodiesOf(pushes).flat();
  const result = { sizes: sizesOf(pushes), inOrder: bodies.every((body, at) => body === String(at)) };
  await flushed(stage, room);
  return result;
}

const sizesOf = (pushes: readonly Push[]) => pushes.map(({ events }) => events.length);

/** A push without an answer is sent again after the timeout, even if the appservice still works on the first one. */
export async function hanging(stage: Stage) {
  const room = await roomOfGhosts(stage);
  const { pushes } = stage.appservice;
  stage.appservice.answering = (push) => (push === pushes[0] ? undefined : TAKEN);
  await stage.say(room, "0");
  const first = await until(() => pushes[0], patience(stage), "the first push");
  for (let n = 1; n < 150; n++) await stage.say(room, String(n));
  const second = await until(() => pushes[1], patience(stage), "the retry");
  const waited = second.atMs - first.atMs;
  await until(() => sizesOf(pushes.slice(1)).reduce((sum, size) => sum + size) >= 150, patience(stage), "all of them");
  const result = {
    sameTxnId: second.txnId === first.txnId,
    closedByHomeserver: first.abandoned,
    waitedTimeoutAndPause: Math.abs(waited - stage.timeoutMs - stage.recoveryMs) < Math.max(300, stage.recoveryMs / 2),
    sizes: sizesOf(pushes),
    inOrder: bodiesOf(pushes.slice(1))
      .flat()
      .every((body, at) => body === String(at)),
  };
  await flushed(stage, room);
  return result;
}

/** An answer with an incomplete body is waited for beyond the timeout. A body that breaks off is a failure. */
export async function half(stage: Stage) {
  const room = await roomOfGhosts(stage);
  const { pushes } = stage.appservice;
  const later = Promise.withResolvers<string | undefined>();
  stage.appservice.answering = (push) => (push === pushes[0] ? { status: 200, body: "{", rest: later.promise } : TAKEN);
  await stage.say(room, "half");
  await sleep(stage.timeoutMs + 2 * stage.recoveryMs);
  const { length: pushesUntilThen, [0]: first } = pushes;
  later.resolve("}");
  await pushedUntil(stage, await stage.say(room, "next"));
  const whole = bodiesOf(pushes);
  await flushed(stage, room);
  stage.appservice.answering = (push) =>
    push === pushes[0] ? { status: 200, body: "{", rest: Promise.resolve(undefined) } : TAKEN;
  await pushedUntil(stage, await stage.say(room, "broken off"), 2);
  const result = { pushesUntilThen, abandoned: first?.abandoned, whole, brokenOff: bodiesOf(pushes) };
  await flushed(stage, room);
  return result;
}

/** A ping with a valid answer ends the back-off; any other does nothing. */
export async function ping(stage: Stage) {
  const room = await roomOfGhosts(stage);
  const { pushes } = stage.appservice;
  stage.appservice.answering = () => ({ status: 500 });
  await stage.say(room, "not yet");
  // After the first retry the pause has doubled.
  await until(() => pushes.length === 2, patience(stage), "the first retry");
  stage.appservice.answering = () => TAKEN;
  const send = async (pong: Reply) => {
    stage.appservice.pong = pong;
    const { status, errcode, body } = await ask(stage, "POST", "/client/v1/appservice/troupe/ping", {
      body: { transaction_id: "x" },
    });
    return { status, errcode: errcode ?? null, keys: Object.keys(body).sort() };
  };
  const refused = await send({ status: 500, body: "{}" });
  const empty = await send({ status: 200 });
  const pinged = Date.now();
  const answered = await send(TAKEN);
  await until(() => pushes.length === 3, patience(stage), "the retry at once");
  const result = { refused, empty, answered, atOnce: Date.now() - pinged < stage.recoveryMs };
  await flushed(stage, room);
  return result;
}

/** From the invitation of an unknown ghost to the first message that is pushed for it. */
export async function invitation(stage: Stage) {
  await roomOfGhosts(stage);
  const { pushes, asked } = stage.appservice;
  asked.length = 0;
  const ghost = `@agent_invited:${SERVER_NAME}`;
  const room = await stage.room();
  await stage.say(room, "before the invitation");
  await stage.invite(room, ghost);
  await until(() => pushes.length > 0, patience(stage), "the invitation");
  await stage.say(room, "before the join");
  await sleep(500);
  await register(stage, ghost);
  await ask(stage, "POST", `/client/v3/rooms/${encodeURIComponent(room)}/join`, { as: ghost, body: {} });
  await until(() => pushes.length > 1, patience(stage), "the join");
  await pushedUntil(stage, await stage.say(room, "after the join"));
  const events = pushes.flatMap((push) => push.events);
  const shape = (type: string) => eventKeys(events.find((one) => one.type === type));
  const result = {
    asked: [...asked],
    pushed: bodiesOf(pushes),
    bodyKeys: pushes[0]?.keys,
    headers: pushes[0]?.headers.filter((name) => name !== "connection" && name !== "accept-encoding"),
    messageKeys: shape("m.room.message"),
    invitationKeys: shape("m.room.member"),
  };
  pushes.length = 0;
  return result;
}
