/** Sentences about who may talk to an agent. `agent` is its name. */
import { codeSpan } from "./code-span.ts";

export const pairingCode = (code: string): string =>
  `I do not know you yet. Give this code to my operator: **${code}**. It is valid for an hour; once it is approved, just write to me.`;
export const PAIRING_FULL =
  "I do not know you yet, and too many users wait for approval at the moment. Please try again in an hour.";

export const CODE_NEEDED = "Add the code you were given.";
/** The same for a code that is wrong, expired, used or another agent's, so that guessing teaches nothing. */
export const CODE_INVALID = "That code is not valid here.";
export const NO_REQUESTS = "No user waits for approval.";
export const requests = (pairings: readonly { userId: string; code: string }[]): string =>
  pairings.map(({ userId, code }) => `- ${codeSpan(userId)} has the code ${codeSpan(code)}`).join("\n");

export const allowed = (userId: string, agent: string): string => `${codeSpan(userId)} may now talk to **${agent}**.`;
export const welcome = (agent: string): string => `Welcome. You may now talk to **${agent}**.`;
export const USER_ID_NEEDED = "Add a whole user id, such as `@alice:example.org`.";

export const USER_OR_CODE_NEEDED = "Add a user id or a code.";
export const DENIED = "Done.";
export const NOTHING_TO_DENY =
  "No such user was let in, and there is no such code. Users on the list `users` are removed in the configuration.";
