/** Keeps what a turn finds out about the server of its backend, until the settings change or a week has passed. */
import { BOUNDS } from "#core/bounds.ts";
import type { Agent } from "#core/configuration/agent.ts";
import { messageOf } from "#core/result.ts";
import type { TurnContext } from "#core/turn/backend.ts";
import { freshOf, type LearntEntries, NOTHING_LEARNT } from "#core/turn/learnt.ts";
import type { Backends } from "#ports/backends.ts";
import type { Clock, Log } from "#ports/host.ts";
import type { Running } from "#ports/lanes.ts";
import type { LearntLedger } from "#ports/turns.ts";

interface Needs {
  ledger: Pick<LearntLedger, "setLearnt">;
  backends: Pick<Backends, "digest">;
  clock: Pick<Clock, "now">;
  log: Log;
}

type Learning = Pick<TurnContext, "learnt" | "learn">;

/** `entries`: as they are stored for the agent. */
export async function learningOf(
  { ledger, backends, clock, log }: Needs,
  { lease }: Pick<Running, "lease">,
  agent: Agent,
  entries: LearntEntries,
): Promise<Learning> {
  const fresh = freshOf(entries, clock.now());
  const digest = () => backends.digest(agent.backend, agent.settings.model);
  // A digest takes another thread: a turn of which nothing is known does not wait for it.
  const now = fresh.length > 0 ? await digest() : "";
  const known = fresh.find(({ of }) => of === now);
  return {
    learnt: known ?? NOTHING_LEARNT,
    async learn({ leftOut, contextTokens }) {
      const [of, nowMs] = [await digest(), clock.now()];
      const learnt = contextTokens === undefined ? { leftOut } : { leftOut, contextTokens };
      // Its week began with the first of it.
      const entry = { ...learnt, of, atMs: known?.atMs ?? nowMs };
      const others = fresh.filter((one) => one.of !== of).slice(1 - BOUNDS.learntSettings.max);
      try {
        await ledger.setLearnt(lease, agent.family ?? agent.id, [...others, entry], nowMs);
        log("backend_learnt", { agent: agent.id, ...learnt });
      } catch (error) {
        // The next turn finds it out again.
        log("backend_learnt", { agent: agent.id, error: messageOf(error) });
      }
    },
  };
}
