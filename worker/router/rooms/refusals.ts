/** Refused invitations are logged in one line a minute: strangers can send them as fast as they like. */
import { INVITATION_REFUSALS } from "#core/gate/reasons.ts";
import type { Log } from "#ports/host.ts";
import type { Ledger } from "#ports/ledger.ts";

/** How many had been refused when the last line was written. */
const MARK = "refused_invitations";

/** Logs how many invitations were refused since the last call, if any were. */
export async function reportRefusals({ ledger, log }: { ledger: Ledger; log: Log }): Promise<void> {
  const counts = await ledger.verdicts();
  const refused = INVITATION_REFUSALS.reduce((sum, reason) => sum + (counts[reason] ?? 0), 0);
  const before = Number((await ledger.mark(MARK)) ?? 0);
  if (refused <= before) return;
  log("invitations_refused", { count: refused - before });
  await ledger.setMark(MARK, String(refused));
}
