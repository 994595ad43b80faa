/**
 * Shares the connections to the homeserver. A room in which every request hangs would otherwise use up all of them for a
 * minute each, and so would invitations to many rooms of a server that does not answer; all other requests would wait.
 */
import { BOUNDS } from "#core/bounds.ts";
import type { Call } from "./client-server.ts";

/** The room in a request's path, as it is written there. */
const ROOM = /^\/_matrix\/client\/v3\/(?:rooms|join)\/([^/]+)/;

/** Requests for which the homeserver may ask another server, and whose number strangers drive. Aliases are the operator's. */
const OTHERS = /^\/_matrix\/client\/v3\/(?:join\/|rooms\/[^/]+\/(?:join|leave|messages)$)/;

interface Turnstile {
  under: number;
  waiting: Array<() => void>;
}

/**
 * Further requests of a room wait until one of its own has ended, in their order. So do those that other servers may keep
 * waiting, whichever room they are about: strangers choose how many rooms they invite our users to.
 */
export function sharedByRooms(call: Call): Call {
  const throughRoom = turnstiles(BOUNDS.requestsOfRoom.max);
  const throughOthers = turnstiles(BOUNDS.requestsOfOthers.max);
  return (request, identity) => {
    const send = () => call(request, identity);
    const sendOn = () => (OTHERS.test(request.path) ? throughOthers("", send) : send());
    const room = request.path.match(ROOM)?.[1];
    return room === undefined ? sendOn() : throughRoom(room, sendOn);
  };
}

/** A turnstile for each key, by which so many go at the same time. */
function turnstiles(most: number): <T>(key: string, work: () => Promise<T>) => Promise<T> {
  const all = new Map<string, Turnstile>();

  async function enter(key: string): Promise<void> {
    const at = all.get(key) ?? { under: 0, waiting: [] };
    all.set(key, at);
    if (at.under < most) at.under++;
    else await new Promise<void>((resolve) => at.waiting.push(resolve));
  }

  function leave(key: string): void {
    const at = all.get(key);
    const next = at?.waiting.shift();
    // The next one takes the place of the one that leaves.
    if (next) next();
    else if (at && --at.under === 0) all.delete(key);
  }

  return async (key, work) => {
    await enter(key);
    try {
      return await work();
    } finally {
      leave(key);
    }
  };
}
