/**
 * Long work on one event, in stints: a room with many agents is upgraded, or left by all of them. Where a run has to end or
 * a request fails, what was done is stored with the event, and the next run goes on behind it. Each step is idempotent:
 * one whose end was not stored is done again. The events behind wait; other rooms do not.
 */
import { parseJson } from "#core/protocol/json.ts";
import type { LaneId, Lease } from "#core/turn/lane.ts";
import type { WaitingEvent } from "#core/turn/turn.ts";
import type { OutboxRow } from "#ports/delivery.ts";
import type { RoomLedger } from "#ports/rooms.ts";

export interface StintNeeds {
  ledger: Pick<RoomLedger, "storeProgress">;
  /** Rings lanes. Resolves when the rings are on their way. */
  ring: (lanes: readonly LaneId[]) => Promise<void>;
  /** False when this run has done as much as the host allows. */
  mayGoOn?: (() => boolean) | undefined;
}

/** How far the work has come through the users of a room, in the order of their ids. */
export interface Progress {
  /** Everything up to this user is done. Empty at the beginning. */
  after: string;
  /** One of our users has joined the room that replaces this one. */
  hasMoved: boolean;
  /** What this stint has to say. */
  notices: OutboxRow[];
}

/** The work returns `unfinished` where the run has to end. It changes the progress it is given. */
export type LongWork<T> = (progress: Progress, mayGoOn: () => boolean) => Promise<T | "unfinished">;

export interface Stint {
  /** Does the work, and stores its progress where it ends or throws before it is finished. */
  work<T>(work: LongWork<T>): Promise<T | "unfinished">;
  /** The work of this run has come further: its earlier failures count no more. */
  readonly hasProgressed: boolean;
}

export function beginStint(needs: StintNeeds, lease: Lease, waiting: WaitingEvent): Stint {
  const { ledger, ring } = needs;
  let hasProgressed = false;

  async function keep({ notices, ...reached }: Progress): Promise<void> {
    if (reached.after === read(waiting.progress).after) return;
    hasProgressed = true;
    if (!(await ledger.storeProgress(lease, waiting, JSON.stringify(reached), notices))) return;
    if (notices.length > 0) await ring([...new Set(notices.map(({ lane }) => lane))]);
  }

  return {
    async work(work) {
      const progress = read(waiting.progress);
      try {
        const result = await work(progress, () => needs.mayGoOn?.() !== false);
        if (result === "unfinished") await keep(progress);
        return result;
      } catch (error) {
        await keep(progress);
        throw error;
      }
    },
    get hasProgressed() {
      return hasProgressed;
    },
  };
}

/** Progress that cannot be read is none: every step may be done again. */
function read(text: string | undefined): Progress {
  const { after, hasMoved } = Object(parseJson(text ?? "")) as Partial<Record<keyof Progress, unknown>>;
  return { after: typeof after === "string" ? after : "", hasMoved: hasMoved === true, notices: [] };
}
