/**
 * Typing while the agent works. Best effort, and not at once: an answer that is there before anybody could see it typed
 * should not wait behind the notification.
 *
 * @see https://spec.matrix.org/v1.19/client-server-api/#typing-notifications
 */
import { setTyping } from "#core/protocol/client/typing.ts";
import type { RoomId } from "#core/protocol/ids.ts";
import type { Intent } from "#ports/homeserver.ts";
import type { Clock } from "#ports/host.ts";

const FIRST_MS = 250;
const SHOWN_MS = 30_000;
const RENEW_MS = 20_000;

export interface Typing {
  /** Takes the notification back if there was one. */
  end(): Promise<void>;
}

export function keepTyping(clock: Clock, intent: Intent, roomId: RoomId): Typing {
  const over = new AbortController();
  const loop = (async () => {
    await clock.sleep(FIRST_MS, over.signal);
    let shown = false;
    while (!over.signal.aborted) {
      // A refusal is of no consequence: there is nobody to tell, and the answer comes all the same.
      await intent.send(setTyping(roomId, intent.userId, SHOWN_MS));
      shown = true;
      await clock.sleep(RENEW_MS, over.signal);
    }
    if (shown) await intent.send(setTyping(roomId, intent.userId, 0));
  })();
  return {
    end() {
      over.abort("over");
      return loop;
    },
  };
}
