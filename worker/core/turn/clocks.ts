/** Times that were stored while the clock was ahead: it was set back since, or another machine wrote them. */
import { BOUNDS } from "../bounds.ts";

/**
 * Work that was put off until `notBeforeMs` is due: then, or at once where nothing is put off for that long.
 *
 * `longestMs`: the longest that such work is put off for. A turn may have to wait for many tokens before its own.
 */
export const isDue = (notBeforeMs: number, nowMs: number, longestMs: number = BOUNDS.waitAhead.max): boolean =>
  notBeforeMs <= nowMs || notBeforeMs > nowMs + longestMs;

/** The time of something that has happened lies ahead, so how long ago it was is not known. */
export const isAhead = (atMs: number, nowMs: number): boolean => atMs > nowMs + BOUNDS.clocksApart.max;
