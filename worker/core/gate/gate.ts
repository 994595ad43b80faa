/**
 * The gate: the only place that decides whether an event wakes an agent. Messages, reactions, invitations, edits and
 * commands all pass through it. One `return` a rule, in order; every reason is one of a closed list (`why.ts`), and rests
 * on the event's row.
 *
 * It is asked once for an event, however many agents are in the room: the facts name those the event could concern.
 *
 * @see https://spec.matrix.org/v1.19/client-server-api/#instant-messaging
 */
import * as z from "zod/v4";
import { markIn } from "../message/mark.ts";
import { withoutMention } from "../message/mention.ts";
import { promptText, readContent, relationsOf } from "../message/text.ts";
import type { RoomEvent } from "../protocol/event.ts";
import { type AgentId, EventId } from "../protocol/ids.ts";
import { stateIn } from "../protocol/room-state.ts";
import { type Addressee, addressees } from "./addressees.ts";
import { commandIn, gateCommand } from "./commands.ts";
import { type Facts, isDirect, isOpened, type Verdict, type Wake, type Woken } from "./facts.ts";
import { gateMember } from "./members.ts";
import { hindrance, isCounted, isMachine, refusal } from "./permits.ts";
import type { IgnoreReason } from "./why.ts";

export function gate(event: RoomEvent, facts: Facts): Verdict {
  if (facts.softFailed) return ignore("soft_failed");
  if (event.type === "m.room.member") return gateMember(event, facts);
  if (event.state_key !== undefined) return gateState(event, facts);
  switch (event.type) {
    case "m.room.message":
      return gateMessage(event, facts);
    case "m.reaction":
      return gateReaction(event, facts);
    case "m.room.encrypted":
      return gateEncrypted(event, facts);
    case "m.room.redaction":
      return gateRedaction(event, facts);
    default:
      return ignore("not_a_message");
  }
}

const ignore = (reason: IgnoreReason, about?: AgentId): Verdict => ({
  kind: "ignore",
  reason,
  ...(about ? { about } : {}),
});

/** State was allowed by the room's own rules before we heard of it. */
function gateState(event: RoomEvent, facts: Facts): Verdict {
  const replacement = event.type === "m.room.tombstone" ? stateIn(event)?.replacement : undefined;
  const isHeard = facts.present.some((one) => refusal(event, facts, one) === undefined);
  // Strangers send no agent anywhere; an invitation of somebody it listens to still does.
  if (replacement && isHeard) return { kind: "follow", to: replacement };
  return ignore(facts.sender.isOurs ? "own_event" : "state");
}

function gateEncrypted(event: RoomEvent, facts: Facts): Verdict {
  const { sender, present, room } = facts;
  if (sender.isOurs) return ignore("own_event");
  // Only somebody who would be answered is told why they are not.
  const first = present.find((one) => refusal(event, facts, one) === undefined);
  return first && !room.muted ? { kind: "tell", what: "encrypted", agent: first.agent.id } : ignore("encrypted");
}

/** Whether somebody may redact an event the homeserver has decided before it told us. */
function gateRedaction(event: RoomEvent, { sender }: Facts): Verdict {
  if (sender.isOurs) return ignore("own_event");
  const redacted = EventId.safeParse(event.redacts ?? event.content["redacts"]);
  return redacted.success ? { kind: "redact", eventId: redacted.data } : ignore("not_a_message");
}

/** A reaction that stops what an agent is at; with and without the selector that makes it a picture. */
const STOP_KEYS = new Set(["🛑", "🛑\ufe0f"]);
const Reaction = z.object({ rel_type: z.literal("m.annotation"), event_id: EventId, key: z.string() });

function gateReaction(event: RoomEvent, facts: Facts): Verdict {
  const reaction = Reaction.safeParse(event.content["m.relates_to"]);
  if (facts.sender.isOurs) return ignore("own_event");
  if (!reaction.success || !STOP_KEYS.has(reaction.data.key)) return ignore("not_a_message");
  const meant = facts.present.filter(
    ({ agent }) => agent.id === facts.repliedAgent || facts.askedAgents?.includes(agent.id),
  );
  const [first] = meant;
  if (!first) return ignore("not_addressed");
  if (isAnyMachine(event, facts)) return ignore("bot", first.agent.id);
  const heard = meant.filter((one) => refusal(event, facts, one) === undefined).map(({ agent }) => agent.id);
  return heard.length > 0
    ? { kind: "stop", at: reaction.data.event_id, agents: heard }
    : ignore("not_permitted", first.agent.id);
}

