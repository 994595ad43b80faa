/** Comparing what was shown with what is wanted, in constant time: both are hashed first, so lengths do not leak either. */

const digest = async (text: string): Promise<Uint8Array> =>
  new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));

export function secretCheck(wanted: string): (given: string | undefined) => Promise<boolean> {
  let kept: Promise<Uint8Array> | undefined;
  return async (given) => {
    if (given === undefined) return false;
    kept ??= digest(wanted);
    const [ours, theirs] = await Promise.all([kept, digest(given)]);
    // No early end: every byte is looked at.
    return ours.reduce((difference, byte, index) => difference | (byte ^ (theirs[index] ?? 0)), 0) === 0;
  };
}
