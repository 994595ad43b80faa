/** Agents as data: as an operator writes them, and with the settings that hold for them at a place. */

import * as z from "zod/v4";
import { BOUNDS } from "../bounds.ts";
import { type AgentId, AgentKey } from "../protocol/ids.ts";
import { Layer, type Resolved, type Settings } from "./settings.ts";
import { MASK } from "./url-secrets.ts";

const Avatar = z.strictObject({
  mediaType: z.enum(["image/png", "image/jpeg", "image/gif", "image/webp"]),
  base64: z
    .string()
    .max(BOUNDS.avatar.max, "an avatar may have at most 750 kB")
    .refine(
      (text) => text === MASK || z.base64().safeParse(text).success,
      `expected base64, or ${MASK} for the stored one`,
    ),
});
type Avatar = z.infer<typeof Avatar>;

/** Stands for the picture that is stored. Configurations are read and compared without pictures, which may be a gigabyte. */
export const isStoredPicture = (avatar: Avatar | undefined): boolean => avatar?.base64 === MASK;

/** The same as it is stored: by a newer version with further keys, and with a picture that was validated before. */
export const StoredAvatar = z.object({ mediaType: Avatar.shape.mediaType, base64: z.string() });

/**
 * `use` names the backend; the other keys are the backend's own and are validated by it (`backends/registry.ts`). A
 * `$NAME` in a value is looked up in the bridge's environment when a turn starts, so that the value is never stored.
 */
export const BackendSpec = z.looseObject({ use: z.string().min(1) });
export type BackendSpec = z.infer<typeof BackendSpec>;

/**
 * An agent as an operator writes it. Keys that are left out are inherited. An id with a `*` is a family: it stands for
 * every agent whose id matches, each with conversations of its own.
 */
export const AgentSpec = z.strictObject({
  id: AgentKey,
  name: z.string().min(1).max(200),
  avatar: Avatar.optional(),
  backend: BackendSpec,
  ...Layer.shape,
});
export type AgentSpec = z.infer<typeof AgentSpec>;

/** An agent with its settings at a place. */
export interface Agent extends Resolved {
  id: AgentId;
  /** The family it is a member of; undefined where an operator has written the agent itself. */
  family?: AgentKey;
  name: string;
  avatar?: Avatar;
  backend: BackendSpec;
  /** Settings that no room's layer can change: they come from the defaults and the agent alone. */
  everywhere: Pick<Settings, "admins" | "commands">;
}

/** The body of `PUT /admin/agents`: all agents. An agent that is not in the list is retired. */
export const AgentList = z.strictObject({ agents: z.array(AgentSpec).max(10_000) });

/** The bot's name: users can address it so at the start of a message, and its device is called so. */
export const BOT_NAME = "Troupe";
