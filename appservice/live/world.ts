/** A real homeserver, a real host and users. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import { registrationShape } from "#core/protocol/registration.ts";
import { registerUser } from "../playground/accounts.ts";
import type { RunningServer } from "../playground/server.ts";
import { type LiveClient, liveClient } from "./client.ts";
import { type HomeserverKind, install } from "./homeserver.ts";
import { applyAgents, freePort, type HostKind, type HostSettings, type RunningHost, startHost } from "./hosts.ts";

export const SERVER_NAME = "live.localhost";
const NAMESPACE = { serverName: SERVER_NAME, ghostPrefix: "agent_", botLocalpart: "troupe" };

export interface World {
  homeserver: RunningServer;
  host: RunningHost;
  settings: HostSettings;
  alice: LiveClient;
  bob: LiveClient;
  /** Registers one more user. */
  user(name: string): Promise<LiveClient>;
  /** The rooms that one of our own users has joined. */
  roomsOf(userId: string): Promise<string[]>;
  /** The folder with the homeserver's database. */
  homeserverFolder: string;
  /** Kills the host and starts it again, as another kind where one is named. `meanwhile` is done while it is down. */
  restartHost(meanwhile?: Meanwhile, kind?: HostKind): Promise<void>;
  /** The same for the homeserver. It is stopped as an operator stops it, or `killed`: without warning. */
  restartHomeserver(how?: "stopped" | "killed", meanwhile?: Meanwhile): Promise<void>;
  /** Pushes a transaction as the homeserver would. */
  push(transactionId: string, events: unknown[]): Promise<Response>;
  admin(path: string, init?: RequestInit): Promise<Response>;
  close(): Promise<void>;
}

type Meanwhile = () => unknown;

export async function openWorld(
  kind: HostKind,
  agents: object[],
  env: Record<string, string> = {},
  homeserverKind: HomeserverKind = "synapse",
): Promise<World> {
  const folder = mkdtempSync(join(tmpdir(), "troupe-live-"));
  const startHomeserver = await install(homeserverKind);
  const settings: HostSettings = {
    homeserver: `http://127.0.0.1:${await freePort()}`,
    serverName: SERVER_NAME,
    asToken: "as-token-of-the-live-tests",
    hsToken: "hs-token-of-the-live-tests",
    adminToken: "admin-token-of-the-live-tests",
    port: await freePort(),
    folder: join(folder, "host"),
    env,
  };
  mkdirSync(settings.folder);
  const { asToken, hsToken } = settings;
  const url = `http://127.0.0.1:${settings.port}`;
  const registration = join(folder, "registration.yaml");
  writeFileSync(
    registration,
    stringify(registrationShape({ id: "troupe", url, asToken, hsToken, namespace: NAMESPACE })),
  );
  const dir = join(folder, homeserverKind);
  const port = Number(new URL(settings.homeserver).port);
  const runHomeserver = () =>
    startHomeserver({ dir, port, serverName: SERVER_NAME, registrationFiles: [registration] });

  const homeserver = await runHomeserver();
  const user = async (name: string) => {
    await registerUser(homeserver, dir, name, "password");
    return liveClient(settings.homeserver, name, "password");
  };
  const host = await startHost(kind, settings).catch(async (error: unknown) => {
    await homeserver.stop();
    throw error;
  });
  const world: World = {
    homeserver,
    settings,
    host,
    alice: await user("alice"),
    bob: await user("bob"),
    user,
    async roomsOf(userId) {
      const query = new URLSearchParams({ user_id: userId });
      const answer = await fetch(`${settings.homeserver}/_matrix/client/v3/joined_rooms?${query}`, {
        headers: { authorization: `Bearer ${asToken}` },
      });
      return ((await answer.json()) as { joined_rooms: string[] }).joined_rooms;
    },
    homeserverFolder: dir,
    async restartHost(meanwhile, as = kind) {
      await world.host.kill();
      await meanwhile?.();
      world.host = await startHost(as, settings);
    },
    async restartHomeserver(how = "stopped", meanwhile) {
      await (how === "killed" ? world.homeserver.kill() : world.homeserver.stop());
      await meanwhile?.();
      world.homeserver = await runHomeserver();
    },
    push: (transactionId, events) =>
      fetch(`${url}/_matrix/app/v1/transactions/${transactionId}`, {
        method: "PUT",
        headers: { authorization: `Bearer ${hsToken}`, "content-type": "application/json" },
        body: JSON.stringify({ events }),
      }),
    admin: (path, init) =>
      fetch(`${url}/admin/${path}`, { ...init, headers: { authorization: `Bearer ${settings.adminToken}` } }),
    async close() {
      await world.host.kill();
      await world.homeserver.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  await applyAgents(world.host, world.settings.adminToken, agents);
  return world;
}
