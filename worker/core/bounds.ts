/**
 * The bounds on everything that a stranger, a member of a room, a backend or a homeserver can drive: how long, how deep,
 * how many, how often. Each row has its unit and the reason for its size; `surface/bounds.md` lists them. A bound that
 * ordinary use can reach is a setting (`setting` names it, `max` is its default) and is said where it is reached.
 */

const KIB = 1_024;
const MIB = 1_024 * KIB;
const SECOND = 1_000;
const MINUTE = 60 * SECOND;

/** What a bound counts. */
export type Unit =
  | "bytes"
  | "characters"
  | "levels"
  | "milliseconds"
  | "an hour"
  | "agents"
  | "attempts"
  | "calls"
  | "edits"
  | "entries"
  | "events"
  | "lanes"
  | "messages"
  | "pages"
  | "requests"
  | "rooms"
  | "rows"
  | "tokens"
  | "turns"
  | "users";

export interface Bound {
  readonly max: number;
  readonly unit: Unit;
  /** Why it has this size: a sentence. */
  readonly because: string;
  /** The environment variable or the agent's key that changes it. */
  readonly setting?: string;
}

export const BOUNDS = {
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
    max: 512 * KIB,
    unit: "characters",
    because: "Some milliseconds of reading; Synapse sends less at once.",
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

  // What a backend is told and says.
  preface: { max: 8_000, unit: "characters", because: "The context costs tokens at every turn." },
  quote: { max: 500, unit: "characters", because: "A quotation is there to be recognised, not to be read whole." },
  contextTime: { max: 5 * SECOND, unit: "milliseconds", because: "A turn waits no longer for a message it quotes." },
  contextMessages: { max: 100, unit: "messages", because: "The preface holds fewer." },
  errorText: { max: 500, unit: "characters", because: "It is for the log, and may be a whole page of HTML." },

  backendStream: {
    max: 64 * MIB,
    unit: "bytes",
    because: "A reply within its bound, in events of one character each.",
  },
  backendError: { max: 64 * KIB, unit: "bytes", because: "Of a page of an error the beginning tells enough." },
  reply: { max: 1_000_000, unit: "bytes", because: "It is one stored text; D1 takes 2 MB a row. It is 80 messages." },
  streamEventsAtOnce: {
    max: 100,
    unit: "events",
    because: "Other work goes on between them; each costs microseconds.",
  },
  shown: { max: 100_000, unit: "characters", because: "It is stored at each edit; people see the beginning of it." },

  // What we send.
  parsedAtOnce: {
    max: 2_000,
    unit: "characters",
    because: "A parser of Markdown may need time in the cube of its text: some 20 ms at worst for one of this length.",
  },
  parserReads: {
    max: 150_000,
    unit: "characters",
    because: "How much the parser reads again in a piece of a text: three times what the densest ordinary text needs.",
  },
  nesting: {
    max: 12,
    unit: "levels",
    because: "Quotations and lists that are nested deeper cannot be read by people.",
  },
  definitions: { max: 50, unit: "entries", because: "Definitions of links are searched for in each piece of a text." },
  eventContent: {
    max: 60_000,
    unit: "bytes",
    because: "An event may have 65,536 with its envelope, signatures and references; this leaves them room.",
  },
  mentionsSent: { max: 10, unit: "users", because: "A reply that names more is a list, and would notify all of them." },
  draftEdits: { max: 39, unit: "edits", because: "Every edit is an event that stays in the room." },
  equalRefusals: {
    max: 8,
    unit: "attempts",
    because: "Two minutes with the growing pauses. A message refused so often while others are stored is never taken.",
  },
  sendRetryPause: { max: MINUTE, unit: "milliseconds", because: "A homeserver that is back is noticed in time." },
  outDepth: { max: 50, unit: "messages", because: "More of them are replies that cannot be sent." },

  // What is tried again.
  backendFailures: { max: 3, unit: "attempts", because: "A backend that failed three times fails again." },
  turnAttempts: { max: 20, unit: "attempts", because: "The turn itself is then taken for what kills its runners." },
  eventFailures: {
    max: 5,
    unit: "attempts",
    because: "An event whose handling failed five times fails again, and everything behind it in its room waits.",
  },
  eventRetryPause: {
    max: 2 * MINUTE,
    unit: "milliseconds",
    because: "A room whose trouble has ended is noticed in time.",
  },
  requestPatience: {
    max: 10 * MINUTE,
    unit: "milliseconds",
    because: "The homeserver fails a request of a verdict while it answers others; the room behind it waits.",
  },
  rateLimitPatience: {
    max: 60 * MINUTE,
    unit: "milliseconds",
    because:
      "A rate limit is a promise that a later request succeeds; Synapse allows a hundred remote joins in three hours.",
  },
  silence: {
    max: 5 * SECOND,
    unit: "milliseconds",
    because: "A homeserver that tells nobody who we are within this time does not answer.",
  },
  turnRetryPause: { max: MINUTE, unit: "milliseconds", because: "People wait for the answer." },
  pauseAhead: {
    max: 65 * SECOND,
    unit: "milliseconds",
    because: "No pause is longer than a minute. What waits longer was put off while the clock was ahead, and is due.",
  },
  waitAhead: {
    max: 12 * 60 * MINUTE,
    unit: "milliseconds",
    because: "The same for what may wait longer than a minute: for its turn at a token, for a homeserver's rate limit.",
  },
  leaseAhead: {
    max: MINUTE,
    unit: "milliseconds",
    because: "A lease lasts half a minute. One that ends later was taken while the clock was ahead, and is void.",
  },
  clocksApart: {
    max: 5 * SECOND,
    unit: "milliseconds",
    because:
      "So far the clocks of two machines differ. What happened later than that was dated by a clock that was ahead.",
  },
  pairEvents: { max: 20, unit: "messages", because: "Two bots that answer each other would never end." },

  // What one step of the work takes on.
  callsARun: {
    max: 500,
    unit: "calls",
    because:
      "Statements and requests of one invocation of the Worker. D1 allows 1,000, and Cloudflare as many requests.",
  },
  callsAStep: {
    max: 150,
    unit: "calls",
    because: "A step that was begun ends: a join with its requests, or four rooms that are repaired at the same time.",
  },
  eventsAtOnce: { max: 50, unit: "events", because: "A room's batch is decided under one lease." },
  searchedPages: { max: 25, unit: "pages", because: "A part of the search for damaged rows; a page is one query." },
  eventsAStretch: { max: 5, unit: "events", because: "Other work goes on between them." },
  newerTurnTime: {
    max: 10 * MINUTE,
    unit: "milliseconds",
    because: "A newer version that runs beside this one has taken its turns by then.",
  },
  unreadableAtOnce: { max: 20, unit: "rows", because: "A lane buries no more under one claim; the next goes on." },
  openTurns: {
    max: 20_000,
    unit: "turns",
    because: "Each look for due lanes reads the open turns; with more, everybody's answers are late.",
  },
  openTurnsOfRoom: {
    max: 2_000,
    unit: "turns",
    because: "One room must not use up what all rooms have; each thread and user may be a conversation of its own.",
  },
  openTurnsOfSender: {
    max: 1_000,
    unit: "turns",
    because: "As many as the longest queue of one conversation. Nobody waits for more answers.",
  },
  linesAtOnce: {
    max: 50,
    unit: "agents",
    because: "The settings of each agent whose turns wait are looked up once a minute.",
  },
  lanesASweep: { max: 1_000, unit: "lanes", because: "The next sweep rings the others." },
  roomsRepaired: {
    max: 500,
    unit: "rooms",
    because: "The rooms of the latest events are compared with the homeserver first after an outage.",
  },
  repairTime: {
    max: 40 * SECOND,
    unit: "milliseconds",
    because: "An upkeep ends before the next one; that one goes on.",
  },
  repairRoomTime: {
    max: 10 * SECOND,
    unit: "milliseconds",
    because: "A room that hangs keeps the repair of the others waiting no longer.",
  },
  aliasTime: {
    max: 10 * SECOND,
    unit: "milliseconds",
    because: "An alias of a server that hangs is asked for again later.",
  },
  gapPages: { max: 5, unit: "pages", because: "500 events of one room are read back in one upkeep." },
  aliasesAtOnce: { max: 100, unit: "rooms", because: "Each is a request; the others follow in the next minute." },
  introducedTo: { max: 20, unit: "users", because: "In a larger room an introduction disturbs more than it helps." },
  repliesCompared: { max: 20, unit: "rows", because: "An echo comes soon after what it repeats." },
  joinedCounted: { max: 3, unit: "users", because: "Larger numbers make no difference to the gate." },
  agentsPresent: {
    max: 20,
    unit: "agents",
    because: "A room with more is crowded: only those an event names are read.",
  },
  roomsReplaced: {
    max: 50,
    unit: "rooms",
    because: "It also ends the search when two rooms claim to have replaced each other.",
  },
  contextRows: { max: 2_000, unit: "rows", because: "Events before a prompt are searched over all rooms." },
  contextRowsAround: { max: 500, unit: "rows", because: "Events that were read back stand near the prompt." },

  // What is stored.
  list: { max: 512 * KIB, unit: "bytes", because: "D1 limits a parameter to between 1 and 2 MB." },
  storedText: {
    max: MIB,
    unit: "bytes",
    because: "D1 allows 2 MB a row. An agent with its picture, a layer, a state.",
  },
  storedPrompt: { max: 256 * KIB, unit: "bytes", because: "Four times what an event can say; it shares its row." },
  storedShown: {
    max: 384 * KIB,
    unit: "bytes",
    because: "What is shown of an unfinished answer shares the turn's row.",
  },
  storedReply: { max: 768 * KIB, unit: "bytes", because: "The history of a conversation needs no more of a reply." },
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
