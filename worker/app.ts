/**
 * What both hosts compose: the HTTP app, the lanes and their pump, the sweep. A host gives its bindings; everything
 * between "a request came in" and "a request goes out" is here and is the same.
 */
import { Hono } from "hono";
import type { AgentSpec } from "#core/configuration/agent.ts";
import { aliasesIn, type Configuration } from "#core/configuration/configuration.ts";
import { type Environment, namespaceOf } from "#core/configuration/environment.ts";
import type { RoomId } from "#core/protocol/ids.ts";
import type { Fetch } from "#core/turn/backend.ts";
import type { LaneId, LaneKind } from "#core/turn/lane.ts";
import type { Ask } from "#ports/homeserver.ts";
import type { Clock, Log } from "#ports/host.ts";
import type { Doorbell, RunLane, Work } from "#ports/lanes.ts";
import type { Ledger } from "#ports/ledger.ts";
import type { Retention } from "#ports/operator.ts";
import { admin } from "./admin/admin.ts";
import { applyOrThrow } from "./admin/configure.ts";
import { health } from "./admin/health.ts";
import { backends } from "./backends/registry.ts";
import { createSecretCipher } from "./backends/secrets/cipher.ts";
import { delivery } from "./delivery/delivery.ts";
import { outLane } from "./delivery/out-lane.ts";
import { ingress, unknownPath } from "./ingress/ingress.ts";
import { createPump, type Pump } from "./lanes/pump.ts";
import { sweep } from "./lanes/sweep.ts";
import { homeserverState, REPAIR_MARK, tend } from "./lanes/tend.ts";
import { asking, clientServer } from "./matrix/client-server.ts";
import { enterBot, ghosts } from "./matrix/ghosts.ts";
import { homeserverUrl } from "./matrix/well-known.ts";
import { secretCheck } from "./observe/secrets.ts";
import { roomLane } from "./router/room-lane.ts";
import { lookUp, lookUpAgain } from "./router/rooms/aliases.ts";
import { repair } from "./router/rooms/gaps.ts";
import type { Limits } from "./turns/limits.ts";
import { sessionLane } from "./turns/session-lane.ts";

export interface Host {
  environment: Environment;
  ledger: Ledger;
  clock: Clock;
  fetch: Fetch;
  /** How the homeserver is asked, where that is not `fetch`. */
  ask?: Ask;
  log: Log;
  /** A variable that an agent's `$NAME` may mean. */
  env: (name: string) => string | undefined;
  /** False where nothing more may be begun by this runner; see the pump. */
  mayBegin?: () => boolean;
  /** How `/metrics` are written here. */
  metrics: "prometheus" | "json";
  /** How long a turn may run here at most, in milliseconds. */
  turnMsMax: number;
  /** The name of this runner in leases. */
  owner: string;
  /** Given the pump of this composition, since in one process the pump is what a ring reaches. */
  doorbell: (pump: Pump) => Doorbell;
}

export interface App {
  http: Hono;
  pump: Pump;
  doorbell: Doorbell;
  sweep(): Promise<number>;
  /** What is looked after once a minute. */
  tend(begun?: "begun"): Promise<void>;
  /** The bot's account and device, and whether the homeserver understands devices. Says whether it answered. */
  enter(): Promise<boolean>;
  applyAgents(agents: readonly AgentSpec[]): Promise<void>;
  /** Rejects with every complaint, a line each, when it is not sound; then nothing has changed. */
  applyConfiguration(configuration: Configuration): Promise<void>;
}

