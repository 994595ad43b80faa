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
