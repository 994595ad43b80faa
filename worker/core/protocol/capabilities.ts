/**
 * What the specification gives to every appservice, and some homeservers lack: each is found out by asking for it, stored,
 * and done without.
 *
 * @see https://spec.matrix.org/v1.19/application-service-api/#client-server-api-extensions
 */
import * as z from "zod/v4";
import { parseJson } from "./json.ts";

/** `devices`: `PUT /devices` makes one. `deviceId`: requests may name it. `ping`: it calls us when we ask for it. */
export const CAPABILITIES = ["devices", "deviceId", "ping"] as const;
export type Capability = (typeof CAPABILITIES)[number];

const Capabilities = z.object({
  /** Names the homeserver and its version. With another one everything is asked again. */
  version: z.string(),
  /** When it was asked, by our clock, in milliseconds since the epoch. */
  atMs: z.number(),
  // Undefined where the homeserver has not said yet whether it has it.
  devices: z.boolean().optional().catch(undefined),
  deviceId: z.boolean().optional().catch(undefined),
  ping: z.boolean().optional().catch(undefined),
});
export type Capabilities = z.infer<typeof Capabilities>;

/** The stored answers; undefined where there are none, and where they cannot be read: they are asked for again then. */
export const readCapabilities = (text: string | undefined): Capabilities | undefined =>
  Capabilities.safeParse(parseJson(text ?? "")).data;

/** The answers as they are stored. */
export const storedCapabilities = (capabilities: Capabilities): string =>
  JSON.stringify(Capabilities.parse(capabilities));

/** What the homeserver is known to lack. */
export const lackedOf = (capabilities: Capabilities | undefined): Capability[] =>
  CAPABILITIES.filter((capability) => capabilities?.[capability] === false);

/** False where a device is of no use: there can be none, or no request can name it. */
export const takesDevices = (capabilities: Capabilities | undefined): boolean =>
  capabilities?.devices !== false && capabilities?.deviceId !== false;
