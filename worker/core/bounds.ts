/**
 * The bounds on everything that a stranger, a member of a room, a backend or a homeserver can drive: how long, how deep,
 * how many, how often. Each row has its unit and the reason for its size; `surface/bounds.md` lists them. A bound that
 * ordinary use can reach is a setting (`setting` names it, `max` is its default) and is said where it is reached.
 */
import { KEPT } from "./bounds/kept.ts";
import { RECEIVED } from "./bounds/received.ts";
import { WORK } from "./bounds/work.ts";

export const BOUNDS = { ...RECEIVED, ...WORK, ...KEPT } as const;
