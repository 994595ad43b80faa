/**
 * A draft: the reply's first message, edited while the answer grows.
 *
 * The first text is an outbox row like everything that must arrive. The edits between it and the final one are best
 * effort, one at a time: the next edit makes up for a lost one. The final edit is a row of the finished reply.
 */

import { BOUNDS } from "#core/bounds.ts";
import { deliveryKey } from "#core/message/mark.ts";
import type { Utterance } from "#core/message/utterance.ts";
import { sendMessage } from "#core/protocol/client/messages.ts";
import type { EventId } from "#core/protocol/ids.ts";
import { messageOf } from "#core/result.ts";
import type { Lease } from "#core/turn/lane.ts";
import type { Turn } from "#core/turn/turn.ts";
import type { Draft, OutboxLedger, OutboxRow } from "#ports/delivery.ts";
import type { Intent } from "#ports/homeserver.ts";
import type { Clock, Log } from "#ports/host.ts";
import type { RunLane } from "#ports/lanes.ts";
import type { TurnLedger } from "#ports/turns.ts";
import { contentOf } from "./content.ts";
import { draftKeyOf, firstPart, markOf } from "./parts.ts";

/** An answer that is whole within this time is sent once and never edited. */
const FIRST_TEXT_MS = 400;
/** The pause between two edits. It grows with the answer, because every edit is an event that stays in the room. */
const EDIT_FLOOR_MS = 1_000;
const EDIT_SPREAD = 1.1;
export type DraftLedger = Pick<OutboxLedger, "queueOut" | "outboxRow"> & Pick<TurnLedger, "storeShown">;

interface DraftNeeds {
  ledger: DraftLedger;
  clock: Clock;
  log: Log;
  run: RunLane;
  turn: Turn;
  lease: Lease;
  intent: Pick<Intent, "send">;
  /** The speaker and its lane. */
  out: Pick<OutboxRow, "lane" | "agent" | "userId">;
}

interface ShowNeeds extends DraftNeeds {
  /** Called before the first text is stored. */
  onStore: () => void;
}

/** A draft that shows nothing yet. It never rejects: errors are logged. */
export function startDraft(needs: DraftNeeds): Draft {
  let text = () => "";
  const closing = new AbortController();
  let loop: Promise<void> | undefined;
  let state: "stored" | "unused" = "unused";
  const onStore = () => {
    state = "stored";
  };
  return {
    show(latest) {
      text = latest;
      if (!loop && !closing.signal.aborted) loop = keepShowing({ ...needs, onStore }, () => text(), closing.signal);
    },
    async close() {
      closing.abort();
      await loop;
      return state;
    },
  };
}

/** A draft begins with the first visible character, and never becomes blank again. Undefined where the draft is closed first. */
async function firstText(clock: Clock, text: () => string, closing: AbortSignal): Promise<string | undefined> {
  for (;;) {
    await clock.sleep(FIRST_TEXT_MS, closing);
    if (closing.aborted) return undefined;
    const first = text();
    if (first.trim() !== "") return first;
  }
}

async function keepShowing(needs: ShowNeeds, text: () => string, closing: AbortSignal): Promise<void> {
  const { clock, log, turn } = needs;
  try {
    let shown = await firstText(clock, text, closing);
    if (shown === undefined) return;
    let original = await sendFirst(needs, shown);
    for (let edits = 0; edits < BOUNDS.draftEdits.max; edits++) {
      await clock.sleep(EDIT_FLOOR_MS * EDIT_SPREAD ** edits, closing);
      if (closing.aborted) return;
      original ??= (await needs.ledger.outboxRow(draftKeyOf(turn)))?.eventId;
      const latest = text();
      if (!original || latest === shown || latest.trim() === "") continue;
      // Another runner has the turn: this edit could land after that runner's final one.
      if (!(await needs.ledger.storeShown(needs.lease, turn.id, stored(latest)))) return;
      if (await sendEdit(needs, original, latest, edits)) shown = latest;
    }
  } catch (error) {
    // Best effort: the reply is stored and sent without the draft.
    log("edit_skipped", { turn: turn.id, error: messageOf(error) });
  }
}

/** Queues the first text, unless an earlier attempt did, and sends it. Gives its event id if it is known by now. */
async function sendFirst(needs: ShowNeeds, text: string): Promise<EventId | undefined> {
  const { ledger, turn, lease, run, out } = needs;
  const key = draftKeyOf(turn);
  const utterance: Utterance = { say: "message", ...draftOf(turn, text), thread: turn.threadRoot };
  const row: OutboxRow = { ...out, turnId: turn.id, key, utterance };
  needs.onStore();
  // In one batch: the next runner of the turn must know that people may have read this text.
  if (!(await ledger.queueOut(lease, [row], { turnId: turn.id, text: stored(text) }))) return undefined;
  await run(out.lane);
  return (await ledger.outboxRow(key))?.eventId;
}

async function sendEdit(
  { turn, intent, log, clock }: DraftNeeds,
  original: EventId,
  text: string,
  count: number,
): Promise<boolean> {
  // The attempt is in the key, because another attempt edits to another text.
  const key = deliveryKey(turn.id, 0, `edit${turn.attempt}-${count}`);
  const content = await contentOf({ say: "edit", ...draftOf(turn, text), original }, () => clock.sleep(0));
  const answer = await intent.send(sendMessage(turn.roomId, key, content));
  if (!answer.ok) log("edit_skipped", { turn: turn.id, status: answer.error.status, errcode: answer.error.errcode });
  return answer.ok;
}

/** As much of a growing text as the draft shows; the rest follows in further messages when the reply is finished. */
const draftOf = (turn: Turn, text: string): Pick<Utterance, "part" | "mark" | "mentions"> => ({
  part: { type: "text", markdown: firstPart(text) },
  mark: markOf(turn, 0, "draft"),
  mentions: [],
});

/** What is kept of a text that people see the beginning of, for a runner that goes on after a crash. */
const stored = (text: string): string => text.slice(0, BOUNDS.shown.max);
