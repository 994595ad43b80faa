/** Sentences of `/health` about the homeserver. They name variables and accounts, and repeat no text of the homeserver's. */
import type { HomeserverError } from "../protocol/errcode.ts";
import { isBadToken, isPassing } from "../protocol/errcode.ts";
import type { UserId } from "../protocol/ids.ts";

/** As much of an error as is kept. */
export type Refusal = Pick<HomeserverError, "status" | "errcode">;

interface Standing {
  /** How the last ping ended; undefined before the first one. */
  ping: { reachable: boolean; refusal?: Refusal } | undefined;
  /** Why the bot's account or device could not be made, or asked for. */
  bot: Refusal | undefined;
  botUserId: UserId;
}

/** What is wrong between the homeserver and the bridge. */
export function homeserverProblems({ ping, bot, botUserId }: Standing): string[] {
  const badToken = [ping?.refusal, bot].find((refusal) => refusal && isBadToken(refusal.errcode));
  if (badToken) {
    return [
      `the homeserver refuses AS_TOKEN (${badToken.errcode}): set it to the as_token of the registration file, and restart the homeserver if it has not read that file since it was changed`,
    ];
  }
  const problems: string[] = [];
  if (ping?.reachable === false) problems.push("the homeserver cannot be reached, or cannot reach the bridge");
  // While nothing is answered, the bot is only one of those that get no answer.
  if (bot && !isPassing({ ...bot, message: "" })) problems.push(botProblem(bot, botUserId));
  return problems;
}

function botProblem({ status, errcode }: Refusal, botUserId: UserId): string {
  const refused = `the homeserver refuses the bot ${botUserId} (${status} ${errcode})`;
  if (errcode !== "M_EXCLUSIVE") return `${refused}; agents answer without it where they can`;
  return `${refused}: BOT_LOCALPART must be the sender_localpart of the registration file, and no other application service may claim that user`;
}
