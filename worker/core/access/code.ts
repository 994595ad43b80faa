/** Pairing codes: eight letters and digits that people can read to each other, without look-alikes such as O and 0. */
const ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
export const CODE_LENGTH = 8;

/** A code from `CODE_LENGTH` random bytes. */
export const codeOf = (random: Uint8Array): string =>
  Array.from(random.slice(0, CODE_LENGTH), (byte) => ALPHABET[byte % ALPHABET.length]).join("");
