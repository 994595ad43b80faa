/** What a reply becomes: frozen requests, byte by byte, in the order in which they are to appear. */
import type { JsonObject } from "#core/protocol/event.ts";
import { type EventId, ghostUserId, type Namespace } from "#core/protocol/ids.ts";
import { deliveryKey } from "#core/reply.ts";
import type { Reply, Turn } from "#core/turn.ts";
import type { Clock, Delivery, LaneId, Ledger, Log, OutboxRow, RunLane } from "#ports";
import { editContent, messageContent } from "./content.ts";
import { openDraft } from "./draft.ts";
import { draftKeyOf, markOf, partsOf, sendPath } from "./parts.ts";

interface Needs {
  ledger: Ledger;
  clock: Clock;
  log: Log;
  namespace: Namespace;
  run: RunLane;
}

/** Every ghost has its one device, named alike. */
const DEVICE_ID = "TROUPE";

export function delivery(needs: Needs): Delivery {
  const { namespace } = needs;
  const laneOf = (turn: Pick<Turn, "agent" | "roomId">): LaneId =>
    `out:${ghostUserId(namespace, turn.agent)}|${turn.roomId}`;

  const unturned = (turn: Pick<Turn, "agent" | "roomId">, key: string, content: JsonObject): OutboxRow => ({
    key,
    lane: laneOf(turn),
    agent: turn.agent,
    userId: ghostUserId(namespace, turn.agent),
    deviceId: DEVICE_ID,
    path: sendPath(turn, key),
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
      const mark = { agent: where.agent, turn: where.cause, part: 0, hop: 0, kind: "notice" as const };
      const content = messageContent({ markdown, mark, threadRoot: where.threadRoot });
      return unturned(where, deliveryKey(where.cause, 0, "0"), content);
    },
    rows: (turn, reply, draft) => frozen(turn, reply, draft, row),
  };
}

function frozen(
  turn: Turn,
  reply: Reply,
  draft: EventId | undefined,
  row: (turn: Turn, key: string, content: JsonObject) => OutboxRow,
): OutboxRow[] {
  const parts = partsOf(turn, reply.markdown, reply.kind);
  return parts.map((markdown, part) => {
    const message = { markdown, mark: markOf(turn, part, reply.kind, parts.length), threadRoot: turn.threadRoot };
    // The draft's own key is another one: whether there was a draft is read off its row, and must stay readable.
    return part === 0 && draft
      ? row(turn, deliveryKey(turn.id, part, "final"), editContent(draft, message))
      : row(turn, deliveryKey(turn.id, part, "0"), messageContent(message));
  });
}
