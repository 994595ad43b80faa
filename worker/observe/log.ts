/**
 * The log: one line for each event of a closed list. A host says where lines go. Secrets are removed from every field,
 * because an error text of a library may contain one.
 */
import type { Json } from "#core/protocol/event.ts";
import type { Log, LogEvent } from "#ports/host.ts";

export type Level = "debug" | "info" | "warn" | "error";

const LEVEL: Record<LogEvent, Level> = {
  started: "info",
  homeserver_without_device_id: "warn",
  homeserver_unreachable: "warn",
  transaction: "debug",
  dead_letter: "warn",
  event_dropped: "debug",
  gap_repaired: "warn",
  gap_unrepaired: "debug",
  ping_failed: "warn",
  tend_failed: "error",
  joined: "info",
  join_failed: "warn",
  ghost_failed: "error",
  turn_started: "debug",
  turn_answered: "info",
  turn_failed: "warn",
  turn_delivered: "debug",
  send_retried: "warn",
  edit_skipped: "debug",
  lane_failed: "error",
  lease_lost: "warn",
  ring_given_up: "warn",
  agents_applied: "info",
  request_failed: "error",
};

export interface Line {
  level: Level;
  event: LogEvent;
  fields: Record<string, Json>;
}

/** A shorter secret would also match parts of ordinary words. No token of the bridge is that short. */
const SECRET_LENGTH_MIN = 6;

export function createLog(write: (line: Line) => void, secrets: readonly (string | undefined)[]): Log {
  const redactable = secrets.filter((secret) => secret !== undefined && secret.length >= SECRET_LENGTH_MIN);
  const redact = (text: string) =>
    redactable.reduce<string>((clean, secret) => clean.replaceAll(secret ?? "", "[…]"), text);
  return (event, fields = {}) => {
    const clean: Record<string, Json> = {};
    for (const [name, value] of Object.entries(fields)) {
      if (value !== undefined) clean[name] = typeof value === "string" ? redact(value) : value;
    }
    write({ level: LEVEL[event], event, fields: clean });
  };
}
