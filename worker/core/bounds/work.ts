/** Bounds on what we say, try again and take on in one step. */
import { type Bound, KIB, MIB, MINUTE, SECOND } from "./bound.ts";

export const WORK = {
  // What a backend is told and says.
  preface: { max: 8_000, unit: "characters", because: "The context costs tokens at every turn." },
  quote: { max: 500, unit: "characters", because: "A quotation is there to be recognised, not to be read whole." },
  transcript: {
    max: 4 * MIB,
    unit: "characters",
    because: "The longest history a backend can be set up for; fifty replies of the longest kind are ten times that.",
  },
  contextTime: { max: 5 * SECOND, unit: "milliseconds", because: "A turn waits no longer for a message it quotes." },
  contextMessages: { max: 100, unit: "messages", because: "The preface holds fewer." },
  errorText: { max: 500, unit: "characters", because: "It is for the log, and may be a whole page of HTML." },

  backendStream: {
    max: 64 * MIB,
    unit: "bytes",
    because: "A reply within its bound, in events of one character each.",
  },
  backendEvent: { max: 4 * MIB, unit: "bytes", because: "A whole reply in one event, each of its characters escaped." },
  backendSlice: { max: 4 * KIB, unit: "bytes", because: "Other work goes on between them; each has a hundred events." },
  backendTail: {
    max: 2 * SECOND,
    unit: "milliseconds",
    because: "Behind the end of an answer only a count of tokens follows; some servers never close the connection.",
  },
  loadingPause: {
    max: 10 * SECOND,
    unit: "milliseconds",
    because: "A model that is loaded at last is noticed in time; people wait for the answer.",
  },
  askedAnew: {
    max: 4,
    unit: "requests",
    because: "A server that refuses more parts of a request than these is learnt over several turns.",
  },
  learntSettings: {
    max: 8,
    unit: "entries",
    because: "What is learnt of one agent's server: rooms may choose models.",
  },
  redirects: { max: 5, unit: "requests", because: "A server that moved twice is rare; a circle has no end." },
  complaintDepth: {
    max: 8,
    unit: "levels",
    because: "Gateways wrap the error of the server behind them once or twice.",
  },
  errorCauses: {
    max: 5,
    unit: "entries",
    because: "An error of a connection has one or two causes; they may be a circle.",
  },
  complaintWords: {
    max: 8_000,
    unit: "characters",
    because: "The cause of an error stands at its beginning; it is searched for some thirty patterns.",
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
  patientRefusals: {
    max: 75,
    unit: "attempts",
    because: "About an hour of rate limits or of changing errors while others are stored: the lane has to go on.",
  },
  unreadableRoom: {
    max: 3,
    unit: "attempts",
    because: "A message that may have been sent is sent again where its room cannot be read: lost is worse than twice.",
  },
  unreadablePast: {
    max: 2,
    unit: "attempts",
    because: "People wait for the agent they invited; some homeservers show the past of a room to no appservice.",
  },
  sendRetryPause: { max: MINUTE, unit: "milliseconds", because: "A homeserver that is back is noticed in time." },
  invitationTime: {
    max: SECOND,
    unit: "milliseconds",
    because: "Dendrite pushes an invitation before the transaction ends that stores it; that takes milliseconds.",
  },
  sentPages: {
    max: 5,
    unit: "pages",
    because: "A message that may have been sent is among the last of its sender, which 500 events of the room hold.",
  },
  sentTime: {
    max: 3 * SECOND,
    unit: "milliseconds",
    because: "A homeserver that was killed with a request in its queue has shown the message by then.",
  },
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
  forgottenAtOnce: {
    max: 500,
    unit: "rows",
    because: "One step of the upkeep never keeps the database busy for long.",
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
  waitingTurns: {
    max: 20,
    unit: "turns",
    because: "Open turns of one conversation: the answers to further messages would come too late to be of use.",
    setting: "turns.queue",
  },
  turnsAtOnce: {
    max: 200,
    unit: "turns",
    because: "Each holds a connection to a backend and the text of its answer.",
    setting: "TURNS_AT_ONCE",
  },
  senderTurns: {
    max: 60,
    unit: "a minute",
    because: "Turns that one sender asks for: nobody reads more answers.",
    setting: "SENDER_TURNS_PER_MINUTE",
  },
  roomTurns: {
    max: 120,
    unit: "a minute",
    because: "Turns that all senders of a room ask for: nobody can follow more answers.",
    setting: "ROOM_TURNS_PER_MINUTE",
  },
  commands: {
    max: 30,
    unit: "a minute",
    because: "Commands of one user: each is answered, and may change what is stored.",
  },
  ringPause: {
    max: 10 * SECOND,
    unit: "milliseconds",
    because: "A turn of a long queue is rung for at each new message; each look for a stop is a statement of its run.",
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
  comparedUsers: {
    max: 5,
    unit: "users",
    because: "Of the slow rotation in one upkeep: two requests each. After a reset all of them are compared at once.",
  },
  roomsAskedInTurn: {
    max: 200,
    unit: "rooms",
    because: "In the slow rotation, users with more are not asked for open invitations: it costs a homeserver much.",
  },
  comparedMembers: {
    max: 50,
    unit: "users",
    because: "The list of a larger room costs more than it is worth each time; it is read where the room refuses us.",
  },
  comparisonTime: {
    max: 20 * SECOND,
    unit: "milliseconds",
    because: "The repair of rooms comes after it in the same upkeep; the next one goes on.",
  },
  comparedUserTime: {
    max: 5 * SECOND,
    unit: "milliseconds",
    because: "A user about whom the homeserver does not answer is asked about again later.",
  },
  membersAsked: {
    max: 20,
    unit: "users",
    because: "Of a room that speaks and is unknown: one of them is there. Synapse answers the first.",
  },
  strangeRooms: {
    max: 1_000,
    unit: "rooms",
    because: "Rooms that none of our users is in are remembered, so that not each of their events asks again.",
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
  requestsOfRoom: {
    max: 8,
    unit: "requests",
    because: "A room in which they hang leaves the other connections to other rooms.",
  },
  remoteRequests: {
    max: 32,
    unit: "requests",
    because: "The homeserver asks servers of others for them; as many connections are left to everything else.",
  },
  requestsOfServer: {
    max: 8,
    unit: "requests",
    because: "A server of others that does not answer leaves connections to the users of other servers.",
  },
  typingTime: {
    max: 5 * SECOND,
    unit: "milliseconds",
    because: "A turn waits for the end of its typing notification, and keeps its place meanwhile.",
  },
} as const satisfies Record<string, Bound>;
