/**
 * Resolves the aliases of the configuration. The bot asks the homeserver when the configuration changes, and again from
 * time to time, because an alias can be moved to another room.
 *
 * @see https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3directoryroomroomalias
 */
import { BOUNDS } from "#core/bounds.ts";
import { roomAliases, roomByAlias } from "#core/protocol/client/rooms.ts";
import { isMissing } from "#core/protocol/errcode.ts";
import type { RoomId } from "#core/protocol/ids.ts";
import { isAhead } from "#core/turn/clocks.ts";
import type { Ghosts, Intent } from "#ports/homeserver.ts";
import type { Clock } from "#ports/host.ts";
import type { Ledger } from "#ports/ledger.ts";

interface Needs {
  ledger: Ledger;
  ghosts: Ghosts;
  clock: Clock;
  /** False when this run has done as much as the host allows. */
  mayGoOn?: (() => boolean) | undefined;
}

/** An alias is looked up again after this time. */
const KNOWN_MS = 60 * 60_000;
/** An alias that does not exist yet may be created soon. */
const UNKNOWN_MS = 5 * 60_000;
/** All look-ups of one upkeep take no longer. */
const UPKEEP_MS = 15_000;

/** Resolves these aliases; returns those that mean no room now. */
export async function lookUp(needs: Needs, aliases: readonly string[]): Promise<string[]> {
  const known = new Map((await needs.ledger.aliases()).map(({ alias, roomId }) => [alias, roomId]));
  const unresolved: string[] = [];
  for (const alias of aliases) if (!(await resolve(needs, alias, known.get(alias)))) unresolved.push(alias);
  return unresolved;
}

/**
 * Resolves the aliases of a room that was just joined, as far as the configuration has them and they mean no room yet. Best
 * effort: the upkeep looks them up too.
 */
export async function lookUpOf(needs: Needs, intent: Pick<Intent, "send">, roomId: RoomId): Promise<void> {
  const unknown = (await needs.ledger.aliases()).filter((one) => one.roomId === undefined);
  if (unknown.length === 0) return;
  const named = await intent.send(roomAliases(roomId));
  if (!named.ok) return;
  await lookUp(
    needs,
    named.value.filter((alias) => unknown.some((one) => one.alias === alias)),
  );
}

/**
 * A failed request leaves the stored room in place; only the answer that there is none removes it. The failure counts as a
 * look-up all the same, so that an alias whose server hangs does not come first each time.
 */
async function resolve({ ledger, ghosts, clock }: Needs, alias: string, before: RoomId | undefined): Promise<boolean> {
  const bot = await ghosts.bot();
  const answer = bot.ok ? await bot.value.send(roomByAlias(alias)) : bot;
  const nowMs = clock.now();
  if (answer.ok) await ledger.setAlias(alias, answer.value, nowMs);
  else if (isMissing(answer.error) || before === undefined) await ledger.setAlias(alias, undefined, nowMs);
  else await ledger.setAlias(alias, before, nowMs - KNOWN_MS + UNKNOWN_MS);
  return answer.ok;
}

/** Resolves aliases again that were resolved long enough ago, as many as fit into one upkeep. */
export async function lookUpAgain(needs: Needs): Promise<void> {
  const { ledger, clock, mayGoOn } = needs;
  const beganAtMs = clock.now();
  const due = (await ledger.aliases()).filter(
    ({ roomId, atMs }) => isAhead(atMs, beganAtMs) || beganAtMs - atMs > (roomId === undefined ? UNKNOWN_MS : KNOWN_MS),
  );
  for (const { alias, roomId } of due.slice(0, BOUNDS.aliasesAtOnce.max)) {
    if (mayGoOn?.() === false || clock.now() - beganAtMs >= UPKEEP_MS) return;
    await resolve(needs, alias, roomId);
  }
}
