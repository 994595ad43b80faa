/** Backends, and the secrets they are given. */
import type { BackendSpec } from "#core/configuration/agent.ts";
import type { Result } from "#core/result.ts";
import type { Backend } from "#core/turn/backend.ts";

export interface Backends {
  /** The backend of an agent's settings. The error is a sentence that says what to correct in them. */
  create(spec: BackendSpec): Result<Backend, string>;
}

/** Encrypts the secrets that are written out in an agent's backend. The ledger keeps them encrypted. */
export interface SecretCipher {
  /**
   * The backend's settings as the ledger may keep them. `agent` is the id they are written under, a family's with its
   * `*`; `stored` is what the ledger keeps so far. The error is a sentence that says what to mend; it never holds a value.
   */
  encrypt(given: BackendSpec, agent: string, stored?: BackendSpec): Promise<Result<BackendSpec, string>>;
  /** The settings as the backend needs them. `agent` is the id they are written under, or that of a family's member. */
  decrypt(stored: BackendSpec, agent: string): Promise<Result<BackendSpec, string>>;
  /** The settings as they may be shown: each secret masked. */
  masked(spec: BackendSpec): BackendSpec;
}
