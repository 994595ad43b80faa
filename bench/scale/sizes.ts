/** How much there is at a step, and the names of everything in it. */
import { createHash } from "node:crypto";
import type { Namespace } from "#core/protocol/ids.ts";
import { SERVER_NAME } from "../ingest.ts";

export const NAMESPACE: Namespace = { serverName: SERVER_NAME, ghostPrefix: "agent_", botLocalpart: "troupe" };

export interface Size {
  events: number;
  sessions: number;
  agents: number;
  rooms: number;
}

/** Ten events a session, ten sessions an agent, two sessions a room. */
export const sizeOf = (events: number): Size => {
  const sessions = Math.max(10, Math.ceil(events / 10));
  return { events, sessions, agents: Math.max(10, Math.ceil(events / 100)), rooms: Math.ceil(sessions / 2) };
};

/** A size with its ledger and what was measured on it; times are in milliseconds. */
export interface Step extends Size {
  folder: string;
  file: string;
  bytes: number;
  push: number[];
  claim: number[];
  due: number[];
  /** From the start of the process until it accepts transactions. */
  startMs: number;
  /** Resident memory after the pushes, in MB. */
  rss: number;
}

export const hashed = (text: string, characters: number): string =>
  createHash("sha256").update(text).digest("hex").slice(0, characters);
export const roomOf = (n: number): string => `!${hashed(`room ${n}`, 43)}`;
export const agentOf = (n: number): string => `helper-${n}`;
export const ghostOf = (n: number): string => `@agent_${agentOf(n)}:${SERVER_NAME}`;
export const personOf = (n: number): string => `@person-${n}:${SERVER_NAME}`;
/** The agent of a session: the same at every step, and not that of the other session in the room. */
export const agentFor = (session: number): number => 2 * Math.floor(session / 20) + (session % 2);
export const sessionOf = (n: number): string => `mx.${agentOf(agentFor(n))}.${hashed(`session ${n}`, 20)}`;
