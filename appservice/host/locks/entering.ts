/**
 * How a process begins to serve on a data folder, however many others start and end beside it. Each holds the folder's lock
 * shared for as long as it serves. Leases are voided under the exclusive lock only, which nobody gets while a process
 * serves, so no living lease is ever voided.
 */

export type EnteringStep =
  /** Takes the lock for this process alone; answered with false where another process has it in any way. */
  | "take_exclusive"
  | "void_leases"
  | "release_exclusive"
  /** Takes the lock beside others; answered with false while another process has it alone. */
  | "take_shared";

/** Yields one step after another, each to be carried out and answered. Returns whether no other process was serving. */
export function* entering(): Generator<EnteringStep, boolean, boolean> {
  const isAlone = yield "take_exclusive";
  if (isAlone) {
    yield "void_leases";
    // Another start may void leases between this step and the next one: none of them is ours yet.
    yield "release_exclusive";
  }
  while (!(yield "take_shared"));
  return isAlone;
}
