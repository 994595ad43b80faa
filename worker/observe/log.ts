/**
 * The log: one line for each event of a closed list. A host says where lines go. Secrets are removed from every text in every
 * field, because an error text of a library may contain one; so are the credentials inside URLs, whosever they are.
 */
import { withoutSecrets } from "#core/configuration/url-secrets.ts";
import type { Json } from "#core/protocol/event.ts";
import type { Log, LogEvent } from "#ports/host.ts";

export type Level = "debug" | "info" | "warn" | "error";

const LEVEL: Record<LogEvent, Level> = {
  started: "info",
  homeserver_capabilities: "info",
  homeserver_unreachable: "warn",
  transaction: "debug",
  dead_letter: "warn",
  row_unreadable: "error",
  row_mended: "warn",
  event_dropped: "debug",
  event_failed: "error",
  gap_repaired: "warn",
  gap_unrepaired: "debug",
  ping_failed: "warn",
  sweep_failed: "error",
  tend_failed: "error",
  agent_may_not_speak: "warn",
  room_found: "info",
  user_uncompared: "debug",
  joined: "info",
  join_failed: "warn",
  invitations_refused: "info",
  ghost_failed: "error",
  ghost_made_anew: "warn",
  turn_started: "debug",
  turn_answered: "info",
  backend_learnt: "info",
  turn_failed: "warn",
  turn_delivered: "debug",
  send_retried: "warn",
  edit_skipped: "debug",
  lane_failed: "error",
  lease_lost: "warn",
  renewal_failed: "warn",
  ring_given_up: "warn",
  agents_applied: "info",
  variables_not_listed: "warn",
  files_not_private: "warn",
  request_failed: "error",
};

export interface Line {
  level: Level;
  event: LogEvent;
  fields: Record<string, Json>;
}

/** A shorter secret would also match parts of ordinary words. No token of the bridge is that short. */
const SECRET_LENGTH_MIN = 6;

export function createLog(write: (line: Line) => void, secrets: readonly string[]): Log {
  const redactable = secrets.filter(({ length }) => length >= SECRET_LENGTH_MIN);
  const redacted = (value: Json): Json => {
    if (typeof value === "string") return withoutSecrets(value, redactable);
    if (Array.isArray(value)) return value.map(redacted);
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, redacted(one)]));
  };
  return (event, fields = {}) => {
    const clean: Record<string, Json> = {};
    for (const [name, value] of Object.entries(fields)) {
      if (value !== undefined) clean[name] = redacted(value);
    }
    write({ level: LEVEL[event], event, fields: clean });
  };
}
