/**
 * What a verdict means for the ledger. What the homeserver has to do for it is done here, before the verdict is written
 * down: done twice it is done once.
 */

import { CODE_LENGTH, codeOf } from "#core/access/code.ts";
import { threadNews } from "#core/gate/asks.ts";
import type { Facts, Verdict } from "#core/gate/facts.ts";
import { placeOf } from "#core/message/text.ts";
import { isPassing } from "#core/protocol/errcode.ts";
import type { RoomEvent } from "#core/protocol/event.ts";
import type { AgentId, RoomId } from "#core/protocol/ids.ts";
import { unreachable } from "#core/result.ts";
import { ENCRYPTED_ROOM, PAIRING_CODE, PAIRING_FULL } from "#core/strings/replies.ts";
import { answerThread } from "#core/turn/session.ts";
import type { OutboxRow } from "#ports/delivery.ts";
import type { Decision, RoomLook } from "#ports/rooms.ts";
import { obey } from "./commands/obey.ts";
import type { CommandNeeds } from "./commands/order.ts";
import { digest } from "./digest.ts";
import { join } from "./rooms/join.ts";
import { decline, depart, follow, moved } from "./rooms/moves.ts";
import { Trouble } from "./rooms/trouble.ts";
import { type Asked, asContext, type Brought, wake } from "./wake.ts";

export type Acted = Brought & Pick<Decision, "redacted">;

const NONE = { turns: [], controls: [], notices: [] };

/** A homeserver that is there and still does not do what it is asked is asked for so long. */
const PATIENCE_MS = 10 * 60_000;

/** Throws when it is worth another try; what will not succeed is given up, for everything behind it in the room waits. */
export async function act(needs: CommandNeeds, asked: Asked, room: RoomLook, verdict: Verdict): Promise<Acted> {
  try {
    return await done(needs, asked, room, verdict);
  } catch (error) {
    if (!(error instanceof Trouble) || error.isOurs) throw error;
    const { event, receivedAtMs } = asked.waiting;
    const isYoung = asked.facts.nowMs - receivedAtMs < PATIENCE_MS;
    if (isYoung && isPassing(error.error)) throw error;
    const reason = `An event of ${event.room_id} could not be followed: ${error.message}`;
    needs.log("dead_letter", { kind: "event", reason });
    await needs.ledger.addDeadLetter({ kind: "event", reason, raw: JSON.stringify(event) }, asked.facts.nowMs);
    return { ...NONE, reason: "given_up" };
  }
}

async function done(needs: CommandNeeds, asked: Asked, room: RoomLook, verdict: Verdict): Promise<Acted> {
  const { event } = asked.waiting;
  switch (verdict.kind) {
    case "ignore":
      return { ...NONE, reason: verdict.reason, ...(verdict.about ? { about: verdict.about } : {}) };
    case "wake":
      return wake(needs, asked, verdict);
    case "context":
      return asContext(needs, asked, verdict.woken, verdict.hop);
    case "command":
      return obey(needs, asked, room, verdict);
    case "stop":
      return stopAt(needs, asked, verdict);
    case "redact":
      return { ...NONE, reason: "redaction", redacted: verdict.eventId };
    case "join":
      return { ...NONE, ...(await enter(needs, asked, verdict.agent)), ...aboutOf(verdict.agent) };
    case "decline":
      await decline(needs, event.room_id, verdict.agent, verdict.reason);
      return { ...NONE, reason: verdict.reason, ...aboutOf(verdict.agent) };
    case "pair":
      return { ...NONE, reason: "pair", about: verdict.agent, notices: [await offered(needs, asked, verdict.agent)] };
    case "tell":
      return { ...NONE, reason: "encrypted", about: verdict.agent, notices: [told(needs, asked, verdict.agent)] };
    case "follow":
      return { ...NONE, reason: "follow", notices: await follow(needs, event.room_id, verdict.to, event.sender) };
    case "depart":
      return { ...NONE, reason: await depart(needs, event.room_id) };
    default:
      return unreachable(verdict);
  }
}

const aboutOf = (agent: AgentId | undefined) => (agent ? { about: agent } : {});

async function stopAt(
  { ledger }: CommandNeeds,
  { waiting }: Asked,
  { at, agents }: Extract<Verdict, { kind: "stop" }>,
): Promise<Acted> {
  const sessions = await ledger.openSessionsAt(at, waiting.event.room_id, agents);
  return { ...NONE, reason: "stop", controls: sessions.map((session) => ({ session, kind: "stop" })) };
}

/** Whoever comes into the room that replaced another one says so, once. */
async function enter(needs: CommandNeeds, { waiting }: Asked, agent: AgentId | undefined) {
  const roomId = waiting.event.room_id;
  const { reason, notices } = await join(needs, roomId, agent);
  return {
    reason,
    notices: reason === "join" && agent ? [...notices, ...(await moved(needs, roomId, agent))] : notices,
  };
}

/** Somebody who does not stop asking is reminded this often. */
const REMINDED_MS = 5 * 60_000;

async function offered(
  { ledger, delivery }: CommandNeeds,
  { waiting, facts }: Asked,
  agent: AgentId,
): Promise<OutboxRow> {
  const { room_id: roomId, sender: userId } = waiting.event;
  const fresh = codeOf(crypto.getRandomValues(new Uint8Array(CODE_LENGTH)));
  const code = await ledger.offerPairing({ agent, userId, code: fresh, atMs: facts.nowMs });
  const often = Math.floor(facts.nowMs / REMINDED_MS);
  const cause = `pair-${digest([agent, userId, code ?? "", String(often)]).slice(0, 20)}`;
  return delivery.notice({ agent, roomId, cause }, code ? PAIRING_CODE.replace("{code}", code) : PAIRING_FULL);
}

/** Once a room. */
function told({ delivery }: CommandNeeds, { waiting }: Asked, agent: AgentId): OutboxRow {
  const roomId = waiting.event.room_id;
  return delivery.notice({ agent, roomId, cause: `sealed-${digest([roomId]).slice(0, 20)}` }, ENCRYPTED_ROOM);
}

/** What a message means for its thread; where nobody is woken by it, nothing goes into one. */
export function threadOf(event: RoomEvent, facts: Facts, origin: RoomId, verdict: Verdict): Pick<Decision, "thread"> {
  const [woken] = verdict.kind === "wake" ? verdict.woken : [];
  const agent = facts.present.find((one) => one.agent.id === woken?.agent)?.agent;
  const answersIn =
    woken && agent
      ? answerThread({
          ...{ agent: agent.id, origin, sender: event.sender, direct: woken.direct, opened: woken.opened },
          ...{ ...placeOf(event), settings: agent.settings },
        })
      : undefined;
  const thread = threadNews(event, facts, verdict, answersIn);
  return thread ? { thread } : {};
}
