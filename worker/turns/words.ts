/** Reads a backend's stream: the text so far, and the outcome at its end. */
import { BOUNDS } from "#core/bounds.ts";
import type { ErrorCode, FinishReason, TurnEvent } from "#core/turn/backend.ts";

export type Outcome =
  | { kind: "answered"; text: string }
  /** The agent declined to answer. */
  | { kind: "silent" }
  /** A user said stop; a newer message took over; an earlier attempt did not end; it is too long. */
  | { kind: "stopped" | "takenOver" | "interrupted" | "tooLong"; shown: string }
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

/** Why there is no text, where the backend ended well without one. */
const WITHOUT_TEXT: Partial<Record<FinishReason, ErrorCode>> = {
  length: "length_limit",
  "content-filter": "filtered",
  "tool-calls": "tool_call",
};

/** So much of the beginning decides whether a text is a decline. */
const HEAD_LENGTH = 64;
const encoder = new TextEncoder();

/** Every event costs the same, however long the text is by then: its pieces are put together when it is asked for. */
export class Words {
  /** The texts of finished steps, and the pieces of the one that is being written. */
  #finished = "";
  #pieces: string[] = [];
  #bytes = 0;
  #bytesFinished = 0;
  /** The last two characters. */
  #tail = "";
  /** The beginning without leading space, until it is clear that it is no decline. */
  #head: string | undefined = "";
  #error: Extract<TurnEvent, { type: "error" }> | undefined;

  /** The whole text so far. */
  get text(): string {
    if (this.#pieces.length > 1) this.#pieces = [this.#pieces.join("")];
    return this.#finished + (this.#pieces[0] ?? "");
  }

  /** Something may be shown. */
  get isVisible(): boolean {
    return this.#head === undefined;
  }

  /** There is some text, which may be a decline. */
  get hasText(): boolean {
    return this.#head !== "";
  }

  /** The text that may be shown. */
  get visible(): string {
    return this.isVisible ? this.text : "";
  }

  /** Reads one event. Gives the outcome once the stream has ended. */
  take({ done, value }: IteratorResult<TurnEvent>): Outcome | undefined {
    if (done) return this.#ended("the stream ended without an ending");
    switch (value.type) {
      case "text-start":
        // Each block of text is a paragraph of its own.
        return this.#tail === "" || this.#tail === "\n\n" ? undefined : this.#add("\n\n");
      case "text-delta":
        return this.#add(value.delta);
      case "start-step":
        this.#finish();
        return undefined;
      case "reset-step":
        this.#reset();
        return undefined;
      case "error":
        this.#error = value;
        // After an error only `finish` follows, and after a lost connection not even that.
        return value.code === "disconnected" ? this.#ended(value.errorText) : undefined;
      case "abort":
        return this.#ended(value.reason ?? "the backend stopped");
      case "finish":
        if (value.finishReason === "error" || this.#error) return this.#ended("the backend failed");
        return this.#endedWell(value.finishReason);
      default:
        return undefined;
    }
  }

  #endedWell(finishReason: FinishReason): Outcome {
    if (!this.isVisible && isDecline(this.text)) return { kind: "silent" };
    const code = this.text.trim() === "" ? WITHOUT_TEXT[finishReason] : undefined;
    // Asked again it would end in the same way.
    return code === undefined
      ? { kind: "answered", text: this.text }
      : { kind: "failed", code, detail: `the answer ended with "${finishReason}"`, retryable: false, shown: "" };
  }

  /** Gives an outcome where the text becomes too long by it. */
  #add(given: string): Outcome | undefined {
    // Templates leave blank lines before the first word.
    const piece = this.#bytes === 0 ? given.trimStart() : given;
    const left = BOUNDS.reply.max - this.#bytes;
    const { read, written } = encoder.encodeInto(piece, new Uint8Array(Math.min(left, 3 * piece.length)));
    const taken = read < piece.length ? piece.slice(0, read) : piece;
    this.#bytes += written;
    this.#pieces.push(taken);
    this.#look(taken);
    return read < piece.length ? { kind: "tooLong", shown: this.visible } : undefined;
  }

  #look(piece: string): void {
    this.#tail = (this.#tail + piece.slice(-2)).slice(-2);
    if (this.#head === undefined) return;
    const head = (this.#head + piece).trimStart();
    this.#head = head === "" || mayBeDecline(head) ? head.slice(0, HEAD_LENGTH) : undefined;
  }

  #finish(): void {
    this.#finished = this.text;
    this.#pieces = [];
    this.#bytesFinished = this.#bytes;
  }

  #reset(): void {
    this.#pieces = [];
    this.#bytes = this.#bytesFinished;
    [this.#tail, this.#head] = ["", ""];
    this.#look(this.#finished);
  }

  #ended(detail: string): Outcome {
    const error = this.#error;
    if (!error) return { kind: "failed", code: "disconnected", detail, retryable: true, shown: this.visible };
    const { code, errorText, retryable, retryAfterMs } = error;
    const wait = retryAfterMs === undefined ? {} : { retryAfterMs };
    return { kind: "failed", code, detail: errorText, retryable, shown: this.visible, ...wait };
  }
}
