/** Bounds on what is stored, and on what operators and members write. */
import { type Bound, KIB, MIB, MINUTE } from "./bound.ts";

export const KEPT = {
  // What is stored.
  list: { max: 512 * KIB, unit: "bytes", because: "D1 limits a parameter to between 1 and 2 MB." },
  storedText: {
    max: MIB,
    unit: "bytes",
    because: "D1 allows 2 MB a row. An agent with its picture, a layer, a state.",
  },
  storedPrompt: { max: 256 * KIB, unit: "bytes", because: "Four times what an event can say; it shares its row." },
  mergedPrompts: {
    max: 512 * KIB,
    unit: "bytes",
    because: "A turn is read as one text with the messages merged into it. What is beyond is asked by the next turn.",
  },
  storedShown: {
    max: 384 * KIB,
    unit: "bytes",
    because: "What is shown of an unfinished answer shares the turn's row.",
  },
  storedReply: { max: 768 * KIB, unit: "bytes", because: "The history of a conversation needs no more of a reply." },
  deadLetters: { max: 1_000, unit: "rows", because: "Nobody reads more; the oldest ones go first." },
  deadLetterReason: {
    max: 2 * KIB,
    unit: "bytes",
    because: "It is a sentence; the error of a server in it may be a page.",
  },
  powerLevels: {
    max: 256 * KIB,
    unit: "characters",
    because: "An event has a quarter of it, and what is kept of all state has to fit into a row.",
  },
  creators: {
    max: 1_000,
    unit: "users",
    because: "The creation event of a room has room for no more of usual length.",
  },
  deadLetter: { max: 64 * KIB, unit: "bytes", because: "An event has no more; the beginning of others tells enough." },
  evidence: { max: 1_000, unit: "characters", because: "It is kept with every verdict." },
  evidenceEntries: { max: 3, unit: "entries", because: "The sentence that names them should be read." },
  evidenceEntry: { max: 100, unit: "characters", because: "The sentence that names it should be read." },
  sessionAgent: { max: 104, unit: "characters", because: "With the rest a session's key has 128 at most." },

  // What operators and members write.
  accessEntries: { max: 1_000, unit: "entries", because: "The list is searched for each message." },
  avatar: { max: 1_000_000, unit: "characters", because: "A picture for a list of names; it is read with the agent." },
  pendingPairings: { max: 3, unit: "users", because: "Of one other server: its users must not fill an admin's list." },
  pendingLocalPairings: { max: 20, unit: "users", because: "Users of our own server, apart from those of others." },
  pendingRemotePairings: {
    max: 60,
    unit: "users",
    because: "Of all other servers: whoever has many servers fills it.",
  },
  agentsListed: { max: 200, unit: "agents", because: "One page of an answer to an operator." },
  grantsListed: { max: 1_000, unit: "users", because: "One page of an answer to an operator." },
  deadLettersListed: {
    max: 100,
    unit: "rows",
    because: "One page of an answer to an operator; each has up to 64 KiB.",
  },
  verdictsListed: { max: 200, unit: "rows", because: "One page of an answer to an operator." },
  scriptedSentences: { max: 500, unit: "messages", because: "The guide of the playground is asked by everybody." },
  scriptedText: { max: 1_000_000, unit: "characters", because: "It shows what a reply in many parts looks like." },
  scriptedTime: { max: 2 * MINUTE, unit: "milliseconds", because: "It shows what a slow backend looks like." },
  healthRows: {
    max: 1_000,
    unit: "rows",
    because: "Rows of each kind that `/health` counts: it is open to everyone, and on D1 each row that is read costs.",
  },
  metricsRows: {
    max: 100_000,
    unit: "rows",
    because: "Rows of each kind that `/metrics` counts: some milliseconds, for the operator only.",
  },
} as const satisfies Record<string, Bound>;
