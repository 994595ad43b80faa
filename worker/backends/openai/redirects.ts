/**
 * A server that has moved is asked at its new address only where this is the same host: no other one gets the conversation or
 * the key.
 */
import { BOUNDS } from "#core/bounds.ts";
import type { Fetch } from "#core/turn/backend.ts";

/** These ask for the request as it was. After another one it would be a GET, which no backend answers. */
const REPEATING = new Set([307, 308]);

/** Gives a redirect that is not followed as the answer; its body says where it leads. */
export const atSameHost =
  (fetch: Fetch): Fetch =>
  (input, init) =>
    ask(fetch, input, { ...init, redirect: "manual" });

async function ask(fetch: Fetch, input: Parameters<Fetch>[0], init: RequestInit, redirects = 0): Promise<Response> {
  const response = await fetch(input, init);
  const location = locationOf(response);
  if (location === undefined) return response;
  await response.body?.cancel();
  // The body of a `Request` can be read once only.
  const mayFollow = redirects < BOUNDS.redirects.max && !(input instanceof Request);
  const next = mayFollow ? followed(response.status, location, new URL(input)) : undefined;
  return next
    ? ask(fetch, next.href, init, redirects + 1)
    : new Response(`the server redirects to ${location}`, { status: response.status });
}

const locationOf = ({ status, headers }: Response): string | undefined =>
  status >= 300 && status < 400 ? (headers.get("location") ?? undefined) : undefined;

function followed(status: number, location: string, from: URL): URL | undefined {
  if (!REPEATING.has(status) || !URL.canParse(location, from.href)) return undefined;
  const url = new URL(location, from);
  return isSameHost(from, url) ? url : undefined;
}

/** Also where it only wants to be asked by https. */
export const isSameHost = (from: URL, to: URL): boolean =>
  from.origin === to.origin || (from.hostname === to.hostname && from.protocol === "http:" && to.protocol === "https:");
