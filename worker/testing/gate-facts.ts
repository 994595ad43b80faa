/**
 * Facts for tests of the gate: a room of Alice, Bob and two agents with the default settings. A test names only the
 * facts that matter to it. Verdicts are written in words, so that a row of a table can hold one.
 */
import type { Person } from "#core/access/access.ts";
import type { Agent } from "#core/configuration/agent.ts";
import { type Groups, type Layer, resolve } from "#core/configuration/settings.ts";
import {
  type Concerned,
  type Facts,
  type Ordered,
  type RoomFacts,
  unknownRoom,
  type Verdict,
  type Woken,
} from "#core/gate/facts.ts";
import { gate } from "#core/gate/gate.ts";
import { readMessage } from "#core/message/message.ts";
import type { RoomEvent } from "#core/protocol/event.ts";
import { AgentId, BOT, EventId, RoomId, type Speaker, UserId } from "#core/protocol/ids.ts";

export const ECHO = AgentId.parse("echo");
export const GUIDE = AgentId.parse("guide");
export const ECHO_ID = "@agent_echo:hs.test";
export const GUIDE_ID = "@agent_guide:hs.test";
export const BOT_ID = UserId.parse("@troupe:hs.test");
export const NOW_MS = 10_000_000_000;

const NAMES: Record<string, string> = { echo: "Echo", guide: "Guide" };

export interface ConcernedOver {
  invitedDirectly?: boolean;
  paired?: boolean;
  name?: string;
}

export function agentWith(id: string, layer: Layer = {}, name = NAMES[id] ?? id, groups: Groups = {}): Agent {
  const resolved = resolve([layer], groups);
  const { admins, commands } = resolved.settings;
  return { id: AgentId.parse(id), name, backend: { use: "echo" }, ...resolved, everywhere: { admins, commands } };
}

/** A joined agent with its settings and the facts about it in this room. */
export function concerned(id: string, layer: Layer = {}, over: ConcernedOver = {}, groups: Groups = {}): Concerned {
  return {
    agent: agentWith(id, layer, over.name, groups),
    userId: UserId.parse(`@agent_${id}:hs.test`),
    invitedDirectly: over.invitedDirectly ?? false,
    paired: over.paired ?? false,
  };
}

export type FactsOver = Partial<Omit<Facts, "room" | "sender">> & {
  room?: Partial<RoomFacts>;
  sender?: Partial<Facts["sender"]>;
};

/** A person for whom an agent speaks: a local one without power, unless more is said. */
export const asker = (
  id: string,
  over: Partial<Person> & { paired?: AgentId[] } = {},
): NonNullable<Facts["askers"]>[number] => {
  const { paired = [], ...person } = over;
  const userId = UserId.parse(id);
  return { userId, paired, person: { userId, isLocal: true, power: 0, ...person } };
};

/** Alice, who is local and has no power, has just sent a message in a room of four, or an agent for her. */
export function facts(over: FactsOver = {}): Facts {
  const { room, sender, ...rest } = over;
  return {
    ...(sender?.isOurs ? { askers: [asker("@alice:hs.test")] } : {}),
    nowMs: NOW_MS,
    ageMs: 20,
    softFailed: false,
    sender: { isOurs: false, isLocal: true, power: 0, ...sender },
    room: { ...unknownRoom(room?.id ?? RoomId.parse("!room")), joinedCount: 3, ...room },
    present: [concerned("echo"), concerned("guide")],
    ...rest,
  };
}

/** One agent in a room with others. */
export const alone = (layer: Layer = {}, over: FactsOver = {}, its: ConcernedOver = {}): Facts =>
  facts({ present: [concerned("echo", layer, its)], ...over });

/** Both agents with the same settings. */
export const both = (layer: Layer, over: FactsOver = {}): Facts =>
  facts({ present: [concerned("echo", layer), concerned("guide", layer)], ...over });

/** A direct chat with Echo, to which Echo was invited as a direct chat. */
export const inDirectChat = (layer: Layer = {}, over: FactsOver = {}, its: ConcernedOver = {}): Facts =>
  facts({
    present: [concerned("echo", layer, { invitedDirectly: true, ...its })],
    ...over,
    room: { joinedCount: 2, ...over.room },
  });

/** The sender is Guide: one of our own users, and an agent. */
export const GUIDE_SPEAKS = { isOurs: true, agent: GUIDE } as const;

/** Our mark on the last part of an agent's reply. */
export const ourMark = (over: Record<string, unknown> = {}): Record<string, unknown> => ({
  "chat.troupe": { agent: "guide", turn: "t1", part: 0, parts: 1, hop: 0, kind: "reply", ...over },
});

export const mentions = (...userIds: string[]): Record<string, unknown> => ({ "m.mentions": { user_ids: userIds } });
export const repliesTo = (eventId = "$before"): Record<string, unknown> => ({
  "m.relates_to": { "m.in_reply_to": { event_id: eventId } },
});
export const inThread = (root = "$root", over: Record<string, unknown> = {}): Record<string, unknown> => ({
  "m.relates_to": {
    rel_type: "m.thread",
    event_id: root,
    is_falling_back: true,
    "m.in_reply_to": { event_id: "$last" },
    ...over,
  },
});
export const html = (formatted: string): Record<string, unknown> => ({
  format: "org.matrix.custom.html",
  formatted_body: formatted,
});
export const pill = (userId: string, text = "somebody"): Record<string, unknown> =>
  html(`<a href="https://matrix.to/#/${userId}">${text}</a> hello`);

/** The gate's verdict on an event. */
export const verdictOn = (event: RoomEvent, seen: Facts): Verdict => gate(readMessage(event), seen);

const listed = (woken: readonly Woken[]): string =>
  woken.map(({ concerned: { agent }, because }) => `${agent.id} by ${because}`).join(", ");

const named = (speaker: Speaker): string => (speaker === BOT ? "the bot" : speaker);

const ordered = ({ command, concerned: ones, speaker, then }: Ordered): string =>
  [
    `command ${command.name} for ${ones.map(({ agent }) => agent.id).join(", ") || "no agent"}, says ${named(speaker)}`,
    ...(then ? [`then ${inWords(then)}`] : []),
  ].join("; ");

/** A verdict in words: `wake echo by mention`, `ignore not_addressed`. */
export function inWords(verdict: Verdict): string {
  switch (verdict.kind) {
    case "wake":
    case "too_old":
      return `${verdict.kind} ${listed(verdict.woken)}`;
    case "join":
      return `join ${named(verdict.agent)}`;
    case "decline":
      return `decline ${named(verdict.agent)}: ${verdict.reason}`;
    case "stop":
      return `stop at ${verdict.at}`;
    case "redaction":
      return `redaction of ${verdict.eventId}`;
    case "command":
      return ordered(verdict);
    case "pair":
      return `pair ${verdict.agent}`;
    case "encrypted":
      return `encrypted, says ${verdict.agent}`;
    case "follow":
      return `follow to ${verdict.to}`;
    case "look_up":
      return `look up ${verdict.aliases.join(", ")}`;
    case "depart":
      return "depart";
    case "no_direct_chat":
      return `leave as ${verdict.agents.join(", ")}`;
    case "ignore":
      return `ignore ${verdict.reason}${verdict.about ? `, about ${verdict.about}` : ""}`;
  }
}

export const anEventId = (id: string): EventId => EventId.parse(id);
