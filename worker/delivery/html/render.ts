/**
 * Markdown to HTML, a piece at a time: other work goes on between two pieces. A piece that would cost the parser too much is
 * shown as it is, whichever parser that is.
 */
import { BOUNDS } from "#core/bounds.ts";
import { ID_IN_TEXT, WITHIN_A_WORD } from "#core/message/mention.ts";
import { escapeHtml, parse, pillOf } from "./markdown.ts";
import { codeOf, type Piece, piecesOf } from "./pieces.ts";

/** Matches one line without any character that has a meaning in Markdown. */
const PLAIN = /^\p{L}[\p{L}\p{N} ,;!?()-]*$/u;

/** Lets other work of the process go on. */
export type GiveWay = () => Promise<void>;

/** The HTML of a Markdown text; undefined when it would be the text itself in one paragraph, or too long to be sent. */
export async function toHtml(markdown: string, giveWay: GiveWay): Promise<string | undefined> {
  if (
    markdown.length > BOUNDS.eventContent.max ||
    (PLAIN.test(markdown.slice(0, BOUNDS.parsedAtOnce.max)) && isShort(markdown))
  ) {
    return undefined;
  }
  const pieces = piecesOf(markdown);
  if (pieces.every(({ kind }) => kind === "plain")) return undefined;
  let html = "";
  for (const [at, piece] of pieces.entries()) {
    if (at > 0 || piece.text.length > BOUNDS.parsedAtOnce.max / 4) await giveWay();
    html += `${html === "" ? "" : "\n"}${htmlOf(piece)}`;
    if (html.length > BOUNDS.eventContent.max) return undefined;
  }
  const plain = html.match(/^<p>([^<]*)<\/p>$/);
  return plain && plain[1] === escapeHtml(markdown.trim()).replaceAll("'", "&#39;") ? undefined : html;
}

const isShort = (markdown: string): boolean => markdown.length <= BOUNDS.parsedAtOnce.max;

function htmlOf(piece: Piece): string {
  switch (piece.kind) {
    case "markdown":
      return parse(piece.text) ?? asItIs(piece.text);
    case "plain":
      return asItIs(piece.text);
    case "code": {
      const { language, code } = codeOf(piece);
      const attribute = language === "" ? "" : ` class="language-${escapeHtml(language)}"`;
      return `<pre><code${attribute}>${escapeHtml(code)}\n</code></pre>`;
    }
  }
}

const IDS = new RegExp(`(?<!${WITHIN_A_WORD})${ID_IN_TEXT}`, "gi");

const asItIs = (text: string): string =>
  `<p>${escapeHtml(text.trim())
    .replaceAll(IDS, (id) => pillOf(id))
    .replaceAll("\n", "<br>")}</p>`;
