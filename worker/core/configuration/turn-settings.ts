/** How an agent's turns are run. Times are in seconds. */
import * as z from "zod/v4";

const seconds = (max: number) => z.number().min(1).max(max);
const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

export const TurnSettings = z.strictObject({
  /** What a new message does while the agent still works on another one of the same session. */
  whileBusy: z
    .enum(["queue", "collect", "interrupt", "steer"])
    .default("queue")
    .describe(
      "queue: one after the other; collect: all that waited at once; interrupt: stop the running one; steer: tell it, where the backend can.",
    ),
  debounce: z
    .number()
    .min(0)
    .max(MINUTE)
    .default(0)
    .describe("Messages of one sender that come within this time are one turn."),
  queue: z
    .int()
    .min(1)
    .max(1_000)
    .default(20)
    .describe("Open turns of a session; what comes beyond is dropped, and the room is told."),
  turnsAtOnce: z.int().min(1).max(10_000).default(50).describe("Turns of this agent that run at the same time."),
  eventAge: seconds(DAY)
    .default(15 * MINUTE)
    .describe("What is older when it arrives is context, not a question."),
  replyAge: seconds(30 * DAY)
    .default(HOUR)
    .describe("A reply that would come later than this after its question is not given."),
  firstText: seconds(DAY)
    .default(5 * MINUTE)
    .describe("How long a backend may think before its first text."),
  turnTime: seconds(DAY)
    .default(15 * MINUTE)
    .describe("How long a turn may take in all; on the Worker at most 14 minutes."),
});
export type TurnSettings = z.infer<typeof TurnSettings>;
