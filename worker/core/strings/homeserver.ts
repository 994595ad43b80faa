/** Sentences for operators about the homeserver: what it lacks, and what it refuses the bridge. */
import type { Capability } from "../protocol/capabilities.ts";

const READ_BACK = "A message that may have been sent already is looked for in its room before it is sent again";

/** What a homeserver lacks, and what the bridge does without it. */
export const LACKED: Record<Capability, string> = {
  devices: `the homeserver makes no devices for appservices: the agents have none. ${READ_BACK}`,
  deviceId: `the homeserver does not take the device a request names: none is named. ${READ_BACK}`,
  ping: "the homeserver has no ping for appservices: whether it reaches the bridge is seen only when it pushes events",
};

/** Why the homeserver and the bridge do not reach each other. */
export const unreachable = (errcode: string | undefined): string =>
  errcode === "M_UNKNOWN_TOKEN"
    ? "the homeserver does not know the bridge's token: `AS_TOKEN` is not the `as_token` of its registration file, or it has not been restarted since that changed"
    : "the homeserver cannot be reached, or cannot reach the bridge";

export const BOT_REFUSED = (refusal: string): string =>
  `the homeserver refuses the bot's account (${refusal}): \`BOT_LOCALPART\` is to be the \`sender_localpart\` of its registration file. Rooms to which only the bot is invited are not joined, and aliases are not looked up`;
