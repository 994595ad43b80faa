/**
 * The gate: the only place that decides whether an event wakes an agent. One `return` a rule, in order; every reason is
 * one of a closed list, and rests on the event's row.
 *
 * @see https://spec.matrix.org/v1.19/client-server-api/#instant-messaging
 */
import * as z from "zod/v4";
import { parseCommand } from "./command.ts";
import type { RoomEvent } from "./protocol/event.ts";
import { type AgentId, EventId, UserId } from "./protocol/ids.ts";

/** A reaction that stops what an agent is at; with and without the selector that makes it a picture. */
const STOP_KEYS = new Set(["🛑", "🛑\ufe0f"]);

export interface Facts {
  senderIsOurs: boolean;
  senderIsLocal: boolean;
  /** What the homeserver measured, plus what we measured since we received it. */
  ageMs: number;
  /** What is older when it is decided is context, not a question: of each agent that could be woken. */
  eventAgeMs: (agent: AgentId) => number;
  /** The homeserver itself would not have shown it. */
  softFailed: boolean;
  /** The agent whose ghost an invitation names, and whether there is one. */
  invited?: { agent: AgentId; known: boolean };
  /** The joined agents that are mentioned. */
  mentioned: readonly AgentId[];
  /** Joined agents, at most two. */
  joinedAgents: readonly AgentId[];
  /** Joined members, counted to three. */
  joinedCount: number;
  /** The agent whose message this one replies to. */
  repliedAgent?: AgentId;
}

export type IgnoreReason =
  | "own_event"
  | "soft_failed"
  | "not_permitted"
  | "unknown_agent"
  | "membership"
  | "encrypted"
  | "not_a_message"
  | "edit"
  | "notice"
  | "verification"
  | "no_text"
  | "not_addressed";

interface Wake {
  kind: "wake";
  agents: readonly AgentId[];
  reason: "direct" | "mention" | "reply";
}
export type Verdict =
  | Wake
  /** What was said too long ago to be answered: the agents know of it when they are asked next. */
  | { kind: "context"; agents: readonly AgentId[] }
  | { kind: "join"; agent: AgentId }
  /** Everything in the room or thread, or what this event asked for or shows. */
  | { kind: "stop"; at?: EventId }
  /** A prompt was taken back. */
  | { kind: "redact"; eventId: EventId }
  | { kind: "ignore"; reason: IgnoreReason };

const ignore = (reason: IgnoreReason): Verdict => ({ kind: "ignore", reason });

export function gate(event: RoomEvent, facts: Facts): Verdict {
  // First, or two bridges in one room will talk to each other for ever.
  if (facts.senderIsOurs) return ignore("own_event");
  if (facts.softFailed) return ignore("soft_failed");
  if (event.type === "m.room.member") return gateMember(event, facts);
  if (event.type === "m.room.encrypted") return ignore("encrypted");
  if (event.type === "m.room.redaction") return gateRedaction(event);
  if (event.type === "m.reaction") return gateReaction(event, facts);
  if (event.type !== "m.room.message" || event.state_key !== undefined) return ignore("not_a_message");
  // Until there is a policy, nobody from another server is answered.
  if (!facts.senderIsLocal) return ignore("not_permitted");
  return gateMessage(event, facts);
}

function gateMember(event: RoomEvent, { invited, senderIsLocal }: Facts): Verdict {
  if (event.content["membership"] !== "invite" || !invited) return ignore("membership");
  if (!senderIsLocal) return ignore("not_permitted");
  // Of any age: an invitation that came while we were away is still one.
  return invited.known ? { kind: "join", agent: invited.agent } : ignore("unknown_agent");
}

/** Whether somebody may redact an event the homeserver has decided before it told us. */
function gateRedaction(event: RoomEvent): Verdict {
  const redacted = EventId.safeParse(event.redacts ?? event.content["redacts"]);
  return redacted.success ? { kind: "redact", eventId: redacted.data } : ignore("not_a_message");
}

const Reaction = z.object({ rel_type: z.literal("m.annotation"), event_id: EventId, key: z.string() });

function gateReaction(event: RoomEvent, { senderIsLocal }: Facts): Verdict {
  const reaction = Reaction.safeParse(event.content["m.relates_to"]);
  if (!reaction.success || !STOP_KEYS.has(reaction.data.key)) return ignore("not_a_message");
  return senderIsLocal ? { kind: "stop", at: reaction.data.event_id } : ignore("not_permitted");
}

