/**
 * The URL of the homeserver where `HOMESERVER_URL` is not set: the one its server name's `.well-known` names.
 *
 * @see https://spec.matrix.org/v1.19/client-server-api/#well-known-uris
 */
import { BOUNDS } from "#core/bounds.ts";
import type { Environment } from "#core/configuration/environment.ts";
import { isPlainUrl } from "#core/configuration/url-secrets.ts";
import { wellKnown } from "#core/protocol/client/server.ts";
import { parseJson } from "#core/protocol/json.ts";
import type { Fetch } from "#core/turn/backend.ts";
import { boundedText } from "../bounded-text.ts";

/** URLs by server name, for as long as this process or isolate lives. No promises: a Worker's promise belongs to its request. */
const found = new Map<string, string>();

/** Without a slash at its end. Rejects with a sentence for the operator. */
export async function homeserverUrl(
  { HOMESERVER_URL, SERVER_NAME }: Pick<Environment, "HOMESERVER_URL" | "SERVER_NAME">,
  fetch: Fetch,
): Promise<string> {
  const known = HOMESERVER_URL ?? found.get(SERVER_NAME);
  if (known !== undefined) return known;
  const url = await lookUp(SERVER_NAME, fetch);
  found.set(SERVER_NAME, url);
  return url;
}

async function lookUp(serverName: string, fetch: Fetch): Promise<string> {
  const { path, answer } = wellKnown();
  // A port in a server name is that of the federation.
  const url = `https://${serverName.replace(/:\d+$/, "")}${path}`;
  const fail = (why: string) =>
    new Error(`HOMESERVER_URL is not set, and ${url} does not name a homeserver: ${why}. Set HOMESERVER_URL.`);
  const response = await fetch(url, { signal: AbortSignal.timeout(BOUNDS.wellKnownTime.max) }).catch(
    (error: unknown) => {
      throw fail(reasonOf(error));
    },
  );
  // Read whatever the status is: an unread body keeps its connection.
  const text = response.body ? await boundedText(response.body, BOUNDS.wellKnownBody.max).catch(() => "") : "";
  const json = parseJson(text);
  if (!response.ok) throw fail(`it answers ${response.status}`);
  const read = answer(json);
  if (!read.ok) throw fail("there is no m.homeserver.base_url in it");
  if (!isPlainUrl(read.value)) throw fail("m.homeserver.base_url has a user, a password or parameters in it");
  return read.value;
}

/** "fetch failed" does not say why; its cause does. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return "no answer";
  return error.cause instanceof Error ? error.cause.message : error.message;
}
