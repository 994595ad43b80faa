/**
 * What a verdict means for the ledger. What the homeserver has to do for it is done here, before the verdict is written
 * down: done twice it is done once.
 */
import { asks, threadNews } from "#core/gate/asks.ts";
import type { Facts, Verdict } from "#core/gate/facts.ts";
import { CODE_LENGTH, codeOf } from "#core/policy/code.ts";
import type { RoomEvent } from "#core/protocol/event.ts";
import type { AgentId, EventId, RoomId } from "#core/protocol/ids.ts";
import { unreachable } from "#core/result.ts";
import { answerThread } from "#core/session.ts";
import { ENCRYPTED_ROOM, PAIRING_CODE, PAIRING_FULL } from "#core/strings.ts";
import type { Decision, OutboxRow, RoomLook } from "#ports";
import { type CommandNeeds, obey } from "./commands/obey.ts";
import { join } from "./join.ts";
import { digest } from "./new-turn.ts";
import { decline, depart, follow, followed } from "./rooms.ts";
import { type Asked, asContext, type Brought, wake } from "./wake.ts";

export type Acted = Brought & Pick<Decision, "redacted">;

const NONE = { turns: [], controls: [], notices: [] };

export async function act(needs: CommandNeeds, asked: Asked, room: RoomLook, verdict: Verdict): Promise<Acted> {
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
      return stopAt(needs, verdict.at);
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

async function stopAt({ ledger }: CommandNeeds, at: EventId): Promise<Acted> {
  const sessions = await ledger.openSessionsAt(at);
  return { ...NONE, reason: "stop", controls: sessions.map((session) => ({ session, kind: "stop" })) };
}

/** Whoever comes into the room that replaced another one says so, once. */
async function enter(needs: CommandNeeds, { waiting }: Asked, agent: AgentId | undefined) {
  const roomId = waiting.event.room_id;
  const { reason, notices } = await join(needs, roomId, agent);
  const hasMoved = reason === "join" && agent && (await needs.ledger.room(roomId)).origin !== roomId;
  return { reason, notices: hasMoved ? [...notices, followed(needs, roomId, agent)] : notices };
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
          ...{ agent: agent.id, origin, sender: event.sender, eventId: event.event_id, direct: woken.direct },
          ...{ thread: asks(event).threadRoot, settings: agent.settings },
        })
      : undefined;
  const thread = threadNews(event, facts, verdict, answersIn);
  return thread ? { thread } : {};
}