function gateMessage(event: RoomEvent, facts: Facts): Verdict {
  const mark = markIn(event);
  // First, or two bridges in one room will talk to each other for ever. Of our own only what an agent has said to the end.
  if (facts.sender.isOurs && (mark?.kind !== "reply" || !facts.sender.agent)) return ignore("own_event");
  if (facts.bearsOurMark) return ignore("echo");
  if (relationsOf(event).isEdit && !facts.sender.isOurs) return ignore("edit");
  const { msgtype } = event.content;
  // The convention that keeps bots from answering each other.
  if (msgtype === "m.notice") return ignore("notice");
  if (msgtype === "m.key.verification.request") return ignore("verification");
  const content = readContent(event);
  const text = promptText(content);
  if (text === "") return ignore("no_text");
  if (facts.present.length === 0) return ignore("no_agent");
  return gateText(event, content, text, facts);
}

function gateText(event: RoomEvent, content: RoomEvent["content"], text: string, facts: Facts): Verdict {
  const others = { ...facts, present: facts.present.filter(({ agent }) => agent.id !== facts.sender.agent) };
  const addressed = addressees(event, content, text, others);
  const command = isAnyMachine(event, facts) ? undefined : commandIn(event, text, facts);
  if (!command) return wakeAll(event, text, addressed, facts);
  const ordered = gateCommand(event, facts, command, addressed);
  if (ordered.kind === "ignore" || command.rest === "") return ordered;
  const then = wakeAll(event, command.rest, meantBy(ordered.agents, addressed, facts), facts);
  return then.kind === "wake" ? { ...ordered, then } : ordered;
}

const isAnyMachine = (event: RoomEvent, facts: Facts): boolean =>
  facts.present.some(({ agent }) => isMachine(event, facts, agent.settings));

/** What stands below a command is for whom the message addresses, or for the one agent there is: never for all of a room. */
function meantBy(ids: readonly AgentId[], addressed: readonly Addressee[], { present, room }: Facts): Addressee[] {
  const named = addressed.filter(
    ({ concerned, because }) => because !== "listening" && ids.includes(concerned.agent.id),
  );
  const [only, another] = present;
  if (named.length > 0 || !only || another || room.crowded) return named;
  return [{ concerned: only, because: "mention" }];
}

function wakeAll(event: RoomEvent, text: string, addressed: readonly Addressee[], facts: Facts): Verdict {
  if (addressed.length === 0) return { kind: "ignore", reason: facts.sender.isOurs ? "own_event" : "not_addressed" };
  const hop = hopOf(event, facts);
  const looked = addressed.map((one) => ({ ...one, reason: hindrance(event, facts, one.concerned, one.because, hop) }));
  const open = looked.filter(({ reason }) => reason === undefined);
  const [hindered] = looked;
  if (open.length === 0)
    return hindered?.reason ? refused(event, hindered, hindered.reason, facts) : ignore("not_addressed");
  const woken = open.map((one) => wokenBy(event, text, one, facts));
  const young = woken.filter((_, at) => facts.ageMs <= (open[at]?.concerned.agent.turns.eventAge ?? 0) * 1_000);
  return young.length > 0 ? ({ kind: "wake", woken: young, hop } satisfies Wake) : { kind: "context", woken, hop };
}

/** Somebody an agent does not know is told how to change that, in a direct chat where the agent is set up so. */
function refused(event: RoomEvent, { concerned }: Addressee, reason: IgnoreReason, facts: Facts): Verdict {
  const { agent } = concerned;
  const { room } = facts;
  if (isMachine(event, facts, agent.settings)) return ignore(reason, agent.id);
  const isOffered = reason === "not_permitted" && agent.settings.dm === "pairing" && isDirect(concerned, room);
  return isOffered ? { kind: "pair", agent: agent.id } : ignore(reason, agent.id);
}

function wokenBy(event: RoomEvent, text: string, { concerned, because }: Addressee, facts: Facts): Woken {
  const { agent, userId } = concerned;
  return {
    agent: agent.id,
    because,
    text: withoutMention(text, agent.name, userId),
    direct: isDirect(concerned, facts.room),
    opened: isOpened(concerned, facts.room),
    isCounted: isCounted(event, facts, concerned, because),
  };
}

/** Steps from agent to agent since a person spoke; a person's own words are the beginning. */
function hopOf(event: RoomEvent, facts: Facts): number {
  const mark = markIn(event);
  return mark && (facts.sender.isOurs || isAnyMachine(event, facts)) ? mark.hop + 1 : 0;
}
