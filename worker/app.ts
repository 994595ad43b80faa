/** The app that both hosts run: HTTP routes, lanes with their pump, sweep, upkeep. A host supplies only its bindings. */
import { Hono } from "hono";
import type { AgentSpec, BackendSpec } from "#core/configuration/agent.ts";
import { aliasesIn, type Configuration } from "#core/configuration/configuration.ts";
import { type Environment, namespaceOf } from "#core/configuration/environment.ts";
import { lackedOf } from "#core/protocol/capabilities.ts";
import { whoAmI } from "#core/protocol/client/account.ts";
import { isLacking } from "#core/protocol/errcode.ts";
import { botUserId, type Namespace, type RoomId, type UserId } from "#core/protocol/ids.ts";
import { messageOf } from "#core/result.ts";
import type { Fetch } from "#core/turn/backend.ts";
import type { LaneId } from "#core/turn/lane.ts";
import type { Answer, Ask, Ghosts, Standing } from "#ports/homeserver.ts";
import type { Clock, Log, LogEvent, Writes } from "#ports/host.ts";
import type { Doorbell } from "#ports/lanes.ts";
import type { Ledger } from "#ports/ledger.ts";
import type { Retention } from "#ports/operator.ts";
import type { InvitationLimits } from "#ports/rooms.ts";
import { admin } from "./admin/admin.ts";
import { applyOrThrow, type Configuring, warningsAboutStored } from "./admin/configure.ts";
import { health } from "./admin/health.ts";
import { askToRepeat, countRefused, noting } from "./admin/writes.ts";
import { backends } from "./backends/registry.ts";
import { createSecretCipher } from "./backends/secrets/cipher.ts";
import { ingress, unknownPath } from "./ingress/ingress.ts";
import { laneWork } from "./lane-work.ts";
import { botRefusal, noteBot } from "./lanes/bot.ts";
import { COMPARE_MARK } from "./lanes/compare.ts";
import { createPump, type Pump } from "./lanes/pump.ts";
import { REPAIR_MARK } from "./lanes/repair.ts";
import { sweep } from "./lanes/sweep.ts";
import { homeserverState, type TendOptions, tend } from "./lanes/tend.ts";
import { isTimeDoubted } from "./lanes/time.ts";
import { askByFetch } from "./matrix/ask.ts";
import { knownCapabilities, refreshCapabilities } from "./matrix/capabilities.ts";
import { type Call, clientServer } from "./matrix/client-server.ts";
import { enterBot, ghosts } from "./matrix/ghosts.ts";
import { reviving } from "./matrix/revival.ts";
import { sharedByRooms } from "./matrix/room-requests.ts";
import { watched } from "./matrix/standing.ts";
import { homeserverUrl } from "./matrix/well-known.ts";
import { matchesSecret } from "./observe/secrets.ts";
import { lookUp, lookUpAgain } from "./router/rooms/aliases.ts";
import { compareUser } from "./router/rooms/compare.ts";
import { repair } from "./router/rooms/gaps.ts";
import { restoreState } from "./router/rooms/read-room.ts";
import { reportRefusals } from "./router/rooms/refusals.ts";
import type { Limits } from "./turns/limits.ts";

/** Everything a host supplies. */
export interface Host {
  environment: Environment;
  ledger: Ledger;
  clock: Clock;
  fetch: Fetch;
  /** Sends requests to the homeserver. The default is `fetch`. */
  ask?: Ask;
  log: Log;
  /** Reads a variable of the operator's environment, for an agent's `$NAME`. */
  env: (name: string) => string | undefined;
  /** The backends in the host's own configuration file. */
  backendsOfFile?: readonly BackendSpec[];
  /** Kept by a host that composes the app anew for each request. */
  writes?: Writes;
  /** False when the host may soon end this runner; see the pump. */
  mayBegin?: () => boolean;
  /** False when this run has done as much as the host allows: what is left is done in the next one. */
  mayGoOn?: () => boolean;
  /** The format of `/metrics`. */
  metrics: "prometheus" | "json";
  /** How long a turn may run on this host, in milliseconds. */
  turnMsMax: number;
  /** The name of this runner in leases. */
  runner: string;
  /** Makes the doorbell. In one process it rings the pump directly. */
  doorbell: (pump: Pump) => Doorbell;
}

export interface App {
  http: Hono;
  pump: Pump;
  doorbell: Doorbell;
  /** Rings every lane that is due. Resolves to their number. Never rejects: the log says what failed. */
  sweep(): Promise<number>;
  /** The upkeep, due once a minute. */
  tend(options?: TendOptions): Promise<void>;
  /** Makes the bot's account and device. False when the homeserver or the database fails: the log and `/health` say why. */
  enter(): Promise<boolean>;
  /** Replaces all agents. */
  applyAgents(agents: readonly AgentSpec[]): Promise<void>;
  /** Replaces the configuration. Rejects an invalid one with all complaints, a line each, and then changes nothing. */
  applyConfiguration(configuration: Configuration): Promise<void>;
  /** Sentences about what will not work with the stored configuration. */
  warnings(): Promise<string[]>;
}

