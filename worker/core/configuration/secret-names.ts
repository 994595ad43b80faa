/** Tells secrets among a backend's settings from other values, by their names. */

/** Whether a key of this name holds a secret. */
export const looksSecret = (name: string): boolean =>
  /key|token|secret|passw|passphrase|credential|authorization|cookie/i.test(name);

/** Whether a value is a `$NAME`, which refers to the environment and so gives nothing away. */
export const isReference = (value: string): boolean => /^\$[A-Za-z_][A-Za-z0-9_]*$/.test(value);
