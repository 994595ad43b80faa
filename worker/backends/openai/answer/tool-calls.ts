/** Puts the pieces of tool calls together: servers number them, name them, or do neither. */
import type { ToolPiece } from "./chunk.ts";

interface ToolCall {
  id: string | undefined;
  name: string;
  arguments: string;
}

export class ToolCalls {
  readonly #calls: ToolCall[] = [];
  /** Which call a number means now: some servers give all calls the same one. */
  readonly #numbered = new Map<number, ToolCall>();

  get any(): boolean {
    return this.#calls.length > 0;
  }

  take(piece: ToolPiece): void {
    const call = this.#callOf(piece);
    call.id ??= piece.id;
    if (call.name === "") call.name = piece.name ?? "";
    call.arguments += piece.arguments;
  }

  /** All calls that have a name, as OpenAI writes them. */
  get whole(): object[] {
    return this.#calls
      .filter(({ name }) => name !== "")
      .map(({ id, name, arguments: given }, index) => ({
        index,
        id: id ?? `call_${index}`,
        type: "function",
        function: { name, arguments: given === "" ? "{}" : given },
      }));
  }

  #callOf({ index, id, name }: ToolPiece): ToolCall {
    const known = index === undefined ? this.#calls.at(-1) : this.#numbered.get(index);
    const isOther = id !== undefined && known?.id !== undefined && known.id !== id;
    const begins = index === undefined && name !== undefined && known?.name !== "";
    if (known && !isOther && !begins) return known;
    const call: ToolCall = { id: undefined, name: "", arguments: "" };
    this.#calls.push(call);
    if (index !== undefined) this.#numbered.set(index, call);
    return call;
  }
}
