/** Connects each kind of lane to the code that runs it. A lane gets only what it needs, and never a token of the bridge. */
import type { AgentEnv } from "#core/configuration/agent-env.ts";
import type { Namespace } from "#core/protocol/ids.ts";
import type { Fetch } from "#core/turn/backend.ts";
import type { LaneId } from "#core/turn/lane.ts";
import type { Backends, SecretCipher } from "#ports/backends.ts";
import type { Ghosts, Standing } from "#ports/homeserver.ts";
import type { Clock, Log } from "#ports/host.ts";
import type { RunLane, Work } from "#ports/lanes.ts";
import type { Ledger } from "#ports/ledger.ts";
import type { InvitationLimits } from "#ports/rooms.ts";
import { delivery } from "./delivery/delivery.ts";
import { outLane } from "./delivery/out-lane.ts";
import { roomLane } from "./router/room-lane.ts";
import { meeting } from "./router/rooms/compare.ts";
import type { Limits } from "./turns/limits.ts";
import { sessionLane } from "./turns/session-lane.ts";

interface Needs {
  ledger: Ledger;
  clock: Clock;
  log: Log;
  namespace: Namespace;
  ghosts: Ghosts;
  standing: Standing;
  /** Rings other lanes. Resolves when the rings are on their way. */
  ring: (lanes: readonly LaneId[]) => Promise<void>;
  backends: Backends;
  cipher: SecretCipher;
  fetch: Fetch;
  /** Reads a variable of the operator's environment, for an agent's `$NAME`. */
  env: (name: string) => string | undefined;
  agentEnv: AgentEnv;
  limits: Limits;
  /** How many invitations are accepted, and accounts made for them. */
  invitations: InvitationLimits;
  /** How long a turn may run on this host, in milliseconds. */
  turnMsMax: number;
  /** False when the host may soon end this runner, so that no turn begins. */
  mayBegin: (() => boolean) | undefined;
  /** False when this run has done as much as the host allows: what is left is due in the next one. */
  mayGoOn?: (() => boolean) | undefined;
  /** The pause after each send of an out lane, in milliseconds. */
  sendFloorMs: number;
  /** Between 0 and 1. */
  random: () => number;
}

/** The work of every lane. `run` is the pump's: a lane that needs another one to run waits for it with this. */
export function laneWork(needs: Needs): (run: RunLane) => Work {
  const { ledger, clock, log, namespace, ghosts, standing, ring, backends, cipher, fetch, env } = needs;
  const { agentEnv, limits, turnMsMax, mayBegin, mayGoOn, sendFloorMs, random, invitations } = needs;
  const meet = meeting({ ledger, ghosts, clock, log, namespace });
  const deliveryBy = (run: RunLane) => delivery({ ledger, clock, log, namespace, run });
  return (run) => (running, first) => {
    switch (first.kind) {
      case "room":
        return roomLane({
          ledger,
          clock,
          log,
          namespace,
          ghosts,
          standing,
          ring,
          random,
          invitations,
          meet,
          mayGoOn,
          delivery: deliveryBy(run),
        })(running, first.events);
      case "session":
        return sessionLane({
          ledger,
          clock,
          log,
          namespace,
          ghosts,
          backends,
          cipher,
          fetch,
          env,
          agentEnv,
          limits,
          turnMsMax,
          mayBegin,
          mayGoOn,
          run,
          delivery: deliveryBy(run),
          random,
          ring,
        })(running, first.current);
      case "out":
        return outLane({ ledger, clock, log, ghosts, ring, sendFloorMs, random, mayGoOn })(running, first.row);
    }
  };
}
