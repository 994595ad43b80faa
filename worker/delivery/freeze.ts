/** Renders a plain outbox row to the bytes of its request. */
import type { DeliveryKey } from "#core/message/mark.ts";
import { parseUtterance } from "#core/message/utterance.ts";
import { sendPath } from "#core/protocol/client/messages.ts";
import type { RoomId } from "#core/protocol/ids.ts";
import type { FrozenRequest } from "#ports/delivery.ts";
import { contentOf } from "./content.ts";
import type { GiveWay } from "./html/render.ts";

/**
 * The request of a plain row: the only step between an utterance and the bytes on the wire. The out lane takes it once,
 * before the first attempt, and stores the result; every attempt sends that. Encryption of the content belongs here.
 *
 * Rejects when the row cannot be read or rendered.
 */
export async function freeze(
  plain: string,
  key: DeliveryKey,
  { roomId, deviceId }: { roomId: RoomId; deviceId: string },
  giveWay: GiveWay,
): Promise<FrozenRequest> {
  const content = await contentOf(parseUtterance(plain), giveWay);
  return { deviceId, path: sendPath(roomId, key), body: JSON.stringify(content) };
}
