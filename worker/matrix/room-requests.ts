/**
 * Shares the connections to the homeserver among rooms. A room in which every request hangs would otherwise use up all of
 * them for a minute each, and the requests of all other rooms would wait.
 */
import { BOUNDS } from "#core/bounds.ts";
import type { Call } from "./client-server.ts";

/** The room in a request's path, as it is written there. */
const ROOM = /^\/_matrix\/client\/v3\/(?:rooms|join)\/([^/]+)/;

interface Turnstile {
  under: number;
  waiting: Array<() => void>;
}

/** Further requests of a room wait until one of its own has ended, in their order. */
export function sharedByRooms(call: Call): Call {
  const rooms = new Map<string, Turnstile>();

  async function enter(room: string): Promise<void> {
    const at = rooms.get(room) ?? { under: 0, waiting: [] };
    rooms.set(room, at);
    if (at.under < BOUNDS.requestsOfRoom.max) at.under++;
    else await new Promise<void>((resolve) => at.waiting.push(resolve));
  }

  function leave(room: string): void {
    const at = rooms.get(room);
    const next = at?.waiting.shift();
    // The next one takes the place of the one that leaves.
    if (next) next();
    else if (at && --at.under === 0) rooms.delete(room);
  }

  return async (request, identity) => {
    const room = request.path.match(ROOM)?.[1];
    if (room === undefined) return call(request, identity);
    await enter(room);
    try {
      return await call(request, identity);
    } finally {
      leave(room);
    }
  };
}
