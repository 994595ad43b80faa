/** The error for a request of a verdict that the homeserver did not fulfil. */
import type { HomeserverError } from "#core/protocol/errcode.ts";

/** Thrown where a verdict cannot be stored before the request succeeds; `act.ts` says how long it is retried. */
export class Trouble extends Error {
  readonly error: HomeserverError;

  constructor(what: string, error: HomeserverError) {
    super(`${what}: ${error.status} ${error.errcode}`);
    this.error = error;
  }

  /** The homeserver does not answer, or asks us to wait: no other request would succeed either. */
  get isOutage(): boolean {
    return this.error.status === 0 || this.error.status === 429;
  }
}
