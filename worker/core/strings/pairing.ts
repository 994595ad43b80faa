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

export const ONE_USER = "Name one user at a time.";

export const USER_OR_CODE_NEEDED = "Add a user id or a code.";
export const DENIED = "Done.";
export const denied = (userId: string, agent: string): string =>
  `Done. ${codeSpan(userId)} may no longer talk to **${agent}** by a code or by \`!allow\`.`;
export const NOTHING_TO_DENY =
  "No such user was let in, and there is no such code. Users on the list `users` are removed in the configuration.";
export const notLetIn = (userId: string, agent: string): string =>
  `${codeSpan(userId)} was not let in to **${agent}** by a code or by \`!allow\`. Users on the list \`users\` are removed in the configuration.`;
export const MEMBERS_UNKNOWN =
  "No such code is known, and the members of this room cannot be read at the moment. Add a whole user id, such as `@alice:example.org`.";
export const severalNamed = (userIds: readonly string[], hasMore: boolean): string =>
  `Several users here have this name, and nothing was changed. Add the id of the one you mean: ${userIds.map(codeSpan).join(", ")}${hasMore ? ", or another one" : ""}.`;
