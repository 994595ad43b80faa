/** The settings of the backend, as they are written and as a turn uses them. */
import * as z from "zod/v4";
import { isReference } from "#core/configuration/secret-names.ts";
import type { TurnContext, TurnEvent } from "#core/turn/backend.ts";
import { addressOf } from "./address.ts";

const HISTORY_TOKENS = 8_000;

export const OpenAi = z.strictObject({
  use: z.literal("openai"),
  /** Including the `/v1` at its end. */
  baseUrl: z.string().min(1),
  apiKey: z.string().min(1).optional(),
  model: z.string().min(1),
  /** The most tokens of the conversation that are sent with a turn, estimated. */
  historyTokens: z.number().int().min(100).max(1_000_000).default(HISTORY_TOKENS),
  /** The most tokens of an answer; the server's own limit without it. */
  maxTokens: z.number().int().min(1).max(1_000_000).optional(),
  temperature: z.number().min(0).max(2).optional(),
  /** `false`: the server is not asked to count tokens. Some refuse requests that have the field. */
  streamOptions: z.boolean().default(true),
  /** `false`: the instructions stand before the first question. Some models take no system message. */
  systemRole: z.boolean().default(true),
});
export type Settings = z.infer<typeof OpenAi>;

const notConfigured = (errorText: string): TurnEvent => ({
  type: "error",
  code: "not_configured",
  retryable: false,
  errorText,
});

/**
 * Replaces each `$NAME` by the variable of that name when the turn starts, so that no secret is stored in the ledger.
 * The turn's own `model` is not looked up: it may have been chosen in a room, and rooms must not read the environment.
 */
export function resolve(settings: Settings, model: string, { env }: Pick<TurnContext, "env">): Settings | TurnEvent {
  const resolved = { ...settings, ...(model === "" ? {} : { model }) };
  for (const key of ["baseUrl", "apiKey", ...(model === "" ? (["model"] as const) : [])] as const) {
    const reference = settings[key];
    if (reference === undefined || !isReference(reference)) continue;
    const value = env(reference.slice(1));
    if (value === undefined) return notConfigured(`${reference} (${key}) is not set in the bridge's environment`);
    resolved[key] = value;
  }
  if (!/^https?:\/\//.test(resolved.baseUrl) || !URL.canParse(resolved.baseUrl)) {
    return notConfigured("baseUrl is not a URL that begins with http:// or https://");
  }
  if (resolved.apiKey !== undefined && addressOf(resolved.baseUrl).authorization !== undefined) {
    return notConfigured("baseUrl has a user or a password, and there is an apiKey too: only one of them can be sent");
  }
  return resolved;
}
