/**
 * Resolves the aliases of the configuration. The bot asks the homeserver when the configuration changes, and again from
 * time to time, because an alias can be moved to another room.
 *
 * @see https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3directoryroomroomalias
 */
import { BOUNDS } from "#core/bounds.ts";
import { roomByAlias } from "#core/protocol/client/rooms.ts";
import { isMissing } from "#core/protocol/errcode.ts";
import { isAhead } from "#core/turn/clocks.ts";
import type { Ghosts } from "#ports/homeserver.ts";
import type { Clock } from "#ports/host.ts";
import type { Ledger } from "#ports/ledger.ts";

interface Needs {
  ledger: Ledger;
  ghosts: Ghosts;
  clock: Clock;
}

/** An alias is looked up again after this time. */
const KNOWN_MS = 60 * 60_000;
/** An alias that does not exist yet may be created soon. */
const UNKNOWN_MS = 5 * 60_000;
/** Resolves these aliases; returns those that mean no room now. */
export async function lookUp({ ledger, ghosts, clock }: Needs, aliases: readonly string[]): Promise<string[]> {
  const unresolved: string[] = [];
  for (const alias of aliases) {
    const bot = await ghosts.bot();
    const answer = bot.ok ? await bot.value.send(roomByAlias(alias)) : bot;
    const roomId = answer.ok ? answer.value : undefined;
    if (!roomId) unresolved.push(alias);
    // A failed request leaves the stored room in place; only the answer that there is none removes it.
    const isGone = !answer.ok && isMissing(answer.error);
    if (roomId || isGone || !(await isKnown(ledger, alias))) await ledger.setAlias(alias, roomId, clock.now());
  }
  return unresolved;
}

const isKnown = async (ledger: Ledger, alias: string): Promise<boolean> =>
  (await ledger.aliases()).some((one) => one.alias === alias);

/** Resolves aliases again that were resolved long enough ago. */
export async function lookUpAgain(needs: Needs): Promise<void> {
  const nowMs = needs.clock.now();
  const due = (await needs.ledger.aliases()).filter(
    ({ roomId, atMs }) => isAhead(atMs, nowMs) || nowMs - atMs > (roomId === undefined ? UNKNOWN_MS : KNOWN_MS),
  );
  if (due.length > 0)
    await lookUp(
      needs,
      due.slice(0, BOUNDS.aliasesAtOnce.max).map(({ alias }) => alias),
    );
}
