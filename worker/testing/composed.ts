/** All of Troupe in the test's own process: the real app on a real ledger, with a homeserver in memory. */
import { expect } from "vitest";
import { AgentSpec } from "#core/configuration/agent.ts";
import { Environment, secretsOf } from "#core/configuration/environment.ts";
import { isOurs, UserId } from "#core/protocol/ids.ts";
import type { Clock } from "#ports/host.ts";
import type { Ledger } from "#ports/ledger.ts";
import { nodeDoorbell } from "../../appservice/host/doorbell.ts";
import { type App, compose } from "../app.ts";
import { systemClock } from "../clock.ts";
import { createLog } from "../observe/log.ts";
import type { DatabaseCall } from "./database-calls.ts";
import { type FakeHomeserver, fakeHomeserver } from "./homeserver.ts";
import { NAMESPACE, ROOM } from "./ledger-rows.ts";
import { type TemporaryLedger, temporaryLedger } from "./temp-ledger.ts";

const TOKENS = { AS_TOKEN: "as-token-of-tests", HS_TOKEN: "hs-token-of-tests", ADMIN_TOKEN: "admin-of-tests" };

export interface Composed {
  app: App;
  ledger: Ledger;
  server: FakeHomeserver;
  lines: string[];
  /** Every call to the database, in order; the test's own are among them. */
  calls: DatabaseCall[];
  /** Another app on the same ledger: one after a restart, or a second one that runs at the same time. */
  another(runner: string, mayBegin?: () => boolean, its?: Clock): App;
  push(...events: unknown[]): Promise<void>;
  /** Makes these users the members of the room. With two of them it is a direct chat. */
  joined(...users: string[]): Promise<void>;
  /** The bodies of the sent events, in order. */
  bodies(): unknown[];
  /** Expects that no lane is due. */
  settled(): Promise<void>;
  operator(method: string, path: string, body?: object): Promise<Response>;
  close(): void;
}

/**
 * `agents` as an operator writes them; `settings` are variables of the environment beside the required ones. With a `given` ledger its own agents stay,
 * and `agents` is ignored.
 */
export async function composed(
  agents: Record<string, object>,
  settings: Record<string, unknown> = {},
  clock: Clock = systemClock,
  given?: Pick<TemporaryLedger, "ledger" | "close">,
): Promise<Composed> {
  const calls: DatabaseCall[] = [];
  const { ledger, close } = given ?? (await temporaryLedger(calls));
  const server = fakeHomeserver(TOKENS.AS_TOKEN);
  const lines: string[] = [];
  const over = new AbortController();
  const url = { HOMESERVER_URL: "http://hs.test", SERVER_NAME: NAMESPACE.serverName };
  const environment = Environment.parse({ ...url, ...TOKENS, ...settings });
  const start = (runner: string, mayBegin = () => true, its = clock): App =>
    compose({
      environment,
      ledger,
      clock: its,
      runner,
      mayBegin,
      turnMsMax: 60_000,
      metrics: "prometheus",
      env: (name) => (typeof settings[name] === "string" ? settings[name] : undefined),
      fetch: (input, init) => server.fetch(input, init),
      log: createLog(
        ({ event, fields }) => void lines.push(`${event} ${JSON.stringify(fields)}`),
        secretsOf(environment),
      ),
      // Without a sweep, a lane is run again whenever it is due.
      doorbell: (pump) => nodeDoorbell({ pump, clock: its, over: over.signal, sweepMs: Number.POSITIVE_INFINITY }),
    });
  const app = start("first");
  if (!given)
    await app.applyAgents(Object.entries(agents).map(([id, agent]) => AgentSpec.parse({ id, name: id, ...agent })));
  let transactions = 0;
  return {
    app,
    ledger,
    server,
    lines,
    calls,
    another: start,
    async push(...events) {
      transactions++;
      const answer = await app.http.request(`/_matrix/app/v1/transactions/${transactions}`, {
        method: "PUT",
        headers: { authorization: `Bearer ${TOKENS.HS_TOKEN}` },
        body: JSON.stringify({ events }),
      });
      expect(answer.status).toBe(200);
    },
    joined: async (...users) => {
      server.members.set(ROOM, users);
      for (const user of users.filter((one) => isOurs(NAMESPACE, UserId.parse(one)))) {
        server.users.add(user);
        server.devices.add(`${user}|TROUPE`);
      }
      await ledger.setMembers(
        ROOM,
        users.map((userId) => ({
          userId: UserId.parse(userId),
          membership: "join",
          direct: users.length === 2,
        })),
      );
    },
    bodies: () => server.sent.map(({ content }) => content["body"]),
    settled: async () => expect(await ledger.dueLanes(clock.now() + 3_600_000, 10)).toEqual([]),
    close() {
      over.abort();
      close();
    },
    operator: async (method, path, body) =>
      app.http.request(path, {
        method,
        headers: { authorization: `Bearer ${TOKENS.ADMIN_TOKEN}` },
        ...(body ? { body: JSON.stringify(body) } : {}),
      }),
  };
}
