/**
 * The bridge's own idea of the time, kept in a mark: when it last looked at the clock, and until when it doubts it. A time
 * that is much later than the last one means that the clock jumped or that nothing ran; one that is much earlier, that the
 * clock was set back. Nothing is deleted or dated anew then for an hour, in which somebody can set the clock right.
 */
import { parseJson } from "#core/protocol/json.ts";
import type { Clock } from "#ports/host.ts";
import type { OperatorLedger } from "#ports/operator.ts";

const CLOCK_MARK = "clock";
const HOUR_MS = 60 * 60_000;

type Marks = Pick<OperatorLedger, "mark" | "setMark">;

interface KnownTime {
  atMs: number;
  /** Nothing is deleted until then. */
  doubtedUntilMs: number;
}

/** Looks at the clock and stores what it says. */
export async function noteTime(ledger: Marks, clock: Clock): Promise<void> {
  const nowMs = clock.now();
  const before = await knownTime(ledger);
  const hasJumped = before !== undefined && (nowMs - before.atMs > HOUR_MS || isSetBack(before, nowMs));
  const doubtedUntilMs = hasJumped ? nowMs + HOUR_MS : (before?.doubtedUntilMs ?? 0);
  await ledger.setMark(CLOCK_MARK, JSON.stringify({ atMs: nowMs, doubtedUntilMs }));
}

/** To an earlier time; a jump forward that is taken back while it is doubted is no jump. */
const isSetBack = ({ atMs, doubtedUntilMs }: KnownTime, nowMs: number): boolean =>
  atMs - nowMs > HOUR_MS && doubtedUntilMs <= atMs;

/** The time of the last look; undefined before the first one. */
export async function knownTime(ledger: Pick<Marks, "mark">): Promise<KnownTime | undefined> {
  const known = parseJson((await ledger.mark(CLOCK_MARK)) ?? "");
  return isKnownTime(known) ? known : undefined;
}

const isKnownTime = (mark: unknown): mark is KnownTime =>
  typeof mark === "object" &&
  mark !== null &&
  "atMs" in mark &&
  typeof mark.atMs === "number" &&
  "doubtedUntilMs" in mark;

/** True while the time is not to be relied on for deleting rows, or for dating them anew. */
export async function isTimeDoubted(ledger: Pick<Marks, "mark">, clock: Clock): Promise<boolean> {
  const nowMs = clock.now();
  const { doubtedUntilMs = 0 } = (await knownTime(ledger)) ?? {};
  // Doubted further ahead than an hour: the clock was set back, to where it was before.
  return (clock.jumpMs?.() ?? 0) > 0 || (doubtedUntilMs > nowMs && doubtedUntilMs <= nowMs + HOUR_MS);
}
