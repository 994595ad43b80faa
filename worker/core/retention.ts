/** What is kept, and for how long. The README's table is made from here; the ledger deletes by it. */
import { BOUNDS } from "./bounds.ts";
import { variableRows } from "./configuration/environment.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** Times that no environment variable changes, in milliseconds. */
export const KEPT_MS = {
  /** Each token of a bucket has flowed in again by then. */
  bucket: MINUTE_MS,
  /** The counts of a sender and an agent start again after this long without a message. */
  pair: HOUR_MS,
  /** How long a thread can stay with an agent without further messages: the maximum of the setting `sticky`. */
  thread: 30 * DAY_MS,
  pairing: HOUR_MS,
  inviteCode: 7 * DAY_MS,
  admission: HOUR_MS,
  lane: DAY_MS,
  learnt: 7 * DAY_MS,
} as const;

export interface RetentionRow {
  tables: readonly string[];
  what: string;
  kept: string;
}

const FOR_GOOD = "until you change it";

/** Each table of the ledger is in one row at least. */
export function retentionRows(): RetentionRow[] {
  const preset = (name: string) => variableRows().find((row) => row.name === name)?.preset ?? "?";
  const contents = `${preset("KEEP_CONTENTS_HOURS")} hours (\`KEEP_CONTENTS_HOURS\`)`;
  const ids = `${preset("KEEP_EVENT_IDS_DAYS")} days (\`KEEP_EVENT_IDS_DAYS\`)`;
  const turns = `${preset("KEEP_TURNS_DAYS")} days (\`KEEP_TURNS_DAYS\`)`;
  return [
    { tables: ["events"], what: "The content of events, once they are decided", kept: contents },
    { tables: ["events"], what: "The ids of events, with their verdicts and the reasons", kept: ids },
    {
      tables: ["turns", "outbox"],
      what: "Questions, answers, and the ids of the messages they were sent as",
      kept: turns,
    },
    {
      tables: ["outbox"],
      what: "The ids of notices",
      kept: `${turns}; of those said once in a room, as long as an agent is there`,
    },
    { tables: ["dead_letters"], what: "What is quoted in dead letters", kept: contents },
    { tables: ["dead_letters"], what: "Dead letters", kept: `${ids}, the latest ${BOUNDS.deadLetters.max}` },
    { tables: ["members", "directs"], what: "Who is in a room", kept: "as long as an agent is there" },
    {
      tables: ["rooms"],
      what: "The name, topic and power levels of a room",
      kept: `${contents} after the last agent left it`,
    },
    { tables: ["rooms"], what: "Which room replaced it", kept: `${turns} after the last agent left it` },
    { tables: ["threads"], what: "Who began a thread with which agent", kept: periodOf(KEPT_MS.thread) },
    { tables: ["epochs"], what: "Where `!new` began", kept: `${turns}, and as long as its conversation` },
    { tables: ["controls"], what: "Stops", kept: "as long as the turns they are for" },
    {
      tables: ["pairs", "admissions"],
      what: "How often bots woke agents, and users invited them",
      kept: periodOf(KEPT_MS.pair),
    },
    { tables: ["buckets"], what: "How many messages a user sent lately", kept: periodOf(KEPT_MS.bucket) },
    { tables: ["pairings"], what: "Requests for access", kept: periodOf(KEPT_MS.pairing) },
    { tables: ["invite_codes"], what: "Invite codes", kept: periodOf(KEPT_MS.inviteCode) },
    { tables: ["lanes"], what: "Which process works on what", kept: `${periodOf(KEPT_MS.lane)} after the last work` },
    {
      tables: ["ghosts"],
      what: "The users of agents that were removed, and of family members",
      kept: "as long as they are in a room",
    },
    { tables: ["agents"], what: "Agents that were removed", kept: "an hour at most" },
    {
      tables: ["settings", "aliases", "agents", "ghosts"],
      what: "The configuration, also of rooms that agents left, and the agents' users",
      kept: FOR_GOOD,
    },
    { tables: ["learnt"], what: "What the servers of backends refuse", kept: periodOf(KEPT_MS.learnt) },
    { tables: ["grants"], what: "Who was given access", kept: FOR_GOOD },
    { tables: ["verdicts", "marks"], what: "How often each verdict was given; how far the upkeep got", kept: "always" },
    { tables: ["transactions"], what: "Ids of transactions, from versions before", kept: ids },
  ];
}

function periodOf(ms: number): string {
  if (ms >= DAY_MS) return ms === DAY_MS ? "a day" : `${ms / DAY_MS} days`;
  return ms === HOUR_MS ? "an hour" : ms === MINUTE_MS ? "a minute" : `${ms / MINUTE_MS} minutes`;
}
