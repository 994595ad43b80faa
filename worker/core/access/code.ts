/** Codes people read to each other: eight letters and digits, none of which is taken for another one. */
const ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
export const CODE_LENGTH = 8;

/** Of eight random bytes. */
export const codeOf = (random: Uint8Array): string =>
  Array.from(random.slice(0, CODE_LENGTH), (byte) => ALPHABET[byte % ALPHABET.length]).join("");
