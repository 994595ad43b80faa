/** What an experiment runs on: a homeserver, real or fake, a user on it, and a tiny appservice with two ghosts. */
import { setTimeout as sleep } from "node:timers/promises";
import * as z from "zod/v4";
import type { JsonObject } from "#core/protocol/event.ts";
import { type Push, TAKEN, type TinyAppservice, until } from "./tiny-appservice.ts";

export const SERVER_NAME = "hs.test";
export const AS_TOKEN = "as-token-of-the-experiments";
export const HS_TOKEN = "hs-token-of-the-experiments";
export const ONE = `@agent_one:${SERVER_NAME}`;
export const TWO = `@agent_two:${SERVER_NAME}`;
export const DEVICE = "TROUPE";

export interface Stage {
  url: string;
  appservice: TinyAppservice;
  /** A new room with only the user in it. */
  room(): Promise<string>;
  invite(room: string, user: string): Promise<void>;
  say(room: string, body: string): Promise<string>;
  topic(room: string, topic: string): Promise<void>;
  /** Kills the homeserver and starts it again. */
  restart(): Promise<void>;
  /** The timeout and the first pause of this homeserver. */
  timeoutMs: number;
  recoveryMs: number;
}

export interface Asked {
  status: number;
  body: JsonObject;
  errcode: string | undefined;
}
interface Ask {
  as?: string;
  device?: string;
  token?: string;
  body?: JsonObject | string;
}
const ObjectBody = z.record(z.string(), z.json());

/** The client–server API as the appservice. */
export async function ask(
  stage: Stage,
  method: string,
  path: string,
  { as, device, token = AS_TOKEN, body }: Ask = {},
): Promise<Asked> {
  const query = new URLSearchParams({ ...(as ? { user_id: as } : {}), ...(device ? { device_id: device } : {}) });
  const separator = path.includes("?") ? "&" : "?";
  const answer = await fetch(`${stage.url}/_matrix${path}${query.size > 0 ? `${separator}${query}` : ""}`, {
    method,
    headers: {
      ...(token ? { authorization: `Bearer ${token}` } : {}),
      "content-type": "application/json",
      connection: "close",
    },
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  const json = ObjectBody.catch({}).parse(await answer.json().catch(() => ({})));
  return {
    status: answer.status,
    body: json,
    errcode: typeof json["errcode"] === "string" ? json["errcode"] : undefined,
  };
}

export const register = (stage: Stage, userId: string): Promise<Asked> =>
  ask(stage, "POST", "/client/v3/register", {
    body: { type: "m.login.application_service", username: userId.slice(1, userId.indexOf(":")), inhibit_login: true },
  });

/** A room with the user and both ghosts, who have a device each. All events about that are pushed already. */
export async function roomOfGhosts(stage: Stage): Promise<string> {
  const room = await stage.room();
  for (const ghost of [ONE, TWO]) await enter(stage, room, ghost);
  await flushed(stage, room);
  return room;
}

/** Gives a ghost an account and a device, invites it and lets it join. */
export async function enter(stage: Stage, room: string, ghost: string): Promise<void> {
  await register(stage, ghost);
  await ask(stage, "PUT", `/client/v3/devices/${DEVICE}`, { as: ghost, body: {} });
  await stage.invite(room, ghost);
  await ask(stage, "POST", `/client/v3/rooms/${encodeURIComponent(room)}/join`, { as: ghost, body: {} });
}

/** Makes the appservice accept everything, and waits until all events are pushed. */
export async function flushed(stage: Stage, room: string): Promise<void> {
  stage.appservice.answering = () => TAKEN;
  const eventId = await stage.say(room, "flush");
  await until(() => stage.appservice.pushes.some((push) => holds(push, eventId)), patience(stage), "the flush");
  // The homeserver needs a moment to store that it was accepted.
  await sleep(Math.min(300, stage.recoveryMs));
  stage.appservice.pushes.length = 0;
}

/**
 * Empties the store of transactions from before a restart by causing an outage. They would be pushed in the middle of
 * another experiment otherwise.
 */
export async function cleared(stage: Stage, room: string): Promise<void> {
  const { pushes } = stage.appservice;
  await flushed(stage, room);
  stage.appservice.answering = (push) => (push === pushes[0] ? { status: 500 } : TAKEN);
  await pushedUntil(stage, await stage.say(room, "cleared"), 2);
  await flushed(stage, room);
}

const holds = (push: Push, eventId: string): boolean => push.events.some(({ event_id }) => event_id === eventId);

/** Longer than any pause in the experiments. */
export const patience = ({ timeoutMs, recoveryMs }: Stage): number => 2 * timeoutMs + 20 * recoveryMs + 5_000;

export const pushedUntil = (stage: Stage, eventId: string, times = 1): Promise<true> =>
  until(
    () => stage.appservice.pushes.filter((push) => holds(push, eventId)).length >= times || undefined,
    patience(stage),
    `push ${times} of ${eventId}`,
  );