/** Puts the app together. It starts nothing: the host listens, and calls `enter`, `sweep` and `tend`. */
export function compose(host: Host): App {
  const { environment, ledger, clock, fetch, log } = host;
  const namespace = namespaceOf(environment);
  const { writes = {} } = host;
  const onDoubt = () => ledger.setMark(REPAIR_MARK, "due");
  const { call, ...standing } = homeserverOf(host, onDoubt);
  const onLost = () => ledger.setMark(COMPARE_MARK, "due");
  const asUser = reviving({ call, ledger, clock, log, onLost });
  const users = ghosts({ call: asUser, ledger, namespace, log });
  const known = backends();
  const cipher = createSecretCipher(environment.SECRET_KEY);
  const agentEnv = { patterns: environment.AGENT_ENV, ofFile: host.backendsOfFile ?? [] };

  const { runner, mayBegin, mayGoOn } = host;
  const ring = (lanes: readonly LaneId[]) => doorbell.ring(lanes);
  const work = laneWork({
    ledger,
    clock,
    log,
    namespace,
    ghosts: users,
    standing,
    ring,
    backends: known,
    cipher,
    fetch,
    env: host.env,
    agentEnv,
    limits: limitsOf(environment),
    invitations: invitationsOf(environment),
    turnMsMax: host.turnMsMax,
    mayBegin,
    mayGoOn,
    sendFloorMs: environment.SEND_FLOOR_MS,
    random: Math.random,
  });
  const pump = createPump({ ledger, clock, log, runner, work, random: Math.random, mayBegin, mayGoOn });
  const doorbell = host.doorbell(pump);

  const refreshAliases = async () => {
    await lookUp({ ledger, ghosts: users, clock }, aliasesIn(await ledger.configuration()));
  };
  const configuring = { ledger, clock, log, cipher, agentEnv, refreshAliases, backends: known };
  const tending = tendingOf(environment, {
    ledger,
    clock,
    log,
    doorbell,
    ring,
    standing,
    ghosts: users,
    mayGoOn,
    call,
  });
  return {
    http: routes(environment, {
      ...configuring,
      doorbell,
      ring,
      namespace,
      onDoubt,
      ghosts: users,
      writes,
      metrics: host.metrics,
    }),
    pump,
    doorbell,
    applyAgents: async (agents) => void (await ledger.setAgents(agents)),
    applyConfiguration: (configuration) => applyOrThrow(configuring, configuration),
    warnings: () => warningsAboutStored(configuring),
    sweep: () => sweepAndAsk({ ...tending, writes }).catch(failed(log, "sweep_failed", 0)),
    tend: (options) => tend(tending, options),
    enter: () => enter({ call: asUser, ledger, namespace, log }).catch(failed(log, "tend_failed", false)),
  };
}

async function sweepAndAsk(
  needs: Parameters<typeof sweep>[0] & { writes: Writes; ping: () => Promise<unknown> },
): Promise<number> {
  const rung = await sweep(needs);
  await askToRepeat(needs.writes, needs.ping);
  return rung;
}

/** The homeserver's API, by which it also shows whether it is well. */
function homeserverOf(
  { environment, clock, fetch, log, ask = askByFetch(fetch) }: Host,
  onSilence: () => Promise<void>,
) {
  const url = () => homeserverUrl(environment, fetch);
  const call = sharedByRooms(clientServer({ url, asToken: environment.AS_TOKEN, ask }));
  return watched({ call, clock, log, onSilence });
}

async function enter(needs: Parameters<typeof enterBot>[0] & { ledger: Ledger }): Promise<boolean> {
  const entered = await enterBot(needs);
  await noteBot(needs.ledger, entered);
  if (!entered.ok) {
    const { status, errcode, message } = entered.error;
    needs.log("homeserver_unreachable", { status, errcode, message });
  }
  return entered.ok;
}

/** Logs an error, and gives this instead of what was to come. */
const failed =
  <T>(log: Log, event: LogEvent, instead: T) =>
  (error: unknown): T => {
    log(event, { error: messageOf(error) });
    return instead;
  };

type Ring = Doorbell["ring"];

interface TendNeeds {
  ledger: Ledger;
  clock: Clock;
  log: Log;
  doorbell: Doorbell;
  ring: Ring;
  standing: Standing;
  ghosts: Ghosts;
  mayGoOn: Host["mayGoOn"];
  call: Call;
}

