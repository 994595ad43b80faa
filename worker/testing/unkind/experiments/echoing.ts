/** Which of its own actions an appservice is pushed. */
import { setTimeout as sleep } from "node:timers/promises";
import type { JsonObject } from "#core/protocol/event.ts";
import {
  ask,
  DEVICE,
  enter,
  flushed,
  ONE,
  patience,
  pushedUntil,
  roomOfGhosts,
  SERVER_NAME,
  type Stage,
} from "./stage.ts";
import { bodiesOf, eventKeys, TAKEN, until } from "./tiny-appservice.ts";

const asOne = { as: ONE, device: DEVICE };

/** Synapse writes a new name into the rooms in the background. */
const RENAMED_MS = 2_000;

/** Sends, typing, new names and redactions of a ghost that is in no other room. */
export async function echoes(stage: Stage) {
  const room = await roomOfGhosts(stage);
  const ghost = `@agent_echoed:${SERVER_NAME}`;
  const as = { as: ghost, device: DEVICE };
  await enter(stage, room, ghost);
  await flushed(stage, room);
  const { pushes } = stage.appservice;
  const inRoom = `/client/v3/rooms/${room}`;
  const put = (path: string, body: JsonObject) => ask(stage, "PUT", path, { ...as, body });
  const send = () => put(`${inRoom}/send/m.room.message/echo`, { msgtype: "m.text", body: "own" });
  const named = async (displayname: string) => {
    await put(`/client/v3/profile/${ghost}/displayname`, { displayname });
    await sleep(Math.min(RENAMED_MS, 5 * stage.recoveryMs));
  };
  const heard = async (act: () => Promise<unknown>) => {
    await act();
    await pushedUntil(stage, await stage.say(room, "then"));
    const events = pushes.flatMap((push) => push.events);
    const contentKeys = Object.keys(events[0]?.content ?? {}).sort();
    const found = { bodies: bodiesOf(pushes).flat(), keys: eventKeys(events[0]), contentKeys };
    await flushed(stage, room);
    return found;
  };
  const sent = await heard(send);
  const eventId = String((await send()).body["event_id"]);
  return {
    sent,
    sentAgain: (await heard(send)).bodies,
    typing: (await heard(() => put(`${inRoom}/typing/${ghost}`, { typing: true, timeout: 1_000 }))).bodies,
    named: await heard(() => named("Another")),
    namedAlike: (await heard(() => named("Another"))).bodies,
    redacted: await heard(() => put(`${inRoom}/redact/${eventId}/echo2`, {})),
  };
}

/** A message that is redacted before the appservice accepts it. */
export async function redactedMeanwhile(stage: Stage) {
  const room = await roomOfGhosts(stage);
  const { pushes } = stage.appservice;
  stage.appservice.answering = () => ({ status: 500 });
  const path = `/client/v3/rooms/${room}/send/m.room.message/secret`;
  const sent = await ask(stage, "PUT", path, { ...asOne, body: { msgtype: "m.text", body: "secret" } });
  await until(() => pushes.length === 1, patience(stage), "the first push");
  await ask(stage, "PUT", `/client/v3/rooms/${room}/redact/${String(sent.body["event_id"])}/gone`, {
    ...asOne,
    body: {},
  });
  stage.appservice.answering = () => TAKEN;
  await pushedUntil(stage, await stage.say(room, "then"));
  const result = { bodies: bodiesOf(pushes), keys: eventKeys(pushes.at(1)?.events[0]) };
  await flushed(stage, room);
  return result;
}
