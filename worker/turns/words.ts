/** Reads a backend's stream: the text so far, and the outcome at its end. */
import type { ErrorCode, TurnEvent } from "#core/turn/backend.ts";

export type Outcome =
  | { kind: "answered"; text: string }
  /** The agent declined to answer. */
  | { kind: "silent" }
  /** A user said stop; a newer message took over; an earlier attempt did not end. */
  | { kind: "stopped" | "takenOver" | "interrupted"; shown: string }
  | {
      kind: "failed";
      code: ErrorCode | "poison";
      detail: string;
      retryable: boolean;
      retryAfterMs?: number;
      shown: string;
    };

/** An agent declines by one of these words as its whole answer. */
const DECLINES = ["NO_REPLY", "[SILENT]"];
const isDecline = (text: string): boolean => DECLINES.includes(text.trim());
/** While a text may still become a decline, none of it is shown. */
const mayBeDecline = (text: string): boolean =>
  isDecline(text) || DECLINES.some((word) => word.startsWith(text.trimStart()));

export class Words {
  /** The whole text so far. */
  text = "";
  #stepStart = 0;
  #error: Extract<TurnEvent, { type: "error" }> | undefined;

  /** The text that may be shown. */
  get visible(): string {
    return mayBeDecline(this.text) ? "" : this.text;
  }

  /** Reads one event. Gives the outcome once the stream has ended. */
  take({ done, value }: IteratorResult<TurnEvent>): Outcome | undefined {
    if (done) return this.#ended("the stream ended without an ending");
    switch (value.type) {
      case "text-start":
        // Each block of text is a paragraph of its own.
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
        // After an error only `finish` follows, and after a lost connection not even that.
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
