/** The playground's state between runs: ports, tokens, users. Stored in `data/playground`, readable by its owner only. */
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { stringify } from "yaml";
import * as z from "zod/v4";
import { registrationShape } from "#core/protocol/registration.ts";

export const SERVER_NAME = "troupe.localhost";
export const NAMESPACE = { serverName: SERVER_NAME, ghostPrefix: "agent_", botLocalpart: "troupe" };

const World = z.object({
  homeserverPort: z.number(),
  bridgePort: z.number(),
  asToken: z.string(),
  hsToken: z.string(),
  adminToken: z.string(),
  users: z.array(z.object({ user: z.string(), password: z.string() })),
});
export type World = z.infer<typeof World>;

/** Reads the state, or creates it. Ports that another program uses by now are replaced. */
export async function readWorld(folder: string): Promise<World> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const file = join(folder, "world.json");
  const stored = existsSync(file) ? World.parse(JSON.parse(readFileSync(file, "utf8"))) : newWorld();
  const homeserverPort = await freePort(stored.homeserverPort);
  const world = { ...stored, homeserverPort, bridgePort: await freePort(stored.bridgePort, homeserverPort) };
  writeFileSync(file, JSON.stringify(world, null, 2), { mode: 0o600 });
  return world;
}

const secret = () => randomBytes(24).toString("base64url");

const newWorld = (): World => ({
  homeserverPort: 8008,
  bridgePort: 9993,
  asToken: secret(),
  hsToken: secret(),
  adminToken: secret(),
  users: ["demo", "friend"].map((user) => ({ user, password: `${user}-${secret().slice(0, 8)}` })),
});

/** The preferred port if it is free, else any free port. */
async function freePort(preferred: number, taken?: number): Promise<number> {
  const port = preferred === taken ? undefined : await tryPort(preferred);
  return port ?? (await tryPort(0)) ?? preferred;
}

/** The port, once it was listened on; undefined when it is in use. 0 stands for any. */
const tryPort = (port: number): Promise<number | undefined> =>
  new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(undefined));
    server.listen(port, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(address !== null && typeof address === "object" ? address.port : undefined));
    });
  });

/** Written before each start of the homeserver, because the port may have changed. */
export function writeRegistration(file: string, { asToken, hsToken, bridgePort }: World): void {
  const url = `http://127.0.0.1:${bridgePort}`;
  const shape = registrationShape({ id: "troupe", url, asToken, hsToken, namespace: NAMESPACE });
  writeFileSync(file, stringify(shape), { mode: 0o600 });
}
