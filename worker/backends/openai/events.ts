/** Makes a turn's events keep the order that the contract of backends promises. */
import type { TurnEvent } from "#core/turn/backend.ts";

/** Closes open texts before the ending, and drops every event after the ending. */
export async function* wellFormed(events: AsyncIterable<TurnEvent>): AsyncGenerator<TurnEvent> {
  const open = new Map<string, TurnEvent>();
  for await (const event of events) {
    if (isRepeated(open, event)) continue;
    trackOpen(open, event);
    const ending = event.type === "finish" || event.type === "abort" || event.type === "error";
    if (ending) yield* open.values();
    yield event;
    if (event.type === "error") yield { type: "finish", finishReason: "error" };
    if (ending) return;
  }
}

/** A text that goes on after a thought was not closed for it: one text must not become two paragraphs. */
const isRepeated = (open: ReadonlyMap<string, TurnEvent>, event: TurnEvent): boolean =>
  event.type === "text-start" && open.has(`text ${event.id}`);

/** Keeps in `open`, for each open text and reasoning, the event that closes it. */
function trackOpen(open: Map<string, TurnEvent>, event: TurnEvent): void {
  switch (event.type) {
    case "text-start":
      open.set(`text ${event.id}`, { type: "text-end", id: event.id });
      return;
    case "reasoning-start":
      open.set(`reasoning ${event.id}`, { type: "reasoning-end", id: event.id });
      return;
    case "reasoning-end":
      open.delete(`reasoning ${event.id}`);
  }
}
