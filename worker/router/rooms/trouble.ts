/** The homeserver did not do what a verdict wants of it. */
import type { HomeserverError } from "#core/protocol/errcode.ts";

/** Thrown where a verdict cannot be written down before it is done; `act.ts` says how long that is tried. */
export class Trouble extends Error {
  readonly error: HomeserverError;

  constructor(what: string, error: HomeserverError) {
    super(`${what}: ${error.status} ${error.errcode}`);
    this.error = error;
  }

  /** Nobody answers at all, or we are asked to wait: nothing else would succeed either. */
  get isOurs(): boolean {
    return this.error.status === 0 || this.error.status === 429;
  }
}
