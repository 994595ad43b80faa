/** Agents are data: what an operator writes, what the ledger keeps. Both hosts take the same form through `PUT /admin/agents`. */
import * as z from "zod/v4";
import { AgentId } from "./protocol/ids.ts";

/** A base64 string of this many characters still fits a D1 row, whose strings end at 2 MB. */
const AVATAR_BASE64_MAX = 1_000_000;

const Avatar = z.strictObject({
  mediaType: z.enum(["image/png", "image/jpeg", "image/gif", "image/webp"]),
  base64: z.base64().max(AVATAR_BASE64_MAX, "an avatar may have at most 750 kB"),
});

/**
 * A `$NAME` in a string is looked up in the bridge's own environment when a turn starts, never stored in clear.
 * The backends' own settings are checked by the backend (`backends/registry.ts`), which alone knows their names.
 */
export const BackendSpec = z.looseObject({ use: z.string().min(1) });
export type BackendSpec = z.infer<typeof BackendSpec>;

const seconds = (max: number) => z.number().min(1).max(max);
const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** How an agent's turns are run. Times are in seconds. */
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

export const Agent = z.strictObject({
  id: AgentId,
  name: z.string().min(1).max(200),
  avatar: Avatar.optional(),
  backend: BackendSpec,
  turns: TurnSettings.prefault({}),
});
export type Agent = z.infer<typeof Agent>;

/** The body of `PUT /admin/agents`: all agents there are. Who is missing from the list is retired. */
export const AgentList = z.strictObject({ agents: z.array(Agent).max(10_000) });
