/** Agents are data: what an operator writes, what the ledger keeps. Both hosts take the same form through `PUT /admin/agents`. */
import * as z from "zod/v4";
import { type AgentId, AgentKey } from "../protocol/ids.ts";
import { Layer, type Resolved, type Settings } from "./settings.ts";

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

/**
 * An agent as an operator writes it. What it leaves out it inherits; an id with a `*` stands for every agent whose id is
 * like it, each with conversations of its own.
 */
export const AgentSpec = z.strictObject({
  id: AgentKey,
  name: z.string().min(1).max(200),
  avatar: Avatar.optional(),
  backend: BackendSpec,
  ...Layer.shape,
});
export type AgentSpec = z.infer<typeof AgentSpec>;

/** An agent at some place, with everything that holds for it there. */
export interface Agent extends Resolved {
  id: AgentId;
  name: string;
  avatar?: z.infer<typeof Avatar>;
  backend: BackendSpec;
  /** What holds for it wherever it is: no room has added to it. */
  everywhere: Pick<Settings, "admins" | "commands">;
}

/** The body of `PUT /admin/agents`: all agents there are. Who is missing from the list is retired. */
export const AgentList = z.strictObject({ agents: z.array(AgentSpec).max(10_000) });

/** What the bot is called: by whoever calls it at the start of a message, and on its device. */
export const BOT_NAME = "Troupe";
