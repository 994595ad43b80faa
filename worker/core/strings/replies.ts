/** Sentences an agent says in place of an answer. The log has the cause of a failure; these say what a user can do. */
import type { ErrorCode } from "../turn/backend.ts";

export const APOLOGY: Record<ErrorCode | "poison" | "unreadable", string> = {
  auth: "My backend does not accept my key. My operator finds the details in the log.",
  rate_limit: "My backend has too many requests at the moment. Please try again in a minute.",
  busy: "My backend is busy. Please try again in a minute.",
  loading: "My backend is still loading its model. Please try again in a few minutes.",
  quota: "The credit or the quota at my backend is used up. My operator finds the details in the log.",
  bad_request: "My backend did not understand the request. My operator finds the details in the log.",
  unsupported: "My backend does not support a part of my request. My operator finds the details in the log.",
  context_length: "This conversation is too long for my backend. `!new` begins a new one.",
  unsupported_input: "My backend cannot take a message like this one.",
  not_found: "My backend does not know the model I am set up with. My operator finds the details in the log.",
  bad_address:
    "The address of my backend is wrong: no backend answers there. My operator finds the details in the log.",
  filtered: "My backend filtered this, so I have no answer. Please put it in other words.",
  refused: "My backend declines to answer this.",
  length_limit:
    "The limit for the length of my answer was reached before I could say anything. Please ask for less at once.",
  tool_call: "My backend called a tool that I do not offer, so I have no answer. Please ask again in other words.",
  not_configured: "I am not set up completely yet. My operator finds in the log what is missing.",
  upstream: "My backend has trouble at the moment. Please try again later.",
  timeout: "My backend took too long to answer. Please try again.",
  disconnected: "I lost the connection to my backend. Please try again.",
  agent: "Something went wrong while I worked on this. Please try again.",
  poison: "I crash whenever I begin with this message, so I skip it. My operator finds it among the dead letters.",
  unreadable: "I cannot read this message any more, so I skip it. My operator finds it among the dead letters.",
  unknown: "Something went wrong while I worked on this. Please try again.",
};

/** Below the visible part of an answer that broke off. */
export const INTERRUPTED = "*(The answer was interrupted here.)*";
/** Below an answer that goes on without end. */
export const TOO_LONG = "*(The answer is longer than I can send. I stopped it here.)*";
/** Below the visible part of an answer, or alone, after `!stop`. */
export const STOPPED = "*(Stopped.)*";
export const NOTHING_TO_SAY = "I have nothing to say to that.";
/** Below the visible part of an answer that a newer message ended. */
export const TAKEN_OVER = "*(Interrupted by a newer message.)*";

export const queueFull = (waiting: number): string =>
  `${waiting} messages of this conversation already wait for me, so I take no more until one of them is answered. Messages in the meantime are dropped; \`!stop\` clears the queue.`;

export const TOO_MANY_TURNS =
  "Too many messages wait for an answer, so I take no more for now. Please say it again later; `!stop` clears what waits here.";

export const ENCRYPTED_ROOM =
  "This room is encrypted, and I cannot read encrypted messages yet. Use a room without encryption to talk to me.";
export const NO_DIRECT_CHAT =
  "I was invited to a direct chat, and there are others in this room, so I leave it. Somebody I may talk to can invite me to it as to a room.";
export const FOLLOWED = "This room replaces an earlier one; my settings and conversations from there continue here.";
