/**
 * Where the homeserver is, when nobody said it: what its server name's `.well-known` names.
 *
 * @see https://spec.matrix.org/v1.19/client-server-api/#well-known-uris
 */
import * as z from "zod/v4";
import type { Environment } from "#core/configuration/environment.ts";
import type { Fetch } from "#core/turn/backend.ts";

const LOOKUP_MS_MAX = 10_000;
const WellKnown = z.object({ "m.homeserver": z.object({ base_url: z.url({ protocol: /^https?$/ }) }) });

/** What was found, by server name, for as long as this process or isolate lives. Never a promise: on a Worker that is its request's own. */
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
  // A port in a server name is that of the federation.
  const url = `https://${serverName.replace(/:\d+$/, "")}/.well-known/matrix/client`;
  const fail = (why: string) =>
    new Error(`HOMESERVER_URL is not set, and ${url} does not name a homeserver: ${why}. Set HOMESERVER_URL.`);
  const answer = await fetch(url, { signal: AbortSignal.timeout(LOOKUP_MS_MAX) }).catch((error: unknown) => {
    throw fail(reasonOf(error));
  });
  if (!answer.ok) throw fail(`it answers ${answer.status}`);
  const read = WellKnown.safeParse(await answer.json().catch(() => undefined));
  if (!read.success) throw fail("there is no m.homeserver.base_url in it");
  return read.data["m.homeserver"].base_url.replace(/\/+$/, "");
}

/** "fetch failed" alone helps nobody. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return "no answer";
  return error.cause instanceof Error ? error.cause.message : error.message;
}
