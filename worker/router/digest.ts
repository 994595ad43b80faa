/** Digests, for deterministic ids. */
import { sha256 } from "@noble/hashes/sha2.js";

const ALPHABET = "abcdefghijklmnopqrstuvwxyz234567";

/**
 * 160 bits of SHA-256 as 32 letters, five bits of each byte. Not by `crypto.subtle`, which uses another thread: that takes
 * longer than all the SQL of a verdict.
 */
export function digest(parts: readonly string[]): string {
  const bytes = sha256(new TextEncoder().encode(JSON.stringify(parts)));
  return Array.from(bytes, (byte) => ALPHABET[byte % ALPHABET.length]).join("");
}

/** The cause of a notice: the same for the same parts, so that a repeated step says it once. */
export const causeOf = (kind: string, parts: readonly string[]): string => `${kind}-${digest(parts).slice(0, 20)}`;
