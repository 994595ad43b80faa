/**
 * Typing notifications while the agent works. Best effort, and only after a moment: a quick answer should not wait behind
 * the notification.
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
  /** Ends the notifications, and takes back one that is shown. Resolves when that was sent. */
  end(): Promise<void>;
}

/** Shows the user as typing until `end`. */
export function keepTyping(clock: Clock, intent: Pick<Intent, "userId" | "send">, roomId: RoomId): Typing {
  const over = new AbortController();
  const loop = (async () => {
    await clock.sleep(FIRST_MS, over.signal);
    let shown = false;
    while (!over.signal.aborted) {
      // Best effort: a refusal is ignored.
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
