/**
 * Comparing what was shown with what is wanted, in constant time: every character of the wanted secret is looked at,
 * whatever was shown, and nothing ends early.
 */
export function secretCheck(wanted: string): (given: string | undefined) => Promise<boolean> {
  return async (given) => {
    if (given === undefined) return false;
    let difference = given.length ^ wanted.length;
    // Past its end what was shown counts as NUL, which no token holds.
    for (let at = 0; at < wanted.length; at++) difference |= wanted.charCodeAt(at) ^ (given.charCodeAt(at) || 0);
    return difference === 0;
  };
}

/** Whether a setting of this name holds a secret. */
export const looksSecret = (name: string): boolean =>
  /key|token|secret|passw|passphrase|credential|authorization|cookie/i.test(name);

/** `$NAME`: what is looked up in the environment when it is needed, and so tells nothing. */
export const isReference = (value: string): boolean => /^\$[A-Za-z_][A-Za-z0-9_]*$/.test(value);
