/** An event on its way through the room lane, with everything that is known of it. */
import type { Facts } from "#core/gate/facts.ts";
import type { Message } from "#core/message/message.ts";
import type { WaitingEvent } from "#core/turn/turn.ts";

export interface Occasion {
  waiting: WaitingEvent;
  message: Message;
  facts: Facts;
}
