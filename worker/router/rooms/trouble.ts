/** The error for a request of a verdict that the homeserver did not fulfil. */
import { BOUNDS } from "#core/bounds.ts";
import { cutEntry } from "#core/gate/evidence.ts";
import { type HomeserverError, isPassing } from "#core/protocol/errcode.ts";
import type { Standing } from "#ports/homeserver.ts";

/** Thrown where a verdict cannot be stored before the request succeeds; `failures.ts` says how long it is retried. */
export class Trouble extends Error {
  readonly error: HomeserverError;

  constructor(what: string, error: HomeserverError) {
    super(`${what}: ${error.status} ${error.errcode}`);
    this.error = error;
  }

  get evidence(): { status: number; errcode: string } {
    return { status: this.error.status, errcode: cutEntry(this.error.errcode) };
  }
}

/** True where waiting helps whichever request it was: a rate limit, or a homeserver that answers nothing. */
export const isForAll = async (error: HomeserverError, standing: Standing): Promise<boolean> =>
  error.status === 429 || (isPassing(error) && !(await standing.isWell()));

/** The message of an error, cut to what a dead letter should say. */
export const cutError = (message: string): string => message.slice(0, BOUNDS.errorText.max).toWellFormed();
