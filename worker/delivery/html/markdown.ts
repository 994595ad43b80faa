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
export const escapeHtml = (text: string) => text.replace(/[&<>"]/g, (character) => ESCAPES[character] ?? character);

/** The link that stands for a user. */
export const pillOf = (userId: string): string =>
  `<a href="https://matrix.to/#/${escapeHtml(userId.replaceAll("/", "%2F"))}">${escapeHtml(userId)}</a>`;

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
  renderer: ({ raw }) => pillOf(raw),
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

/**
 * Counts the characters that the parser reads, and ends the parsing of a text that costs too much. Each token is looked for
 * in the rest of its text, and a mark of emphasis by regular expressions that are slower.
 */
class BoundedTokenizer extends Tokenizer {
  #read = 0;

  override space(...given: Parameters<Tokenizer["space"]>) {
    this.#count(given[0].length);
    return super.space(...given);
  }

  override escape(...given: Parameters<Tokenizer["escape"]>) {
    this.#count(given[0].length);
    return super.escape(...given);
  }

  override emStrong(...given: Parameters<Tokenizer["emStrong"]>) {
    return this.#emphasis(given[0], super.emStrong(...given));
  }

  override del(...given: Parameters<Tokenizer["del"]>) {
    return this.#emphasis(given[0], super.del(...given));
  }

  override url(...given: Parameters<Tokenizer["url"]>) {
    const [candidate = ""] = given[0].match(/^[^\s<]*/) ?? [];
    // The end of a URL is searched for from each of these signs.
    return candidate.length > URL_LENGTH || SIGNS.test(candidate) ? undefined : super.url(...given);
  }

  #emphasis<T extends { raw: string }>(source: string, token: T | undefined): T | undefined {
    if (/^[*_~]/.test(source)) this.#count(EMPHASIS_WEIGHT * (token?.raw ?? source).length);
    return token;
  }

  #count(characters: number): void {
    this.#read += characters;
    if (this.#read > BOUNDS.parserReads.max) throw new Error("the text costs the parser too much");
  }
}

const EMPHASIS_WEIGHT = 4;
const URL_LENGTH = BOUNDS.parsedAtOnce.max / 2;
const SIGNS = /[?!.,:;*_'"~)]{20}/;

/** The HTML of a piece of Markdown; undefined when it cannot be parsed within the bounds. */
export function parse(markdown: string): string | undefined {
  try {
    return marked.parse(markdown, { async: false, tokenizer: new BoundedTokenizer() }).trim();
  } catch {
    // It costs too much, or is nested so deeply that the stack of `marked` overflows.
    return undefined;
  }
}
