/**
 * Markdown to HTML as Matrix clients may show it: without raw HTML, and with the links that the specification allows.
 *
 * @see https://spec.matrix.org/v1.19/client-server-api/#mroommessage-msgtypes
 */

import { Marked, Tokenizer, type TokenizerAndRendererExtension } from "marked";
import { BOUNDS } from "#core/bounds.ts";
import { ID_IN_TEXT, WITHIN_A_WORD } from "#core/message/mention.ts";

const LINK = /^(?:https?|ftp|mailto|magnet|matrix):/i;
const ESCAPES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
const escapeHtml = (text: string) => text.replace(/[&<>"]/g, (character) => ESCAPES[character] ?? character);

const ID = new RegExp(`^${ID_IN_TEXT}`, "i");
/** Matches a character after which an id is part of a longer word. */
const WITHIN = new RegExp(WITHIN_A_WORD);

/**
 * A user id becomes a link, which clients show as a pill. It is one token, so that an underscore in it is no emphasis.
 *
 * @see https://spec.matrix.org/v1.19/appendices/#matrixto-navigation
 */
const pill: TokenizerAndRendererExtension = {
  name: "pill",
  level: "inline",
  start: (source) => source.indexOf("@"),
  tokenizer(source, tokens) {
    const before = tokens.at(-1)?.raw.slice(-1) ?? "";
    if (!source.startsWith("@") || this.lexer.state.inLink || WITHIN.test(before)) return undefined;
    const [id] = source.match(ID) ?? [];
    return id === undefined ? undefined : { type: "pill", raw: id };
  },
  renderer: ({ raw }) =>
    `<a href="https://matrix.to/#/${escapeHtml(raw.replaceAll("/", "%2F"))}">${escapeHtml(raw)}</a>`,
};

const marked = new Marked({
  extensions: [pill],
  gfm: true,
  breaks: true,
  renderer: {
    // Raw HTML is shown as text: it must not reach a client.
    html: ({ text }) => escapeHtml(text),
    // An image would have to be uploaded first, so it is shown as a link.
    image: ({ href, text }) =>
      LINK.test(href) ? `<a href="${escapeHtml(href)}">${escapeHtml(text || href)}</a>` : escapeHtml(text),
    link({ href, tokens }) {
      const inner = this.parser.parseInline(tokens);
      return LINK.test(href) ? `<a href="${escapeHtml(href)}">${inner}</a>` : inner;
    },
    checkbox: ({ checked }) => (checked ? "☑ " : "☐ "),
  },
});

/** For each opening mark `marked` reads the text to its closing mark, or to the end: quadratic where there are many. */
class BoundedTokenizer extends Tokenizer {
  #read = 0;

  override emStrong(...given: Parameters<Tokenizer["emStrong"]>) {
    return this.#count(given[0], super.emStrong(...given));
  }

  override del(...given: Parameters<Tokenizer["del"]>) {
    return this.#count(given[0], super.del(...given));
  }

  #count<T extends { raw: string }>(source: string, token: T | undefined): T | undefined {
    if (/^[*_~]/.test(source)) this.#read += (token?.raw ?? source).length;
    if (this.#read > BOUNDS.emphasisRead.max) throw new Error("the text has too many marks of emphasis");
    return token;
  }
}

/** Matches one line without any character that has a meaning in Markdown. */
const PLAIN = /^\p{L}[\p{L}\p{N} ,;!?()-]*$/u;

/** The HTML of a Markdown text; undefined when it would be the text itself in one paragraph. */
export function toHtml(markdown: string): string | undefined {
  if (PLAIN.test(markdown)) return undefined;
  const html = parse(markdown);
  if (html === undefined) return undefined;
  const plain = html.match(/^<p>([^<]*)<\/p>$/);
  return plain && plain[1] === escapeHtml(markdown.trim()).replaceAll("'", "&#39;") ? undefined : html;
}

/** Undefined when the text cannot be parsed: then it is shown as plain text. */
function parse(markdown: string): string | undefined {
  try {
    return marked.parse(markdown, { async: false, tokenizer: new BoundedTokenizer() }).trim();
  } catch {
    // Too many marks of emphasis, or hundreds of nested quotes or lists, which overflow the stack of `marked`.
    return undefined;
  }
}
