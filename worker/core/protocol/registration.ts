/**
 * The registration file, which tells a homeserver about us.
 *
 * @see https://spec.matrix.org/v1.19/application-service-api/#registration
 */
import * as z from "zod/v4";
import type { Namespace } from "./ids.ts";

const Claim = z.looseObject({ regex: z.string(), exclusive: z.boolean() });

export const Registration = z.looseObject({
  id: z.string().regex(/^[^|]+$/),
  url: z.string(),
  as_token: z.string(),
  hs_token: z.string(),
  sender_localpart: z.string(),
  rate_limited: z.boolean(),
  namespaces: z.looseObject({ users: z.array(Claim), aliases: z.array(Claim), rooms: z.array(Claim) }),
});
export type Registration = z.infer<typeof Registration>;

interface Wishes {
  id: string;
  /** Where the homeserver reaches us. */
  url: string;
  asToken: string;
  hsToken: string;
  namespace: Namespace;
}

/** The registration for these settings. */
export const registrationShape = ({ id, url, asToken, hsToken, namespace }: Wishes): Registration => ({
  id,
  url: url.replace(/\/+$/, ""),
  as_token: asToken,
  hs_token: hsToken,
  sender_localpart: namespace.botLocalpart,
  // Otherwise a reply that is edited while it grows would stop at the eleventh event.
  rate_limited: false,
  // Typing and receipts are not used, and each would be a request of its own.
  receive_ephemeral: false,
  // Tuwunel makes devices only for appservices that have this key; Synapse and Dendrite do not know it.
  device_management: true,
  namespaces: { users: [{ exclusive: true, regex: usersRegex(namespace) }], aliases: [], rooms: [] },
});

/** Ends with the server name: homeservers anchor the pattern at the start only, and users of other servers are not ours. */
export const usersRegex = ({ ghostPrefix, serverName }: Namespace): string =>
  `^@${escapeRegex(ghostPrefix)}[a-z0-9_.=-]+:${escapeRegex(serverName)}$`;

const escapeRegex = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

/** The differences between a registration and our settings, a sentence each. */
export function complaints(registration: Registration, namespace: Namespace): string[] {
  const regex = usersRegex(namespace);
  const claims = registration.namespaces.users;
  return [
    ...(registration.sender_localpart === namespace.botLocalpart
      ? []
      : [`sender_localpart is ${registration.sender_localpart}, BOT_LOCALPART is ${namespace.botLocalpart}`]),
    ...(claims.some((claim) => claim.exclusive && claim.regex === regex)
      ? []
      : [`no exclusive users namespace has the regex ${regex}`]),
    ...(registration.rate_limited
      ? ["rate_limited is true: replies that are edited while they grow would be held up"]
      : []),
  ];
}