function tendingOf(environment: Environment, needs: TendNeeds) {
  const { ledger, clock, log, standing, ring, ghosts: users, mayGoOn } = needs;
  const comparing = { ledger, clock, log, ghosts: users, namespace: namespaceOf(environment) };
  return {
    ...needs,
    keep: retentionOf(environment),
    turnsAtOnce: environment.TURNS_AT_ONCE,
    repair: (roomId: RoomId) => repair(comparing, roomId),
    compareUser: (userId: UserId, inTurn: boolean) =>
      compareUser({ ...comparing, standing, ring, mayGoOn }, userId, inTurn),
    reportRefusals: () => reportRefusals({ ledger, log }),
    lookUpAliases: () => lookUpAgain({ ledger, clock, ghosts: users, mayGoOn }),
    ping: () => ping(environment, needs),
  };
}

/** Whether the homeserver reaches us; where it has no ping, whether it is there. Then asks what it has, if that is due. */
async function ping(environment: Environment, needs: TendNeeds): Promise<Answer<unknown>> {
  const { call, ledger, clock, log, ghosts: users } = needs;
  const { APPSERVICE_ID, HOMESERVER_URL: address = "" } = environment;
  const pinged = await users.ping(APPSERVICE_ID);
  const answer = pinged.ok || !isLacking(pinged.error) ? pinged : await call(whoAmI());
  if (!answer.ok) log("ping_failed", { ...answer.error });
  else {
    await refreshCapabilities({ call, ledger, clock, log, address, pinged, bot: () => users.bot() });
  }
  return answer;
}

interface RouteNeeds extends Configuring {
  ledger: Ledger;
  doorbell: Doorbell;
  ring: Ring;
  namespace: Namespace;
  ghosts: Ghosts;
  /** Called when the homeserver may have lost events. */
  onDoubt: () => Promise<void>;
  writes: Writes;
  metrics: Host["metrics"];
}

/** The HTTP routes: health and metrics, the operator API, the endpoints that the homeserver calls. */
function routes({ ADMIN_TOKEN, HS_TOKEN }: Environment, needs: RouteNeeds): Hono {
  const { ledger, clock, log, doorbell, namespace, onDoubt } = needs;
  const isOperator = ADMIN_TOKEN === undefined ? undefined : matchesSecret(ADMIN_TOKEN);
  const homeserver = async () => {
    const [state, capabilities, bot] = await Promise.all([
      homeserverState(ledger),
      knownCapabilities(ledger),
      botRefusal(ledger),
    ]);
    return { state, lacks: lackedOf(capabilities), bot };
  };
  const http = new Hono();
  http.notFound(unknownPath);
  http.route(
    "/",
    health({
      ...needs,
      homeserver,
      botUserId: botUserId(namespace),
      isTimeDoubted: () => isTimeDoubted(ledger, clock),
      isOperator,
      format: needs.metrics,
    }),
  );
  const reread = async (roomId: RoomId) => restoreState({ ledger, ghosts: needs.ghosts }, await ledger.room(roomId));
  http.route("/", admin({ ...needs, isOperator, reread }));
  http.route(
    "/",
    ingress({
      ledger: { accept: noting(needs.writes, ledger, clock) },
      onTransaction: (isTaken) => countRefused(needs.writes, isTaken),
      doorbell,
      log,
      clock,
      namespace,
      onDoubt,
      doubtMark: REPAIR_MARK,
      isHomeserver: matchesSecret(HS_TOKEN),
      onUserQuery: async (id) => {
        const agent = await ledger.agent(id);
        if (!agent) return false;
        // Whoever invites chooses the name of a family's member: its account is made when it joins a room.
        return agent.family !== undefined || (await needs.ghosts.intent(agent)).ok;
      },
    }),
  );
  return http;
}

const limitsOf = (environment: Environment): Limits => ({
  senderPerMinute: environment.SENDER_TURNS_PER_MINUTE,
  roomPerMinute: environment.ROOM_TURNS_PER_MINUTE,
  turnsAtOnce: environment.TURNS_AT_ONCE,
});

const invitationsOf = (environment: Environment): InvitationLimits => ({
  anInviter: environment.INVITATIONS_PER_HOUR,
  aFamily: environment.FAMILY_ACCOUNTS_PER_HOUR,
  families: environment.ACCOUNTS_PER_HOUR,
  members: environment.FAMILY_MEMBERS,
});

const HOUR_MS = 3_600_000;
const retentionOf = (environment: Environment): Retention => ({
  contentsMs: environment.KEEP_CONTENTS_HOURS * HOUR_MS,
  eventIdsMs: environment.KEEP_EVENT_IDS_DAYS * 24 * HOUR_MS,
  turnsMs: environment.KEEP_TURNS_DAYS * 24 * HOUR_MS,
});
