/** Recognises secrets among a backend's settings by their keys, and references to the environment by their form. */

/** True when a key of this name holds a secret. The address of a webhook is one: whoever knows it may use it. */
export const looksSecret = (name: string): boolean =>
  /key|token|secret|passw|passphrase|credential|authorization|cookie|webhook/i.test(name);

/** True for a `$NAME`, which refers to the environment and is no secret itself. */
export const isReference = (value: string): boolean => /^\$[A-Za-z_][A-Za-z0-9_]*$/.test(value);
