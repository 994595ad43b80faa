/**
 * Durable memory, whole: what the hosts make and each room asks a slice of. Everything due is read off it. Each method is
 * one statement or one atomic batch; a method that takes a `Lease` writes nothing (and says `false`) when the lease is no
 * longer held.
 */
import type { ConfigurationLedger, PeopleLedger } from "./configuration.ts";
import type { OutboxLedger } from "./delivery.ts";
import type { GhostLedger } from "./homeserver.ts";
import type { LaneLedger } from "./lanes.ts";
import type { OperatorLedger } from "./operator.ts";
import type { RoomLedger } from "./rooms.ts";
import type { SessionLedger, TurnLedger } from "./turns.ts";

export type Ledger = LaneLedger &
  RoomLedger &
  TurnLedger &
  SessionLedger &
  OutboxLedger &
  GhostLedger &
  ConfigurationLedger &
  PeopleLedger &
  OperatorLedger;
