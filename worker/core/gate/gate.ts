/**
 * The gate: the only place that decides whether an event wakes an agent. It decides once per event, however many agents
 * are in the room. Each verdict is stored under a reason of the closed list in `reasons.ts`.
 *
 * The rules in their order; the first that applies decides:
 *
 *  1. `soft_failed`: the homeserver itself keeps the event from clients.
 *  2. Membership (`members.ts`): `depart` when only our users are left; `no_direct_chat` when somebody joins a direct chat
 *     in which nobody may bring the agent to a room; an invitation of one of our users: `unknown_agent`,
 *     `ignored_sender`, a user's invitation into a replacement room, `invites_off`, `not_on_invite_list`, `dm_disabled`,
 *     `not_invited_by_user`, `asker_unknown` of an agent's, else `join`; every other one is `membership`.
 *  3. State, but no redaction: `follow` for a tombstone of a sender some agent listens to; else `own_event` or `state`.
 *  4. Reactions: `own_event`; `not_a_message` unless it is a stop sign; `not_addressed`, `bot`, `not_permitted`; else `stop`.
 *  5. Encrypted events: `own_event`; a notice where some agent would answer the sender; else `encrypted`.
 *  6. Redactions: `own_event`, else `redaction`. Every other type is `not_a_message`.
 *  7. Messages: `own_event` unless it is an agent's finished reply; `echo` by our mark; `edit`, `notice`, `verification`,
 *     `no_text`, `no_agent`.
 *  8. The agents it addresses (`addressees.ts`): mention, reply, direct chat, thread, listening agents.
 *  9. Commands (`commands.ts`), unless a machine sent it: `command_too_old`, `command_not_permitted`, else it is obeyed, and
 *     the message below it goes on with rule 11.
 * 10. `not_addressed` (of our own messages `own_event`) where no agent is addressed.
 * 11. For each addressed agent (`permits.ts`): `muted`, `echo` by words, `bot` or `own_event`, `hop_limit`, `pair_guard`,
 *     `ignored_sender`; in a direct chat `dm_disabled`, `not_permitted`; in a room `rooms_disabled`, `room_not_allowed`,
 *     `not_permitted`, `power_too_low`; all of these for the people on whose behalf an agent asks too: `asker_unknown`,
 *     `asker_not_permitted`. If all are hindered, the first one's reason decides; or `pair`, where that agent
 *     gives codes to unknown users.
 * 12. `too_old` where the message is too old for all of the others; else they are woken.
 *
 * @see https://spec.matrix.org/v1.19/client-server-api/#instant-messaging
 */

import { withoutMention } from "../message/mention.ts";
import type { Message } from "../message/message.ts";
import { type AgentId, EventId } from "../protocol/ids.ts";
import { type Addressee, addressees } from "./addressees.ts";
import { commandIn, gateCommand } from "./commands.ts";
import { type Grounds, grounds } from "./evidence.ts";
import {
  type Concerned,
  conversationWith,
  type Facts,
  type Ignored,
  isDirect,
  type Verdict,
  type Woken,
} from "./facts.ts";
import { gateMember } from "./members.ts";
import { botGrounds, hindrance, isCounted, isMachine, refusal } from "./permits.ts";
import type { IgnoreReason } from "./reasons.ts";

/** Decides on one event. Pure: all facts are given. */
export function gate(message: Message, facts: Facts): Verdict {
  const { event } = message;
  if (facts.softFailed) return ignore("soft_failed");
  if (event.type === "m.room.member") return gateMember(message, facts);
  // Homeservers take back what it names, whether or not it has a state key.
  if (event.type === "m.room.redaction") return gateRedaction(message, facts);
  if (event.state_key !== undefined) return gateState(message, facts);
  switch (event.type) {
    case "m.room.message":
      return gateMessage(message, facts);
    case "m.reaction":
      return gateReaction(message, facts);
    case "m.room.encrypted":
      return gateEncrypted(message, facts);
    default:
      return ignore("not_a_message");
  }
}

const ignore = (reason: IgnoreReason, about?: AgentId): Ignored => ignoreFor({ reason }, about);

const ignoreFor = (why: Grounds<IgnoreReason>, about?: AgentId): Ignored => ({
  kind: "ignore",
  ...why,
  ...(about ? { about } : {}),
});

/** The homeserver has already checked that the sender may change the state. */
function gateState(message: Message, facts: Facts): Verdict {
  const replacement = message.event.type === "m.room.tombstone" ? message.state?.replacement : undefined;
  const isHeard = facts.present.some((one) => refusal(message, facts, one) === undefined);
  // Where no agent listens to the sender, a user they listen to can still invite them to the new room.
  if (replacement && isHeard) return { kind: "follow", to: replacement };
  return ignore(facts.sender.isOurs ? "own_event" : "state");
}

function gateEncrypted(message: Message, facts: Facts): Verdict {
  const { sender, present, room } = facts;
  if (sender.isOurs) return ignore("own_event");
  // Only a sender who would be answered is told why there is no answer.
  const first = present.find((one) => refusal(message, facts, one) === undefined);
  return first && !room.muted ? { kind: "encrypted", agent: first.agent.id } : ignore("encrypted");
}

/** The homeserver has checked the right to redact before it told us. */
function gateRedaction({ event }: Message, { sender }: Facts): Verdict {
  if (sender.isOurs) return ignore("own_event");
  const redacted = EventId.safeParse(event.redacts ?? event.content["redacts"]);
  return redacted.success ? { kind: "redaction", eventId: redacted.data } : ignore("not_a_message");
}

