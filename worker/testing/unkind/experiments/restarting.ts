/** What a homeserver still pushes after a restart. */
import { setTimeout as sleep } from "node:timers/promises";
import { cleared, flushed, patience, pushedUntil, roomOfGhosts, type Stage } from "./stage.ts";
import { bodiesOf, eventKeys, type Push, TAKEN, until } from "./tiny-appservice.ts";

const told = (pushes: readonly Push[]) =>
  pushes.map((push, at) => ({ txnId: push.txnId, bodies: bodiesOf(pushes)[at] }));

/** A restart with nothing left to push. */
export async function whenIdle(stage: Stage) {
  const room = await roomOfGhosts(stage);
  await cleared(stage, room);
  await stage.restart();
  await pushedUntil(stage, await stage.say(room, "one"));
  await pushedUntil(stage, await stage.say(room, "two"));
  const result = told(stage.appservice.pushes);
  await flushed(stage, room);
  return result;
}

/** A restart during a push: the events that wait behind it are lost, the push is repeated after the next outage. */
export async function whenBusy(stage: Stage) {
  const room = await roomOfGhosts(stage);
  const { pushes } = stage.appservice;
  await cleared(stage, room);
  await stage.restart();
  await flushed(stage, room);
  stage.appservice.answering = () => undefined;
  const held = await stage.say(room, "held");
  await pushedUntil(stage, held);
  await stage.say(room, "queued 1");
  await stage.say(room, "queued 2");
  await sleep(300);
  await stage.restart();
  stage.appservice.answering = () => TAKEN;
  await pushedUntil(stage, await stage.say(room, "after"));
  await sleep(300);
  stage.appservice.answering = (push) => (push === pushes.at(-1) && pushes.length === 3 ? { status: 500 } : TAKEN);
  await pushedUntil(stage, await stage.say(room, "refused once"), 2);
  const result = told(pushes);
  await cleared(stage, room);
  return result;
}

/** A restart during an outage, with two changes of the topic stored: nothing is pushed until there is a new event. */
export async function whenDown(stage: Stage) {
  const room = await roomOfGhosts(stage);
  const { pushes } = stage.appservice;
  await cleared(stage, room);
  await stage.restart();
  await stage.topic(room, "first");
  await flushed(stage, room);
  stage.appservice.answering = () => ({ status: 500 });
  await stage.topic(room, "refused");
  await until(() => pushes.length === 1, patience(stage), "the refused push");
  const refused = eventKeys(pushes[0]?.events[0]);
  await stage.topic(room, "stored");
  await sleep(200);
  await stage.restart();
  pushes.length = 0;
  stage.appservice.answering = () => TAKEN;
  await sleep(3 * stage.recoveryMs);
  const unasked = pushes.length;
  await pushedUntil(stage, await stage.say(room, "new"));
  const keys = eventKeys(pushes[0]?.events[0]);
  const result = { unasked, told: told(pushes), lost: refused.filter((key) => !keys.includes(key)) };
  await flushed(stage, room);
  return result;
}
