/** Digests, for ids that are deterministic. */
import { sha256 } from "@noble/hashes/sha2.js";

const ALPHABET = "abcdefghijklmnopqrstuvwxyz234567";

/**
 * SHA-256 in the base32 alphabet, five bits a letter, one letter a byte: 32 letters, 160 bits. Not by `crypto.subtle`,
 * which asks another thread: that takes longer than all the SQL for an event.
 */
export function digest(parts: readonly string[]): string {
  const bytes = sha256(new TextEncoder().encode(JSON.stringify(parts)));
  return Array.from(bytes, (byte) => ALPHABET[byte % ALPHABET.length]).join("");
}
