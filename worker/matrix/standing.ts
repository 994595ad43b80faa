/**
 * Tells a homeserver that does not answer from a request that does not. One request may wait for a remote server, or fail
 * in one room for ever, while all others are answered. So after a failure the homeserver is asked who we are, unless it
 * has answered something else meanwhile.
 */
import { whoAmI } from "#core/protocol/client/account.ts";
import { type HomeserverError, isPassing } from "#core/protocol/errcode.ts";
import { messageOf } from "#core/result.ts";
import type { Standing } from "#ports/homeserver.ts";
import type { Clock, Log } from "#ports/host.ts";
import type { Call } from "./client-server.ts";

interface Needs {
  call: Call;
  clock: Pick<Clock, "now">;
  log: Log;
  /** Called while nothing is answered: the homeserver may have died and lost events it had not pushed yet. */
  onSilence: () => Promise<void>;
}

/** An answer of this age still shows that the homeserver is well. */
const FRESH_MS = 5_000;
/** The pause between two questions to a homeserver that does not answer, and between two calls of `onSilence`. */
const PAUSE_MS = 1_000;

/** Watches the answers of a homeserver. Every request has to go through its `call`. */
export function watched({ call, clock, log, onSilence }: Needs): Standing & { call: Call } {
  let answeredAtMs = Number.NEGATIVE_INFINITY;
  let silentAtMs = Number.NEGATIVE_INFINITY;
  let asking: Promise<boolean> | undefined;

  const ask = async (): Promise<boolean> => {
    const answer = await call(whoAmI());
    const isWell = answer.ok || !isPassing(answer.error);
    if (isWell) answeredAtMs = clock.now();
    else silentAtMs = clock.now();
    return isWell;
  };

  /** One question at a time, for all who want to know. */
  const isWellSince = async (sinceMs: number): Promise<boolean> => {
    const nowMs = clock.now();
    if (answeredAtMs > nowMs) answeredAtMs = Number.NEGATIVE_INFINITY; // The clock was set back since.
    if (answeredAtMs > sinceMs) return true;
    if (silentAtMs > answeredAtMs && isWithin(PAUSE_MS, nowMs - silentAtMs)) return false;
    asking ??= ask().finally(() => {
      asking = undefined;
    });
    return asking;
  };

  const doubt = async (startedAtMs: number): Promise<void> => {
    if (await isWellSince(startedAtMs)) return;
    try {
      await onSilence();
    } catch (error) {
      log("homeserver_unreachable", {
        message: `no answer, and the repair of the rooms is not noted: ${messageOf(error)}`,
      });
    }
  };

  return {
    isWell: () => isWellSince(clock.now() - FRESH_MS),
    async call(request, identity) {
      const startedAtMs = clock.now();
      const answer = await call(request, identity);
      if (answer.ok || !isPassing(answer.error)) answeredAtMs = clock.now();
      else if (isSilence(answer.error)) await doubt(startedAtMs);
      return answer;
    },
  };
}

/** Also false where a clock was set back. */
const isWithin = (ms: number, elapsedMs: number): boolean => elapsedMs >= 0 && elapsedMs < ms;

/** No answer, or that of a proxy whose homeserver gives none. */
const isSilence = ({ status }: HomeserverError): boolean => status === 0 || (status >= 502 && status <= 504);
