/** JSON that others wrote. */

/** The value of a JSON text; undefined, which no schema of ours accepts, when it is not JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
