/** What a reply becomes: frozen requests, byte by byte, in the order in which they are to appear. */

import { deliveryKey } from "#core/message/mark.ts";
import type { JsonObject } from "#core/protocol/event.ts";
import {
  BOT,
  botUserId,
  type EventId,
  ghostUserId,
  type Namespace,
  type RoomId,
  type Speaker,
  type UserId,
} from "#core/protocol/ids.ts";
import { type LaneId, outLane } from "#core/turn/lane.ts";
import type { Turn } from "#core/turn/turn.ts";
import type { Delivery, OutboxRow } from "#ports/delivery.ts";
import type { Clock, Log } from "#ports/host.ts";
import type { RunLane } from "#ports/lanes.ts";
import type { Ledger } from "#ports/ledger.ts";
import { editContent, type Message, messageContent } from "./content.ts";
import { openDraft } from "./draft.ts";
import { mentionsOf } from "./mentions.ts";
import { draftKeyOf, markOf, partsOf, sendPath } from "./parts.ts";

interface Needs {
  ledger: Ledger;
  clock: Clock;
  log: Log;
  namespace: Namespace;
  run: RunLane;
}

/** Every one of our users has its one device, named alike. */
const DEVICE_ID = "TROUPE";

export function delivery(needs: Needs): Delivery {
  const { namespace } = needs;
  const userOf = ({ agent }: Speaking): UserId =>
    agent === BOT ? botUserId(namespace) : ghostUserId(namespace, agent);
  const laneOf = (speaking: Speaking): LaneId => outLane(userOf(speaking), speaking.roomId);

  const unturned = (speaking: Speaking, key: string, content: JsonObject): OutboxRow => ({
    key,
    lane: laneOf(speaking),
    agent: speaking.agent === BOT ? "" : speaking.agent,
    userId: userOf(speaking),
    deviceId: DEVICE_ID,
    path: sendPath(speaking, key),
    body: JSON.stringify(content),
  });
  const row = (turn: Turn, key: string, content: JsonObject): OutboxRow => ({
    ...unturned(turn, key, content),
    turnId: turn.id,
  });

  return {
    lane: laneOf,
    draftKey: draftKeyOf,
    draft: (turn, running, intent) =>
      openDraft({ ...needs, turn, running, intent, row: (key, content) => row(turn, key, content) }),
    notice(where, markdown) {
      const mark = {
        agent: where.agent === BOT ? "" : where.agent,
        turn: where.cause,
        part: 0,
        hop: 0,
        kind: "notice" as const,
      };
      const content = messageContent({ markdown, mark, threadRoot: where.threadRoot });
      return unturned(where, deliveryKey(where.cause, 0, "0"), content);
    },
    rows(turn, reply, draft) {
      const parts = partsOf(turn, reply.markdown, reply.kind);
      // What we say ourselves notifies nobody.
      const mentions = reply.kind === "reply" ? mentionsOf(parts, userOf(turn)) : [];
      const messages = parts.map((markdown, part): Message => {
        const mark = markOf(turn, part, reply.kind, parts.length);
        return { markdown, mark, threadRoot: turn.threadRoot, mentions: mentions[part] ?? [] };
      });
      return frozen(turn, messages, draft, row);
    },
  };
}

/** A speaker, and the room it speaks in. */
interface Speaking {
  agent: Speaker;
  roomId: RoomId;
}

function frozen(
  turn: Turn,
  messages: readonly Message[],
  draft: EventId | undefined,
  row: (turn: Turn, key: string, content: JsonObject) => OutboxRow,
): OutboxRow[] {
  return messages.map((message, part) => {
    // The draft's own key is another one: whether there was a draft is read off its row, and must stay readable.
    return part === 0 && draft
      ? row(turn, deliveryKey(turn.id, part, "final"), editContent(draft, message))
      : row(turn, deliveryKey(turn.id, part, "0"), messageContent(message));
  });
}
