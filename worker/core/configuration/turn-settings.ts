/** Settings of an agent's turns. Times are in seconds. */
import * as z from "zod/v4";
import { BOUNDS } from "../bounds.ts";

const seconds = (max: number) => z.number().min(1).max(max);
const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

export const WHILE_BUSY_MODES = ["queue", "collect", "interrupt", "steer"] as const;

export const TurnSettings = z.strictObject({
  whileBusy: z
    .enum(WHILE_BUSY_MODES)
    .default("queue")
    .describe(
      "What a new message does while the agent works. queue: it waits its turn; collect: all waiting messages become one turn; interrupt: the running turn is stopped; steer: it is passed to the running turn, if the backend supports that.",
    ),
  debounce: z
    .number()
    .min(0)
    .max(MINUTE)
    .default(0)
    .describe("Messages of one sender within this time become one turn."),
  queue: z
    .int()
    .min(1)
    .max(1_000)
    .default(BOUNDS.waitingTurns.max)
    .describe("Open turns of a conversation. Further messages are dropped, and the room is told."),
  turnsAtOnce: z.int().min(1).max(10_000).default(50).describe("Turns of this agent that run at the same time."),
  eventAge: seconds(DAY)
    .default(15 * MINUTE)
    .describe("A message that is older than this when it arrives is not answered, but kept as context."),
  replyAge: seconds(30 * DAY)
    .default(HOUR)
    .describe("A reply that would come later than this after its question is not sent."),
  firstText: seconds(DAY)
    .default(5 * MINUTE)
    .describe("How long a backend may think before its first text."),
  turnTime: seconds(DAY)
    .default(15 * MINUTE)
    .describe("How long a turn may take in all; on the Worker at most 14 minutes."),
});
export type TurnSettings = z.infer<typeof TurnSettings>;
