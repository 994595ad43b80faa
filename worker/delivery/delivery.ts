/** Turns replies and notices into plain outbox rows, in the order in which they are to appear. */
import { deliveryKey, type Mark } from "#core/message/mark.ts";
import type { Utterance } from "#core/message/utterance.ts";
import { type EventId, type Namespace, type RoomId, type Speaker, type UserId, userIdOf } from "#core/protocol/ids.ts";
import { type LaneId, outLane } from "#core/turn/lane.ts";
import { markdownOf, type Reply, type Turn } from "#core/turn/turn.ts";
import type { Delivery, OutboxRow } from "#ports/delivery.ts";
import type { Clock, Log } from "#ports/host.ts";
import type { RunLane } from "#ports/lanes.ts";
import { type DraftLedger, startDraft } from "./draft.ts";
import { mentionsOnce } from "./mentions.ts";
import { draftKeyOf, markOf, partsOf } from "./parts.ts";

interface Needs {
  ledger: DraftLedger;
  clock: Clock;
  log: Log;
  namespace: Namespace;
  run: RunLane;
}

/** A speaker in a room, which have one out lane. */
interface Speaking {
  agent: Speaker;
  roomId: RoomId;
}

export function delivery(needs: Needs): Delivery {
  const { namespace } = needs;
  const userOf = (agent: Speaker): UserId => userIdOf(namespace, agent);
  const laneOf = ({ agent, roomId }: Speaking): LaneId => outLane(userOf(agent), roomId);
  const outOf = (speaking: Speaking): Pick<OutboxRow, "lane" | "agent" | "userId"> => ({
    lane: laneOf(speaking),
    agent: speaking.agent,
    userId: userOf(speaking.agent),
  });

  return {
    lane: laneOf,
    draftKey: draftKeyOf,
    draft: (turn, lease, intent) => startDraft({ ...needs, turn, lease, intent, out: outOf(turn) }),
    notice(where, markdown) {
      const { agent, cause, threadRoot } = where;
      const mark: Mark = { agent, turn: cause, part: 0, hop: 0, kind: "notice" };
      return {
        ...outOf(where),
        key: deliveryKey(cause, 0, "original"),
        utterance: { say: "message", part: { type: "text", markdown }, mark, mentions: [], thread: threadRoot },
      };
    },
    async rows(turn, reply, draft) {
      const utterances = await utterancesOf(needs.clock, turn, reply, { self: userOf(turn.agent), draft });
      return utterances.map((utterance, part) => ({
        ...outOf(turn),
        turnId: turn.id,
        // Never the draft's own key: whether there was a draft is read from its row.
        key: deliveryKey(turn.id, part, utterance.say === "edit" ? "final" : "original"),
        utterance,
      }));
    },
  };
}

/** An utterance for each part of a reply. The first one is the draft's final edit, if there is a draft. */
async function utterancesOf(
  clock: Clock,
  turn: Turn,
  { kind, parts }: Reply,
  { self, draft }: { self: UserId; draft: EventId | undefined },
): Promise<Utterance[]> {
  // Notices are ours, and mention no user.
  const mentionsIn = kind === "reply" ? mentionsOnce(self) : () => [];
  const texts: { markdown: string; mentions: UserId[] }[] = [];
  for (const markdown of partsOf(markdownOf(parts))) {
    if (texts.length > 0) await clock.sleep(0);
    texts.push({ markdown, mentions: mentionsIn(markdown) });
  }
  return texts.map(({ markdown, mentions }, at): Utterance => {
    const said = { part: { type: "text" as const, markdown }, mark: markOf(turn, at, kind, texts.length), mentions };
    return at === 0 && draft
      ? { say: "edit", ...said, original: draft }
      : { say: "message", ...said, thread: turn.threadRoot };
  });
}
