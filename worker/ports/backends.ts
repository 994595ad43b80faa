/** Backends, and the secrets they are given. */
import type { BackendSpec } from "#core/configuration/agent.ts";
import type { Result } from "#core/result.ts";
import type { Backend } from "#core/turn/backend.ts";

export interface Backends {
  /** The backend of an agent's settings. The error is a sentence that says what to correct in them. */
  create(spec: BackendSpec): Result<Backend, string>;
  /** Names these settings and the model, without any value of them. */
  digest(spec: BackendSpec, model: string): Promise<string>;
}

/** Encrypts the secrets that are written out in an agent's backend. The ledger keeps them encrypted. */
export interface SecretCipher {
  /**
   * The settings with their secrets encrypted. `agent` is the id they are written under, a family's with its `*`; `stored`
   * is the settings the ledger has so far. The error is a sentence that says why not, without any value.
   */
  encrypt(given: BackendSpec, agent: string, stored?: BackendSpec): Promise<Result<BackendSpec, string>>;
  /** The settings with their secrets in plain text. `agent` is the id they are written under, or that of a family's member. */
  decrypt(stored: BackendSpec, agent: string): Promise<Result<BackendSpec, string>>;
  /** The settings with each secret masked, to be shown. */
  masked(spec: BackendSpec): BackendSpec;
}