export function compose(host: Host): App {
  const { environment, ledger, clock, fetch, log } = host;
  const namespace = namespaceOf(environment);
  const onDoubt = () => ledger.setMark(REPAIR_MARK, "due");
  const ask = doubting(host.ask ?? asking(fetch), onDoubt);
  const call = clientServer({ url: () => homeserverUrl(environment, fetch), asToken: environment.AS_TOKEN, ask });
  const users = ghosts({ call, ledger, namespace, log });
  const known = backends();
  const cipher = createSecretCipher(environment.SECRET_KEY);

  const shared = { ...host, namespace, ghosts: users, backends: known, cipher };
  const limits = limitsOf(environment);
  const ring = (lanes: readonly LaneId[]) => doorbell.ring(lanes);
  const work = (kind: LaneKind, run: RunLane): Work => {
    const delivers = delivery({ ...shared, run });
    const lanes: Record<LaneKind, () => Work> = {
      room: () => roomLane({ ...shared, ring, delivery: delivers }),
      session: () => sessionLane({ ...shared, run, delivery: delivers, limits, random: Math.random }),
      out: () => outLane({ ...shared, sendFloorMs: environment.SEND_FLOOR_MS }),
    };
    return lanes[kind]();
  };
  const pump = createPump({ ledger, clock, log, owner: host.owner, work, mayBegin: host.mayBegin });
  const doorbell = host.doorbell(pump);

  const refreshAliases = async () => {
    await lookUp(shared, aliasesIn(await ledger.configuration()));
  };
  const configuring = { ledger, clock, log, cipher, refreshAliases, backends: known };
  const http = new Hono();
  http.notFound(unknownPath);
  const isOperator = environment.ADMIN_TOKEN === undefined ? undefined : secretCheck(environment.ADMIN_TOKEN);
  const homeserver = () => homeserverState(ledger);
  http.route("/", health({ ledger, clock, log, homeserver, isOperator, format: host.metrics }));
  http.route("/", admin({ ...configuring, ring, isOperator }));
  http.route(
    "/",
    ingress({
      ledger,
      doorbell,
      log,
      clock,
      namespace,
      isHomeserver: secretCheck(environment.HS_TOKEN),
      onDoubt,
      onUserQuery: async (id) => {
        const agent = await ledger.agent(id);
        return agent !== undefined && (await users.intent(agent)).ok;
      },
    }),
  );

  const tending = {
    ...{ ledger, clock, log, doorbell, keep: retentionOf(environment) },
    repair: (roomId: RoomId) => repair(shared, roomId),
    lookUpAliases: () => lookUpAgain(shared),
    async ping() {
      const pinged = await users.ping(environment.APPSERVICE_ID);
      if (!pinged.ok) log("ping_failed", { ...pinged.error });
      return pinged.ok;
    },
  };
  return {
    http,
    pump,
    doorbell,
    applyAgents: (agents) => ledger.setAgents(agents),
    applyConfiguration: (configuration) => applyOrThrow(configuring, configuration),
    sweep: () => sweep({ ledger, doorbell, clock }),
    tend: (begun) => tend(tending, begun),
    async enter() {
      const entered = await enterBot({ call, ledger, namespace, log });
      if (!entered.ok) {
        const { status, errcode, message } = entered.error;
        log("homeserver_unreachable", { status, errcode, message });
      }
      return entered.ok;
    },
  };
}

/** A homeserver that does not answer may have died, and forgotten what it had not pushed yet. */
function doubting(ask: Ask, onDoubt: () => Promise<void>): Ask {
  return (...request) =>
    ask(...request).catch(async (error: unknown) => {
      await onDoubt();
      throw error;
    });
}

const limitsOf = (environment: Environment): Limits => ({
  senderPerMinute: environment.SENDER_TURNS_PER_MINUTE,
  roomPerMinute: environment.ROOM_TURNS_PER_MINUTE,
  turnsAtOnce: environment.TURNS_AT_ONCE,
});

const HOUR_MS = 3_600_000;
const retentionOf = (environment: Environment): Retention => ({
  contentsMs: environment.KEEP_CONTENTS_HOURS * HOUR_MS,
  eventIdsMs: environment.KEEP_EVENT_IDS_DAYS * 24 * HOUR_MS,
  turnsMs: environment.KEEP_TURNS_DAYS * 24 * HOUR_MS,
});
