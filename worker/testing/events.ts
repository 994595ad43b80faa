/** Events as a homeserver pushes them. A test names only the fields that matter to it. */
import { RoomEvent } from "#core/protocol/event.ts";

let count = 0;

export function anEvent(over: Record<string, unknown> = {}): RoomEvent {
  count++;
  return RoomEvent.parse({
    event_id: `$event${count}`,
    room_id: "!room",
    type: "m.room.message",
    sender: "@alice:hs.test",
    content: { msgtype: "m.text", body: "hello" },
    origin_server_ts: 1_000,
    unsigned: { age: 10 },
    ...over,
  });
}

export const aMessage = (body: string, over: Record<string, unknown> = {}): RoomEvent =>
  anEvent({ ...over, content: { msgtype: "m.text", body, ...(over["content"] as object | undefined) } });

export const aMembership = (userId: string, membership: string, over: Record<string, unknown> = {}): RoomEvent =>
  anEvent({ type: "m.room.member", state_key: userId, content: { membership }, ...over });
