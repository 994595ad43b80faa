/**
 * The client–server API as one of our users. Only with a device does Synapse remember a send's transaction id across its
 * own restarts.
 *
 * @see https://spec.matrix.org/v1.19/application-service-api/#identity-assertion
 */
import type { UserId } from "#core/protocol/ids.ts";
import type { Intent } from "#ports/homeserver.ts";
import type { Call } from "./client-server.ts";

export const bindIntent = (call: Call, userId: UserId, deviceId: string): Intent => ({
  userId,
  deviceId,
  send: (request) => call(request, { userId, deviceId }),
});
