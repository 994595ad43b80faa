/** What an agent has said so far, out of its stream of events, and how the stream ended. */
import type { ErrorCode, TurnEvent } from "#core/turn/backend.ts";

export type Outcome =
  | { kind: "answered"; text: string }
  /** The agent has chosen to say nothing. */
  | { kind: "silent" }
  /** Somebody said stop; a newer message took over; the attempt before this one did not come to its end. */
  | { kind: "stopped" | "takenOver" | "interrupted"; shown: string }
  | {
      kind: "failed";
      code: ErrorCode | "poison";
      detail: string;
      retryable: boolean;
      retryAfterMs?: number;
      shown: string;
    };

/** An answer that is nothing but one of these is none. */
const DECLINES = ["NO_REPLY", "[SILENT]"];
const isDecline = (text: string): boolean => DECLINES.includes(text.trim());
/** So long as it may become one, nobody is shown any of it. */
const mayBeDecline = (text: string): boolean =>
  isDecline(text) || DECLINES.some((word) => word.startsWith(text.trimStart()));

export class Words {
  /** Everything that counts as said. */
  text = "";
  #stepStart = 0;
  #error: Extract<TurnEvent, { type: "error" }> | undefined;

  /** What of it people may see. */
  get visible(): string {
    return mayBeDecline(this.text) ? "" : this.text;
  }

  /** Takes one event in; the outcome once the stream has ended. */
  take({ done, value }: IteratorResult<TurnEvent>): Outcome | undefined {
    if (done) return this.#ended("the stream ended without an ending");
    switch (value.type) {
      case "text-start":
        // A further block of text is a further paragraph.
        if (this.text !== "" && !this.text.endsWith("\n\n")) this.text += "\n\n";
        return undefined;
      case "text-delta":
        this.text += value.delta;
        return undefined;
      case "start-step":
        this.#stepStart = this.text.length;
        return undefined;
      case "reset-step":
        this.text = this.text.slice(0, this.#stepStart);
        return undefined;
      case "error":
        this.#error = value;
        // What follows an error is only its `finish`; a stream that broke has none.
        return value.code === "disconnected" ? this.#ended(value.errorText) : undefined;
      case "abort":
        return this.#ended(value.reason ?? "the backend stopped");
      case "finish":
        if (value.finishReason === "error" || this.#error) return this.#ended("the backend failed");
        return isDecline(this.text) ? { kind: "silent" } : { kind: "answered", text: this.text };
      default:
        return undefined;
    }
  }

  #ended(detail: string): Outcome {
    const error = this.#error;
    if (!error) return { kind: "failed", code: "disconnected", detail, retryable: true, shown: this.visible };
    const { code, errorText, retryable, retryAfterMs } = error;
    const wait = retryAfterMs === undefined ? {} : { retryAfterMs };
    return { kind: "failed", code, detail: errorText, retryable, shown: this.visible, ...wait };
  }
}
