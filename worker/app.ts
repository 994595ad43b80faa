/**
 * What both hosts compose: the HTTP app, the lanes and their pump, the sweep. A host gives its bindings; everything
 * between "a request came in" and "a request goes out" is here and is the same.
 */
import { Hono } from "hono";
import type { Agent } from "#core/agent.ts";
import { type Config, namespaceOf } from "#core/config.ts";
import type { Ask, Clock, Doorbell, Fetch, LaneKind, Ledger, Log, RunLane, Work } from "#ports";
import { admin } from "./admin/admin.ts";
import { backends } from "./backends/registry.ts";
import { delivery } from "./delivery/delivery.ts";
import { outLane } from "./delivery/out-lane.ts";
import { ingress, unknownPath } from "./ingress/ingress.ts";
import { createPump, type Pump } from "./lanes/pump.ts";
import { sweep } from "./lanes/sweep.ts";
import { asking, clientServer, isPassing } from "./matrix/client-server.ts";
import { enterBot, ghosts } from "./matrix/ghosts.ts";
import { secretCheck } from "./observe/secrets.ts";
import { roomLane } from "./router/room-lane.ts";
import { sessionLane } from "./turns/session-lane.ts";

export interface Host {
  config: Config;
  ledger: Ledger;
  clock: Clock;
  fetch: Fetch;
  /** How the homeserver is asked, where that is not `fetch`. */
  ask?: Ask;
  log: Log;
  /** A variable that an agent's `$NAME` may mean. */
  env: (name: string) => string | undefined;
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
  /** The bot's account and device, and whether the homeserver understands devices. Says whether it answered. */
  enter(): Promise<boolean>;
  applyAgents(agents: readonly Agent[]): Promise<void>;
}

export function compose(host: Host): App {
  const { config, ledger, clock, fetch, log } = host;
  const namespace = namespaceOf(config);
  const call = clientServer({ url: config.HOMESERVER_URL, asToken: config.AS_TOKEN, ask: host.ask ?? asking(fetch) });
  const users = ghosts({ call, ledger, namespace, log });
  const known = backends();

  const shared = { ...host, namespace, ghosts: users, isPassing, backends: known };
  const work = (kind: LaneKind, run: RunLane): Work => {
    const lanes: Record<LaneKind, () => Work> = {
      room: () => roomLane({ ...shared, ring: (lanes) => doorbell.ring(lanes) }),
      session: () => sessionLane({ ...shared, run, delivery: delivery({ ...shared, run }) }),
      out: () => outLane(shared),
    };
    return lanes[kind]();
  };
  const pump = createPump({ ledger, clock, log, owner: host.owner, work });
  const doorbell = host.doorbell(pump);

  const applyAgents = async (agents: readonly Agent[]) => {
    await ledger.setAgents(agents, clock.now());
    log("agents_applied", { agents: agents.map(({ id }) => id) });
  };
  const http = new Hono();
  http.notFound(unknownPath);
  http.get("/health", async (c) => {
    try {
      await ledger.ping();
      return c.json({ ok: true });
    } catch (error) {
      log("request_failed", { path: "/health", error: error instanceof Error ? error.message : String(error) });
      return c.json({ ok: false, error: "the database does not answer" }, 503);
    }
  });
  const isOperator = config.ADMIN_TOKEN === undefined ? undefined : secretCheck(config.ADMIN_TOKEN);
  http.route("/", admin({ ledger, backends: known, applyAgents, isOperator, log }));
  http.route(
    "/",
    ingress({
      ledger,
      doorbell,
      log,
      clock,
      namespace,
      isHomeserver: secretCheck(config.HS_TOKEN),
      onUserQuery: async (id) => {
        const agent = await ledger.agent(id);
        return agent !== undefined && (await users.intent(agent)).ok;
      },
    }),
  );

  return {
    http,
    pump,
    doorbell,
    applyAgents,
    sweep: () => sweep({ ledger, doorbell, clock }),
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
