/** Bounds on what others send us, and on what they make us do by it. */
import { type Bound, KIB, MIB, MINUTE, SECOND } from "./bound.ts";

export const RECEIVED = {
  // What others send us.
  transactionBody: {
    max: 64 * MIB,
    unit: "bytes",
    because: "Ten times what Synapse sends at most; a refused transaction holds up everything behind it.",
  },
  apiBody: { max: 8 * MIB, unit: "bytes", because: "A configuration of thousands of agents." },
  answerBody: { max: 32 * MIB, unit: "bytes", because: "The members of a room of 200,000." },
  eventsInASlice: {
    max: 500,
    unit: "events",
    because: "Synapse sends 100. More are read and stored in slices, between which other work goes on.",
  },
  sliceSize: {
    max: 256 * KIB,
    unit: "characters",
    because: "Read and stored without a pause, also where it is nothing but keys; Synapse seldom sends more at once.",
  },
  gapSlice: {
    max: MIB,
    unit: "characters",
    because: "Missing events are stored so many at once: a run of the Worker has a limit of statements.",
  },
  eventSize: {
    max: 256 * KIB,
    unit: "characters",
    because: "The specification allows 64 KiB with its envelope; what a homeserver adds has room.",
  },
  eventDepth: {
    max: 500,
    unit: "levels",
    because:
      "JSON.stringify throws at some 3,000 levels and SQLite's JSON at 1,000; such an event fails its transaction.",
  },
  id: { max: 255, unit: "bytes", because: "The specification's limit for ids." },
  agentId: { max: 128, unit: "characters", because: "With prefix and server name it has to fit a user id." },
  answerTime: { max: MINUTE, unit: "milliseconds", because: "Longer than Synapse takes for its slowest join." },
  wellKnownBody: { max: 64 * KIB, unit: "bytes", because: "It names a server or two." },
  wellKnownTime: { max: 10 * SECOND, unit: "milliseconds", because: "A start should not hang on a dead server." },
  connections: { max: 64, unit: "requests", because: "Requests beyond it wait here instead of in the homeserver." },

  // What is read of a message.
  mentionsRead: { max: 50, unit: "users", because: "Nobody mentions more; each is looked up." },
  mentionText: { max: 8_000, unit: "characters", because: "Ids and pills stand early; the search is linear in it." },
  name: { max: 200, unit: "characters", because: "Longer names are no names; they go into prompts and comparisons." },
  patternText: { max: 8_000, unit: "characters", because: "Twenty patterns an agent are searched for in it." },
  commandLine: { max: 1_000, unit: "characters", because: "An argument is an id, a name or a code." },
  patternSteps: { max: 200_000, unit: "characters", because: "All patterns together read so much of a message." },
  pattern: { max: 200, unit: "characters", because: "The size of a pattern drives the time of its search." },
  patterns: { max: 20, unit: "entries", because: "Each is searched for in every message of a room." },

  // What is kept of a room.
  membersRead: { max: 10_000, unit: "users", because: "Of a crowd, beside our own: two are told from many." },
  membersAtOnce: { max: 1_000, unit: "users", because: "Other work goes on between them; each costs microseconds." },
  roomText: { max: 1_000, unit: "characters", because: "Names and topics go into prompts." },

  // What is kept of the homeserver.
  errcode: { max: 100, unit: "characters", because: "Codes are names; the longest of the specification has 45." },

  // Whom invitations make.
  invitationsAccepted: {
    max: 500,
    unit: "an hour",
    because: "Of one local user, or of all users of another server: each is a join, and reads a room.",
    setting: "INVITATIONS_PER_HOUR",
  },
  familyAccounts: {
    max: 200,
    unit: "an hour",
    because: "Accounts of one family: whoever may invite its members chooses their names.",
    setting: "FAMILY_ACCOUNTS_PER_HOUR",
  },
  accounts: {
    max: 1_000,
    unit: "an hour",
    because: "Accounts of all families: each is there for ever.",
    setting: "ACCOUNTS_PER_HOUR",
  },
  familyMembers: {
    max: 10_000,
    unit: "agents",
    because: "Accounts of one family in all: a homeserver has to keep every one.",
    setting: "FAMILY_MEMBERS",
  },

  // For whom an agent speaks.
  askers: {
    max: 100,
    unit: "users",
    because: "Each is asked for at every hop; more do not ask one question together.",
  },
} as const satisfies Record<string, Bound>;
