/**
 * A draft: the reply's first message, edited while the answer grows.
 *
 * The first text is an outbox row, frozen and sent like everything that must arrive. The edits between it and the final
 * one are best effort, one at a time: a lost one is made good by the next. The final edit is not sent here; it is a row
 * of the finished reply.
 */

import { deliveryKey } from "#core/message/mark.ts";
import { sendMessage } from "#core/protocol/client/messages.ts";
import type { JsonObject } from "#core/protocol/event.ts";
import type { EventId } from "#core/protocol/ids.ts";
import type { Turn } from "#core/turn/turn.ts";
import type { Draft, OutboxRow } from "#ports/delivery.ts";
import type { Intent } from "#ports/homeserver.ts";
import type { Clock, Log } from "#ports/host.ts";
import type { RunLane, Running } from "#ports/lanes.ts";
import type { Ledger } from "#ports/ledger.ts";
import { editContent, messageContent } from "./content.ts";
import { draftKeyOf, markOf, partsOf } from "./parts.ts";

/** An answer that is whole within this time is sent once and never edited. */
const FIRST_TEXT_MS = 400;
/** No two edits come closer than this; they spread out as the answer gets long, for every edit is an event for ever. */
const EDIT_FLOOR_MS = 1_000;
const EDIT_SPREAD = 1.1;
/** With the final one, forty. */
const EDITS_MAX = 39;

interface DraftNeeds {
  ledger: Ledger;
  clock: Clock;
  log: Log;
  run: RunLane;
  turn: Turn;
  running: Running;
  intent: Intent;
  row: (key: string, content: JsonObject) => OutboxRow;
}

export function openDraft(needs: DraftNeeds): Draft {
  let text = "";
  const closing = new AbortController();
  let loop: Promise<void> | undefined;
  return {
    show(latest) {
      // Nothing to see is nothing to send: a draft begins with its first visible character, and never goes blank again.
      if (latest.trim() === "") return;
      text = latest;
      if (!loop && !closing.signal.aborted) loop = keepShowing(needs, () => text, closing.signal);
    },
    async close() {
      closing.abort();
      await loop;
    },
  };
}

async function keepShowing(needs: DraftNeeds, text: () => string, closing: AbortSignal): Promise<void> {
  const { clock, log, turn } = needs;
  try {
    await clock.sleep(FIRST_TEXT_MS, closing);
    if (closing.aborted) return;
    let shown = text();
    let original = await first(needs, shown);
    for (let edits = 0; edits < EDITS_MAX; edits++) {
      await clock.sleep(EDIT_FLOOR_MS * EDIT_SPREAD ** edits, closing);
      if (closing.aborted) return;
      original ??= (await needs.ledger.outboxRow(draftKeyOf(turn)))?.eventId;
      const latest = text();
      if (!original || latest === shown) continue;
      await needs.ledger.showing(needs.running.lease, turn.id, latest);
      if (await edit(needs, original, latest, edits)) shown = latest;
    }
  } catch (error) {
    // The draft is a courtesy; the reply is stored and sent without it.
    log("edit_skipped", { turn: turn.id, error: error instanceof Error ? error.message : String(error) });
  }
}

/** Freezes the first text, or finds the one an earlier attempt froze, and sends it; its event id when it is known by now. */
async function first({ ledger, turn, running, run, row }: DraftNeeds, text: string): Promise<EventId | undefined> {
  const key = draftKeyOf(turn);
  const content = messageContent({
    markdown: firstPart(turn, text),
    mark: markOf(turn, 0, "draft"),
    threadRoot: turn.threadRoot,
  });
  const draft = row(key, content);
  // In one batch: whoever takes the turn over must know that somebody may have read something.
  if (!(await ledger.freeze(running.lease, [draft], { turnId: turn.id, text }))) return undefined;
  await run(draft.lane);
  return (await ledger.outboxRow(key))?.eventId;
}

async function edit(
  { turn, intent, log }: DraftNeeds,
  original: EventId,
  text: string,
  count: number,
): Promise<boolean> {
  // The attempt is in the key, unlike in a frozen one: another attempt's edit is another text.
  const key = deliveryKey(turn.id, 0, `edit${turn.attempt}-${count}`);
  const content = editContent(original, { markdown: firstPart(turn, text), mark: markOf(turn, 0, "draft") });
  const answer = await intent.send(sendMessage(turn.roomId, key, content));
  if (!answer.ok) log("edit_skipped", { turn: turn.id, status: answer.error.status, errcode: answer.error.errcode });
  return answer.ok;
}

/** What of a growing text the draft shows; the rest follows in messages of its own when it is finished. */
const firstPart = (turn: Turn, text: string): string => partsOf(turn, text, "draft")[0] ?? text;
