/**
 * Finds a message that an earlier attempt may have sent. Where the homeserver has no devices for appservices, it remembers
 * transaction ids in its memory at most: after its restart a repeated request would be a second message.
 */
import { BOUNDS } from "#core/bounds.ts";
import { keyOfOwn, markIn } from "#core/message/mark.ts";
import { messagesOfBefore } from "#core/protocol/client/messages.ts";
import { isPassing } from "#core/protocol/errcode.ts";
import { RoomEvent } from "#core/protocol/event.ts";
import type { EventId, RoomId } from "#core/protocol/ids.ts";
import { isObject } from "#core/protocol/json.ts";
import { ok } from "#core/result.ts";
import type { OpenOutboxRow } from "#ports/delivery.ts";
import type { Answer, Intent } from "#ports/homeserver.ts";

interface Needs {
  send: Intent["send"];
  roomId: RoomId;
  /** Waits as long as a queued request of an earlier attempt may take. */
  wait: () => Promise<void>;
}

/**
 * The event id of the row's message, found in its room by our mark; undefined when it was not sent. An error where the
 * homeserver cannot tell now. A message that is not there is looked for once more a moment later: a homeserver that was
 * killed goes on with what it had queued.
 */
export async function sentBefore(needs: Needs, row: Sent): Promise<Answer<EventId | undefined>> {
  const found = await look(needs, row);
  if (!found.ok || found.value !== undefined) return found;
  await needs.wait();
  return look(needs, row);
}
type Sent = Pick<OpenOutboxRow, "key" | "userId">;

async function look({ send, roomId }: Needs, row: Sent): Promise<Answer<EventId | undefined>> {
  let from: string | undefined;
  for (let page = 0; page < BOUNDS.sentPages.max; page++) {
    const answer = await send(messagesOfBefore(roomId, row.userId, from));
    // A user who may not read the room may not write in it either: the send says so.
    if (!answer.ok) return isPassing(answer.error) ? answer : ok(undefined);
    const found = answer.value.raws.map((raw) => sentAs(roomId, raw, row)).find((eventId) => eventId !== undefined);
    from = answer.value.next;
    if (found !== undefined || from === undefined || answer.value.raws.length === 0) return ok(found);
  }
  return ok(undefined);
}

function sentAs(roomId: RoomId, raw: unknown, { key, userId }: Sent): EventId | undefined {
  const event = RoomEvent.safeParse(isObject(raw) ? { ...raw, room_id: roomId } : raw).data;
  const mark = event?.sender === userId ? markIn(event) : undefined;
  return event && mark && keyOfOwn(mark, event) === key ? event.event_id : undefined;
}
