/**
 * The bounds on everything that a stranger, a member of a room, a backend or a homeserver can drive: how long, how deep,
 * how many, how often. Each row has its unit and the reason for its size.
 */

/** What a bound counts. */
export type Unit = "bytes" | "characters" | "rows" | "users" | "turns" | "levels" | "milliseconds" | "an hour";

export interface Bound {
  readonly max: number;
  readonly unit: Unit;
  readonly because: string;
}

export const BOUNDS = {
  emphasisRead: {
    max: 1_000_000,
    unit: "characters",
    because: "The search for closing marks of emphasis is quadratic. Long replies need a tenth of it.",
  },
} as const satisfies Record<string, Bound>;
