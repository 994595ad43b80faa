/** The homeserver itself: where it is, and whether it reaches us. */
import * as z from "zod/v4";
import { BOUNDS } from "../../bounds.ts";
import { answerOf, confirmedBy, type Request } from "./request.ts";

const WellKnown = z.object({ "m.homeserver": z.object({ base_url: z.url({ protocol: /^https?$/ }) }) });

/**
 * The URL of the client–server API, without a slash at its end. Asked of `https://<server name>`, and without our token.
 *
 * @see https://spec.matrix.org/v1.19/client-server-api/#getwell-knownmatrixclient
 */
export const wellKnown = (): Request<string> => ({
  method: "GET",
  path: "/.well-known/matrix/client",
  answer: answerOf(
    WellKnown.transform((found) => found["m.homeserver"].base_url.replace(/\/+$/, "")),
    "m.homeserver.base_url",
  ),
});

/**
 * What the homeserver says of its version, as a text. Few say what they are called, and none has to; with another version
 * the list of features is another one as a rule.
 *
 * @see https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientversions
 */
export const homeserverVersion = (): Request<string> => ({
  method: "GET",
  path: "/_matrix/client/versions",
  answerMsMax: BOUNDS.silence.max,
  answer: answerOf(
    z
      .object({ versions: z.array(z.unknown()), unstable_features: z.unknown() })
      .transform(({ versions, unstable_features }) => JSON.stringify([versions, unstable_features])),
    "versions",
  ),
});

/**
 * Asks the homeserver to call our `/ping`; an error where it cannot reach us.
 *
 * @see https://spec.matrix.org/v1.19/application-service-api/#post_matrixclientv1appserviceappserviceidping
 */
export const pingAppservice = (appserviceId: string, transactionId: string): Request<undefined> => ({
  method: "POST",
  path: `/_matrix/client/v1/appservice/${encodeURIComponent(appserviceId)}/ping`,
  body: JSON.stringify({ transaction_id: `${OWN_PING}${transactionId}` }),
  answer: confirmedBy("duration_ms"),
});

/** How the transaction ids of our pings begin. The process that gets the ping need not be the one that asked for it. */
const OWN_PING = "troupe-";

const OwnPing = z.object({ transaction_id: z.string().startsWith(OWN_PING) });

/**
 * True for the body of a ping that we asked for ourselves.
 *
 * @see https://spec.matrix.org/v1.19/application-service-api/#post_matrixappv1ping
 */
export const isOwnPing = (body: unknown): boolean => OwnPing.safeParse(body).success;
