/** The operator API of a running bridge, on either host. */
import * as z from "zod/v4";
import { SettingsError } from "../host/settings.ts";

const Refusal = z.object({ errors: z.array(z.string()) });

/** Resolves to the answer's JSON; throws with one sentence that says what to mend. */
export async function askBridge(
  url: string,
  method: "GET" | "PUT" | "POST",
  path: string,
  body?: object,
): Promise<unknown> {
  const token = process.env["ADMIN_TOKEN"];
  if (!token) throw new SettingsError("ADMIN_TOKEN is not set: it is what the bridge knows its operator by.");
  const answer = await fetch(`${url.replace(/\/+$/, "")}/admin/${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    ...(body ? { body: JSON.stringify(body) } : {}),
  }).catch(() => undefined);
  if (!answer) throw new SettingsError(`Nothing answers at ${url}; is the bridge running?`);
  const json: unknown = await answer.json().catch(() => undefined);
  if (answer.ok) return json;
  const refusal = Refusal.safeParse(json);
  throw new SettingsError(refusal.success ? refusal.data.errors.join("\n") : `The bridge answered ${answer.status}.`);
}
