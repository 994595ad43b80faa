/** An administrator of a Synapse of the live tests: what operators of homeservers do to users behind our back. */
import { signUp } from "../playground/accounts.ts";

export interface Operator {
  deleteDevice(userId: string, device: string): Promise<void>;
  /** Synapse makes the user leave all rooms. */
  deactivate(userId: string): Promise<void>;
  /** Gives a deactivated account back. */
  reactivate(userId: string): Promise<void>;
}

/** Registers an administrator. `folder`: where Synapse keeps its secrets. */
export async function registerOperator(homeserver: string, folder: string, user: string): Promise<Operator> {
  const answer = await signUp({ url: homeserver }, folder, { user, password: "password", admin: true });
  const { access_token } = (await answer.json()) as { access_token: string };

  async function call(method: string, path: string, given?: object): Promise<void> {
    const answer = await fetch(`${homeserver}/_synapse/admin${path}`, {
      method,
      headers: { authorization: `Bearer ${access_token}` },
      ...(given ? { body: JSON.stringify(given) } : {}),
    });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  }
  const of = (userId: string) => encodeURIComponent(userId);
  return {
    deleteDevice: (userId, device) => call("DELETE", `/v2/users/${of(userId)}/devices/${device}`),
    deactivate: (userId) => call("POST", `/v1/deactivate/${of(userId)}`, { erase: false }),
    reactivate: (userId) => call("PUT", `/v2/users/${of(userId)}`, { deactivated: false, password: "given-back" }),
  };
}
