/** What the playground keeps between runs: ports, tokens, users. All of it under `data/playground`, for its owner only. */
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { stringify } from "yaml";
import * as z from "zod/v4";
import { registrationShape } from "#core/protocol/registration.ts";

export const SERVER_NAME = "troupe.localhost";
export const NAMESPACE = { serverName: SERVER_NAME, ghostPrefix: "agent_", botLocalpart: "troupe" };

const Kept = z.object({
  homeserverPort: z.number(),
  bridgePort: z.number(),
  asToken: z.string(),
  hsToken: z.string(),
  adminToken: z.string(),
  users: z.array(z.object({ user: z.string(), password: z.string() })),
});
export type Kept = z.infer<typeof Kept>;

/** What was kept, made when there is nothing yet; ports that somebody else has by now are exchanged. */
export async function readWorld(folder: string): Promise<Kept> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const file = join(folder, "world.json");
  const kept = existsSync(file) ? Kept.parse(JSON.parse(readFileSync(file, "utf8"))) : fresh();
  const homeserverPort = await freePort(kept.homeserverPort);
  const world = { ...kept, homeserverPort, bridgePort: await freePort(kept.bridgePort, homeserverPort) };
  writeFileSync(file, JSON.stringify(world, null, 2), { mode: 0o600 });
  return world;
}

const secret = () => randomBytes(24).toString("base64url");

const fresh = (): Kept => ({
  homeserverPort: 8008,
  bridgePort: 9993,
  asToken: secret(),
  hsToken: secret(),
  adminToken: secret(),
  users: ["demo", "friend"].map((user) => ({ user, password: `${user}-${secret().slice(0, 8)}` })),
});

/** The wished port if nobody has it, else any. */
async function freePort(wished: number, taken?: number): Promise<number> {
  const port = wished === taken ? undefined : await listens(wished);
  return port ?? (await listens(0)) ?? wished;
}

const listens = (port: number): Promise<number | undefined> =>
  new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(undefined));
    server.listen(port, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(address !== null && typeof address === "object" ? address.port : undefined));
    });
  });

/** The homeserver reads it at its start only, so it is written anew before each: the port may be another one. */
export function writeRegistration(file: string, { asToken, hsToken, bridgePort }: Kept): void {
  const url = `http://127.0.0.1:${bridgePort}`;
  const shape = registrationShape({ id: "troupe", url, asToken, hsToken, namespace: NAMESPACE });
  writeFileSync(file, stringify(shape), { mode: 0o600 });
}
