/** Accounts of our users and their devices. */
import * as z from "zod/v4";
import { BOUNDS } from "../../bounds.ts";
import type { JsonObject } from "../event.ts";
import { UserId } from "../ids.ts";
import { answerOf, CLIENT, confirmedBy, type Request, unread } from "./request.ts";

/**
 * Makes the account of a user in our namespace; `M_USER_IN_USE` where there is one already. Sent without a user: it
 * does not exist yet.
 *
 * @see https://spec.matrix.org/v1.19/application-service-api/#server-admin-style-permissions
 * @see https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3register
 */
export const registerUser = (localpart: string): Request<undefined> => ({
  method: "POST",
  path: `${CLIENT}/register`,
  body: JSON.stringify({ type: "m.login.application_service", username: localpart, inhibit_login: true }),
  answer: confirmedBy("user_id"),
});

/**
 * Makes a device of the acting user, or names it anew. Sent without a device: it does not exist yet.
 *
 * @see https://spec.matrix.org/v1.19/application-service-api/#device-management
 * @see https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3devicesdeviceid
 */
export const putDevice = (deviceId: string, displayName: string): Request<undefined> => ({
  method: "PUT",
  path: `${CLIENT}/devices/${encodeURIComponent(deviceId)}`,
  body: JSON.stringify({ display_name: displayName }),
  answer: unread,
});

/**
 * Asks nothing but who we are. An answer shows that the homeserver is there and takes our token; a proxy that answers in its
 * place does not know who we are.
 *
 * @see https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3accountwhoami
 */
export const whoAmI = (): Request<undefined> => ({
  method: "GET",
  path: `${CLIENT}/account/whoami`,
  answerMsMax: BOUNDS.silence.max,
  answer: confirmedBy("user_id"),
});

/**
 * Stores something of the acting user's that only they see. It shows that the homeserver stores at all.
 *
 * @see https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3useruseridaccount_datatype
 */
export const setAccountData = (userId: UserId, type: string, content: JsonObject): Request<undefined> => ({
  method: "PUT",
  path: `${CLIENT}/user/${encodeURIComponent(userId)}/account_data/${encodeURIComponent(type)}`,
  body: JSON.stringify(content),
  answerMsMax: BOUNDS.silence.max,
  answer: unread,
});

/**
 * The device the homeserver takes a request for; undefined where it takes it for none.
 *
 * @see https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3accountwhoami
 */
export const actingDevice = (): Request<string | undefined> => ({
  method: "GET",
  path: `${CLIENT}/account/whoami`,
  answer: answerOf(
    z.object({ user_id: UserId, device_id: z.string().optional() }).transform(({ device_id }) => device_id),
    "user_id",
  ),
});
