/**
 * Shares the connections to the homeserver. A room in which every request hangs would otherwise use up all of them for a
 * minute each, and the requests of all other rooms would wait. So would requests in many rooms for which the homeserver
 * waits for a server of others, as invitations of its users are accepted or rejected.
 */
import { BOUNDS } from "#core/bounds.ts";
import type { Request } from "#core/protocol/client/request.ts";
import type { Call } from "./client-server.ts";

/** The room in a request's path, as it is written there. */
const ROOM = /^\/_matrix\/client\/v3\/(?:rooms|join)\/([^/]+)/;

interface Turnstile {
  under: number;
  waiting: Array<() => void>;
}

/** So many of each name are under way; further ones wait until one of them has ended, in their order. */
class Turnstiles {
  readonly #max: number;
  readonly #byName = new Map<string, Turnstile>();

  constructor(max: number) {
    this.#max = max;
  }

  async enter(name: string): Promise<void> {
    const at = this.#byName.get(name) ?? { under: 0, waiting: [] };
    this.#byName.set(name, at);
    if (at.under < this.#max) at.under++;
    else await new Promise<void>((resolve) => at.waiting.push(resolve));
  }

  leave(name: string): void {
    const at = this.#byName.get(name);
    const next = at?.waiting.shift();
    // The next one takes the place of the one that leaves.
    if (next) next();
    else if (at && --at.under === 0) this.#byName.delete(name);
  }
}

/** Requests wait for a connection: of their room, of the server of others they may hang at, and of all such servers. */
export function sharedByRooms(call: Call): Call {
  const rooms = new Turnstiles(BOUNDS.requestsOfRoom.max);
  const servers = new Turnstiles(BOUNDS.requestsOfServer.max);
  const remotes = new Turnstiles(BOUNDS.remoteRequests.max);

  /** What a request has to pass, in this order for all of them. */
  function passedBy({ path, remote }: Pick<Request<unknown>, "path" | "remote">): [Turnstiles, string][] {
    const passed: [Turnstiles, string][] = [];
    if (remote !== undefined) passed.push([servers, remote], [remotes, ""]);
    const room = path.match(ROOM)?.[1];
    if (room !== undefined) passed.push([rooms, room]);
    return passed;
  }

  return async (request, identity) => {
    const passed = passedBy(request);
    for (const [turnstiles, name] of passed) await turnstiles.enter(name);
    try {
      return await call(request, identity);
    } finally {
      for (const [turnstiles, name] of passed) turnstiles.leave(name);
    }
  };
}