function gateMessage(event: RoomEvent, facts: Facts): Verdict {
  if (relationOf(event)?.rel_type === "m.replace") return ignore("edit");
  // The convention that keeps bots from answering each other.
  if (event.content["msgtype"] === "m.notice") return ignore("notice");
  if (event.content["msgtype"] === "m.key.verification.request") return ignore("verification");
  const text = promptText(event);
  if (text === "") return ignore("no_text");
  if (facts.joinedAgents.length === 0) return ignore("not_addressed");
  if (parseCommand(text) === "stop") return { kind: "stop" };
  if (facts.mentioned.length > 0) return wake("mention", facts.mentioned, facts);
  if (facts.repliedAgent) return wake("reply", [facts.repliedAgent], facts);
  if (facts.joinedCount === 2 && facts.joinedAgents.length === 1) return wake("direct", facts.joinedAgents, facts);
  return ignore("not_addressed");
}

function wake(reason: Wake["reason"], addressed: readonly AgentId[], { ageMs, eventAgeMs }: Facts): Verdict {
  const agents = addressed.filter((agent) => ageMs <= eventAgeMs(agent));
  return agents.length > 0 ? { kind: "wake", agents, reason } : { kind: "context", agents: addressed };
}

/** What has to be looked up before the gate can decide; so that nobody else looks at an event's type. */
export interface Asks {
  /** Whether facts about the room matter. */
  room: boolean;
  mentions: UserId[];
  repliedTo?: EventId;
  threadRoot?: EventId;
  invitee?: UserId;
  /** A membership to be remembered, whatever the verdict. */
  membership?: { userId: UserId; membership: z.infer<typeof Membership> };
}

const Membership = z.enum(["join", "invite", "leave", "ban", "knock"]);
const Mentions = z.object({ user_ids: z.array(z.unknown()) });

export function asks(event: RoomEvent): Asks {
  if (event.type === "m.room.member") return { room: false, mentions: [], ...asksOfMember(event) };
  if (event.type !== "m.room.message") return { room: false, mentions: [] };
  const relation = relationOf(event);
  const mentions = Mentions.safeParse(event.content["m.mentions"]);
  // A fallback for clients without threads is no reply.
  const repliedTo = relation?.is_falling_back ? undefined : relation?.["m.in_reply_to"]?.event_id;
  const threadRoot = relation?.rel_type === "m.thread" ? relation.event_id : undefined;
  return {
    room: true,
    mentions: (mentions.success ? mentions.data.user_ids : []).flatMap((id) => UserId.safeParse(id).data ?? []),
    ...(repliedTo ? { repliedTo } : {}),
    ...(threadRoot ? { threadRoot } : {}),
  };
}

function asksOfMember(event: RoomEvent): Pick<Asks, "invitee" | "membership"> {
  const user = UserId.safeParse(event.state_key);
  const membership = Membership.safeParse(event.content["membership"]);
  if (!user.success || !membership.success) return {};
  const invited = membership.data === "invite" ? { invitee: user.data } : {};
  return { ...invited, membership: { userId: user.data, membership: membership.data } };
}

const Relation = z.object({
  rel_type: z.string().optional().catch(undefined),
  event_id: EventId.optional().catch(undefined),
  is_falling_back: z.boolean().optional().catch(undefined),
  "m.in_reply_to": z.object({ event_id: EventId }).optional().catch(undefined),
});
const relationOf = (event: RoomEvent) => Relation.safeParse(event.content["m.relates_to"]).data;

const TEXTS = new Set(["m.text", "m.emote"]);
const MEDIA = new Set(["m.image", "m.file", "m.audio", "m.video"]);

/**
 * What the person said, without the old reply fallback. Of a file it is the caption, and a file's name is none.
 *
 * @see https://spec.matrix.org/v1.19/client-server-api/#media-captions
 */
export function promptText(event: RoomEvent): string {
  const { msgtype, body, filename } = event.content;
  if (typeof body !== "string" || typeof msgtype !== "string") return "";
  if (MEDIA.has(msgtype)) return typeof filename === "string" && filename !== body ? body.trim() : "";
  // An unknown kind of message says what it is in its body.
  const text = TEXTS.has(msgtype) && relationOf(event)?.["m.in_reply_to"] ? withoutFallback(body) : body;
  return text.trim();
}

/** Leading quoted lines, as clients before v1.13 of the specification put them. */
const withoutFallback = (body: string): string =>
  body.startsWith("> <") ? body.replace(/^(?:>.*(?:\n|$))+\n?/, "") : body;
