/** Accounts of people on a homeserver of ours, and the secrets it makes them with. */
import { createHmac, randomBytes } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as z from "zod/v4";

/** Created once and kept: new secrets would log out all users. */
export function secrets(dir: string): Record<string, string> {
  const file = join(dir, "secrets.json");
  if (!existsSync(file)) {
    const names = ["registration_shared_secret", "macaroon_secret_key", "form_secret"];
    const made = Object.fromEntries(names.map((name) => [name, randomBytes(32).toString("base64url")]));
    writeFileSync(file, JSON.stringify(made), { mode: 0o600 });
  }
  return JSON.parse(readFileSync(file, "utf8"));
}

/** The secret with which accounts are made. */
export const sharedSecret = (dir: string): string => secrets(dir)["registration_shared_secret"] ?? "";

const Nonce = z.object({ nonce: z.string() });
const Refusal = z.object({ errcode: z.string().optional() });

interface Account {
  user: string;
  password: string;
  /** An administrator of the homeserver. */
  admin?: boolean;
}

/**
 * Asks the homeserver for an account, and gives its answer. `dir`: the folder with its secrets. Dendrite has taken Synapse's
 * way of it.
 *
 * @see https://element-hq.github.io/synapse/latest/admin_api/register_api.html
 */
export async function signUp(
  homeserver: { url: string },
  dir: string,
  { user, password, admin = false }: Account,
): Promise<Response> {
  const url = `${homeserver.url}/_synapse/admin/v1/register`;
  const { nonce } = Nonce.parse(await (await fetch(url)).json());
  const mac = createHmac("sha1", sharedSecret(dir))
    .update([nonce, user, password, admin ? "admin" : "notadmin"].join("\0"))
    .digest("hex");
  return fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ nonce, username: user, password, admin, mac }),
  });
}

/** Registers an ordinary user; succeeds if the user exists already. */
export async function registerUser(
  homeserver: { url: string },
  dir: string,
  user: string,
  password: string,
): Promise<void> {
  const answer = await signUp(homeserver, dir, { user, password });
  if (answer.ok) return;
  const { errcode } = Refusal.parse(await answer.json());
  if (errcode !== "M_USER_IN_USE") throw new Error(`${user} could not be registered: ${answer.status} ${errcode}`);
}
