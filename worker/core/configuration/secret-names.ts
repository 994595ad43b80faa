/** Which strings of a backend's settings are secrets, and which only name one. */

/** Whether a setting of this name holds a secret. */
export const looksSecret = (name: string): boolean =>
  /key|token|secret|passw|passphrase|credential|authorization|cookie/i.test(name);

/** `$NAME`: what is looked up in the environment when it is needed, and so tells nothing. */
export const isReference = (value: string): boolean => /^\$[A-Za-z_][A-Za-z0-9_]*$/.test(value);
