/** Forgets everything that is due, step by step, and says how many rows that were. */
import type { Ledger } from "#ports/ledger.ts";
import type { Retention } from "#ports/operator.ts";

export async function pruned(ledger: Ledger, nowMs: number, keep: Retention): Promise<number> {
  let touched = 0;
  for (let step: number | undefined = 0; step !== undefined; ) {
    const done: Awaited<ReturnType<Ledger["prune"]>> = await ledger.prune(nowMs, keep, step);
    touched += done.touched;
    step = done.next;
  }
  return touched;
}
