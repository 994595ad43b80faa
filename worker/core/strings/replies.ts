/** Every sentence Troupe itself says in a room. Why something failed is for the log; here stands what a person can do. */
import type { ErrorCode } from "../turn/backend.ts";

export const APOLOGY: Record<ErrorCode | "poison", string> = {
  auth: "My backend does not accept my credentials. My operator finds the details in the log.",
  rate_limit: "My backend is asked too much at the moment. Please try again in a minute.",
  busy: "My backend is busy with something else. Please try again in a minute.",
  quota: "My backend's quota is used up. My operator finds the details in the log.",
  bad_request: "My backend did not understand the request. My operator finds the details in the log.",
  unsupported_input: "My backend cannot take a message like this one.",
  not_found: "My backend does not know the model I am set up with. My operator finds the details in the log.",
  not_configured: "I am not set up completely yet. My operator finds in the log what is missing.",
  upstream: "My backend has trouble at the moment. Please try again later.",
  timeout: "My backend took too long to answer. Please try again.",
  disconnected: "I lost the connection to my backend. Please try again.",
  agent: "Something went wrong while I worked on this. Please try again.",
  poison:
    "Whenever I begin with this I break down, so I leave it. My operator finds the message among the dead letters.",
  unknown: "Something went wrong while I worked on this. Please try again.",
};

/** Below what was shown of an answer that broke off. */
export const INTERRUPTED = "*(The answer was interrupted here.)*";
/** Below what was shown, or alone, after somebody said `!stop`. */
export const STOPPED = "*(Stopped.)*";
export const NOTHING_TO_SAY = "I have nothing to say to that.";
/** Below what was shown of an answer that a newer message put an end to. */
export const TAKEN_OVER = "*(Interrupted by a newer message.)*";
export const QUEUE_FULL =
  "I still have {count} messages of this conversation before me, so I do not take on more until one of them is answered. What comes in the meantime is dropped; `!stop` clears the line.";

export const NAME_ONE = "There are several agents here; mention the one you mean.";
export const NEW_CONVERSATION = "A new conversation begins; what was said before is forgotten.";
export const NOTHING_RUNS = "Nothing is running here.";
export const MUTED = "Muted: nobody is answered in this room until somebody says `unmute`.";
export const UNMUTED = "I listen again.";
export const NO_SUCH_MESSAGE = "I know of no such message in this room.";
/** The same for a code that is wrong, too old, used up or another agent's. */
export const CODE_UNKNOWN = "That code opens nothing here.";
export const PAIRING_CODE =
  "I do not know you yet. Give this code to whoever runs me: **{code}**. It holds for an hour; once it is approved, just write to me.";
export const PAIRING_FULL =
  "I do not know you yet, and too many ask to be let in at the moment. Please try again in an hour.";
export const ENCRYPTED_ROOM =
  "This room is encrypted, and I cannot read encrypted messages yet. Use a room without encryption to talk to me.";
export const FOLLOWED = "This room replaces the one before; everything I was told there holds here.";
