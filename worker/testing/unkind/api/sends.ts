/**
 * `PUT …/send/…/{txnId}` and `PUT …/redact/…/{txnId}`, idempotent as in Synapse.
 *
 * A cache in memory has the answers by raw path alone, for any user and any body; concurrent repetitions share one
 * execution. The store has them by user, device, room and transaction id, only for sends with a device. The cache is
 * asked first.
 */
import type { Json, JsonObject } from "#core/protocol/event.ts";
import type { Counts, Dice } from "../dice.ts";
import { append, membership } from "../store.ts";
import { type Answer, answer, type Needs, type Respond, refusal, type UserCall } from "./call.ts";

/** @see https://spec.matrix.org/v1.19/client-server-api/#size-limits */
const EVENT_BYTES_MAX = 65_536;

/** Made at each start, with an empty cache. */
export function sends(
  { store, written }: Pick<Needs, "store" | "written">,
  { falls, unkindness }: Dice,
  counts: Counts,
): Respond {
  const remembered = new Map<string, Answer>();

  function perform(call: UserCall, [room = "", typeOrTarget = "", txnId = ""]: string[]): Answer {
    const { userId, deviceId, body, rawPath } = call;
    const known = deviceId === undefined ? undefined : store.sentWith.get([userId, deviceId, room, txnId].join("|"));
    if (known !== undefined) {
      counts.fromStore++;
      return answer(200, { event_id: known });
    }
    const refused = refusalOf(room, userId, rawPath.includes("/redact/") ? undefined : typeOrTarget, body);
    if (refused) return refused;
    const sentBy = { userId, deviceId, txnId };
    const isRedaction = rawPath.includes("/redact/");
    const event = isRedaction
      ? append(store, {
          room,
          type: "m.room.redaction",
          sender: userId,
          content: { ...body, redacts: typeOrTarget },
          redacts: typeOrTarget,
          sentBy,
        })
      : append(store, { room, type: typeOrTarget, sender: userId, content: body, sentBy });
    if (deviceId !== undefined) store.sentWith.set([userId, deviceId, room, txnId].join("|"), event.event_id);
    counts.sends++;
    written();
    return answer(200, { event_id: event.event_id });
  }

  function refusalOf(roomId: string, userId: string, type: string | undefined, body: JsonObject): Answer | undefined {
    const room = store.rooms.get(roomId);
    if (!room || membership(room, userId) !== "join")
      return refusal(403, "M_FORBIDDEN", `User ${userId} not in room ${roomId}`);
    const missing = ["body", "msgtype"].find((key) => typeof body[key] !== "string");
    if (type === "m.room.message" && missing) return refusal(400, "M_UNKNOWN", `'${missing}' not in content`);
    if (hasFloat(body)) return refusal(400, "M_BAD_JSON", "Bad JSON value: float");
    if (new TextEncoder().encode(JSON.stringify(body)).length > EVENT_BYTES_MAX)
      return refusal(413, "M_TOO_LARGE", "event too large");
    return undefined;
  }

  return (call, parts) => {
    const known = remembered.get(call.rawPath);
    if (known) {
      counts.fromMemory++;
      return known;
    }
    if (falls("limited")) {
      counts.limited++;
      return limited(unkindness.retryAfterMs);
    }
    const performed = perform(call, parts);
    // A refusal is not cached: the same transaction id can be used again.
    if (performed.status === 200) remembered.set(call.rawPath, performed);
    return performed;
  };
}

const limited = (retryAfterMs: number): Answer => ({
  ...answer(429, { errcode: "M_LIMIT_EXCEEDED", error: "Too Many Requests", retry_after_ms: retryAfterMs }),
  headers: { "retry-after": String(Math.ceil(retryAfterMs / 1_000)) },
});

const hasFloat = (value: Json): boolean => {
  if (typeof value === "number") return !Number.isInteger(value);
  if (typeof value !== "object" || value === null) return false;
  return Object.values(value).some(hasFloat);
};
