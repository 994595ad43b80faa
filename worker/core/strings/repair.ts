/** What `troupe repair` says about a row that cannot be read: what becomes of it now, and what it does with it. */

/** What becomes of the rows of a table until they are mended. */
export const NOW = {
  general: "All rooms are muted.",
  room: "Its room is muted.",
  nothing: "It is ignored.",
  agent: "The agent answers nobody.",
  state: "Nothing is decided in the room until its state was read from the homeserver.",
  event: "It has no verdict.",
  turn: "It is not begun.",
  message: "It is not sent.",
  mark: "The work it is for begins anew.",
} as const;

export const DELETED = "It is deleted.";
export const RETIRED =
  "Too little of it is left: the agent is retired. Write it anew, or apply the configuration again.";
export const BURIED = "It is a dead letter.";
export const REREAD = "The room is read from the homeserver again.";
export const NOT_REREAD =
  "The homeserver does not answer now. The bridge tries again when something is said in the room.";
export const EMPTIED = "The id in it that is none is emptied.";

/** The keys that were dropped; the rest of the row stays. */
export const without = (lost: readonly string[]): string =>
  `It is kept without ${lost.join(", ")}. A lost restriction is replaced by its strictest value.`;

export const UNREADABLE_ROWS = "there are rows that cannot be read: `troupe repair` lists and mends them";