/** The reaction that stops an agent, with and without the selector that makes it a picture. */
const STOP_KEYS = new Set(["🛑", "🛑\ufe0f"]);

function gateReaction(message: Message, facts: Facts): Verdict {
  const { eventId, key } = message.relations.annotates ?? {};
  if (facts.sender.isOurs) return ignore("own_event");
  if (eventId === undefined || key === undefined || !STOP_KEYS.has(key)) return ignore("not_a_message");
  const meant = facts.present.filter(
    ({ agent }) => agent.id === facts.repliedAgent || facts.askedAgents?.includes(agent.id),
  );
  const [first] = meant;
  if (!first) return ignore("not_addressed");
  const doubter = machineFor(message, facts);
  if (doubter) return ignoreFor(botGrounds(message, facts, doubter.agent.settings), first.agent.id);
  const heard = meant.filter((one) => refusal(message, facts, one) === undefined).map(({ agent }) => agent.id);
  return heard.length > 0 ? { kind: "stop", at: eventId, agents: heard } : ignore("not_permitted", first.agent.id);
}

function gateMessage(message: Message, facts: Facts): Verdict {
  const { mark, relations, event, text } = message;
  // Without this rule two bridges in one room would answer each other forever.
  if (facts.sender.isOurs && (mark?.kind !== "reply" || !facts.sender.agent)) return ignore("own_event");
  if (facts.bearsOurMark) return ignoreFor(grounds("echo", { by: "mark" }));
  if (relations.isEdit && !facts.sender.isOurs) return ignore("edit");
  const { msgtype } = event.content;
  // By convention bots send notices and do not answer them.
  if (msgtype === "m.notice") return ignore("notice");
  if (msgtype === "m.key.verification.request") return ignore("verification");
  if (text === "") return ignore("no_text");
  if (facts.present.length === 0) return ignore("no_agent");
  return gateText(message, facts);
}

function gateText(message: Message, facts: Facts): Verdict {
  const others = { ...facts, present: facts.present.filter(({ agent }) => agent.id !== facts.sender.agent) };
  const addressed = addressees(message, others);
  const command = machineFor(message, facts) ? undefined : commandIn(message, facts);
  if (!command) return wakeAll(message, message.text, addressed, facts);
  const ordered = gateCommand(message, facts, command, addressed);
  if (ordered.kind === "ignore" || command.rest === "") return ordered;
  const then = wakeAll(message, command.rest, addresseesBelow(ordered.concerned, addressed, facts), facts);
  return then.kind === "wake" ? { ...ordered, then } : ordered;
}

/** The agent whose settings make the sender a machine, if any. */
const machineFor = (message: Message, facts: Facts): Concerned | undefined =>
  facts.present.find(({ agent }) => isMachine(message, facts, agent.settings));

/** The message below a command is for the agents it names, or for the only agent there is; never for a whole room. */
function addresseesBelow(
  concerned: readonly Concerned[],
  addressed: readonly Addressee[],
  { present, room }: Facts,
): Addressee[] {
  const ids = concerned.map(({ agent }) => agent.id);
  const named = addressed.filter((one) => one.because !== "listening" && ids.includes(one.concerned.agent.id));
  const [only, another] = present;
  if (named.length > 0 || !only || another || room.crowded) return named;
  return [{ concerned: only, because: "mention" }];
}

function wakeAll(message: Message, text: string, addressed: readonly Addressee[], facts: Facts): Verdict {
  if (addressed.length === 0) return ignore(facts.sender.isOurs ? "own_event" : "not_addressed");
  const hop = hopOf(message, facts);
  const tried = addressed.map((one) => ({
    addressee: one,
    refused: hindrance(message, facts, one.concerned, one.because, hop),
  }));
  const heard = tried.filter(({ refused }) => refused === undefined).map(({ addressee }) => addressee);
  const [first] = tried;
  if (heard.length === 0) {
    return first?.refused ? refuse(message, first.addressee, first.refused, facts) : ignore("not_addressed");
  }
  const woken = heard.map((one) => wokenBy(message, text, one, facts));
  const young = woken.filter(({ concerned }) => facts.ageMs <= concerned.agent.turns.eventAge * 1_000);
  return young.length > 0 ? { kind: "wake", woken: young, hop } : { kind: "too_old", woken, hop };
}

/** In a direct chat an unknown user is given a pairing code, where the agent is set up so. */
function refuse(message: Message, { concerned }: Addressee, refused: Grounds<IgnoreReason>, facts: Facts): Verdict {
  const { agent } = concerned;
  if (isMachine(message, facts, agent.settings)) return ignoreFor(refused, agent.id);
  const isUnknown = refused.reason === "not_permitted" && isDirect(concerned, facts.room);
  return isUnknown && agent.settings.dm === "pairing"
    ? { kind: "pair", agent: agent.id }
    : ignoreFor(refused, agent.id);
}

function wokenBy(message: Message, text: string, { concerned, because, pattern }: Addressee, facts: Facts): Woken {
  const { agent, userId } = concerned;
  return {
    concerned,
    because,
    text: withoutMention(text, agent.name, userId),
    conversation: conversationWith(concerned, message, facts),
    isCounted: isCounted(message, facts, concerned, because),
    ...(pattern === undefined ? {} : { pattern }),
  };
}

/** How many agents have answered each other since a person spoke. A person's message begins at 0. */
function hopOf(message: Message, facts: Facts): number {
  const { mark } = message;
  return mark && (facts.sender.isOurs || machineFor(message, facts)) ? mark.hop + 1 : 0;
}
