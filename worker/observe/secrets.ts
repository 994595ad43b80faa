/** Compares a token with the expected secret in constant time: the time does not depend on where they first differ. */
export function matchesSecret(secret: string): (given: string | undefined) => Promise<boolean> {
  return async (given) => {
    if (given === undefined) return false;
    let difference = given.length ^ secret.length;
    // Past the end of the given token the code is NaN, which counts as NUL. No secret contains a NUL.
    for (let at = 0; at < secret.length; at++) difference |= secret.charCodeAt(at) ^ (given.charCodeAt(at) || 0);
    return difference === 0;
  };
}
