/**
 * The ledger, our durable memory: all its slices together, as hosts make it. All due work can be read from it. Each method
 * is one statement or one atomic batch. A method that takes a `Lease` writes nothing, and says so, once a later claim of
 * the lane has replaced it.
 */
import type { ComparisonLedger } from "./comparison.ts";
import type { ConfigurationLedger, PeopleLedger } from "./configuration.ts";
import type { OutboxLedger } from "./delivery.ts";
import type { GhostLedger } from "./homeserver.ts";
import type { LaneLedger } from "./lanes.ts";
import type { OperatorLedger } from "./operator.ts";
import type { RoomLedger } from "./rooms.ts";
import type { LearntLedger, PlaceLedger, SessionLedger, TurnLedger } from "./turns.ts";

export type Ledger = LaneLedger &
  RoomLedger &
  ComparisonLedger &
  TurnLedger &
  SessionLedger &
  PlaceLedger &
  LearntLedger &
  OutboxLedger &
  GhostLedger &
  ConfigurationLedger &
  PeopleLedger &
  OperatorLedger;
