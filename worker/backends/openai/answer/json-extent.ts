/** Finds where a JSON object or list ends, without reading it: a piece of text at a time, each character once. */
export class JsonExtent {
  #text = "";
  #depth = 0;
  #inString = false;
  #escaped = false;

  /** All that was fed and belongs to the value. */
  get text(): string {
    return this.#text;
  }

  /** Takes the piece up to the end of the value. Gives what comes after the end; undefined while there is none. */
  feed(piece: string): string | undefined {
    for (let at = 0; at < piece.length; at++) {
      if (!this.#endsAt(piece[at])) continue;
      this.#text += piece.slice(0, at + 1);
      return piece.slice(at + 1);
    }
    this.#text += piece;
    return undefined;
  }

  #endsAt(character: string | undefined): boolean {
    if (this.#escaped) this.#escaped = false;
    else if (this.#inString) {
      this.#escaped = character === "\\";
      this.#inString = character !== '"';
    } else if (character === '"') this.#inString = true;
    else if (character === "{" || character === "[") this.#depth++;
    else if (character === "}" || character === "]") return --this.#depth <= 0;
    return false;
  }
}
