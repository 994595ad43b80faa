/**
 * Markdown to the HTML a Matrix client may show: no raw HTML passes, no link but those the specification allows.
 *
 * @see https://spec.matrix.org/v1.19/client-server-api/#mroommessage-msgtypes
 */

import { Marked, type TokenizerAndRendererExtension } from "marked";
import { ID_IN_TEXT, WITHIN_A_WORD } from "#core/message/mention.ts";

const LINK = /^(?:https?|ftp|mailto|magnet|matrix):/i;
const ESCAPES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
const escaped = (text: string) => text.replace(/[&<>"]/g, (character) => ESCAPES[character] ?? character);

const ID = new RegExp(`^${ID_IN_TEXT}`, "i");
/** Behind one of these an id is a part of something else. */
const WITHIN = new RegExp(WITHIN_A_WORD);

/**
 * A whole user id is a link that clients show as a pill. The characters of an id are taken together: an underscore in one
 * emphasizes nothing.
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
  renderer: ({ raw }) => `<a href="https://matrix.to/#/${escaped(raw.replaceAll("/", "%2F"))}">${escaped(raw)}</a>`,
};

const marked = new Marked({
  extensions: [pill],
  gfm: true,
  breaks: true,
  renderer: {
    // An agent's raw HTML is shown, not rendered: it is somebody else's text.
    html: ({ text }) => escaped(text),
    // An image would have to be uploaded first; its link is what can be shown honestly.
    image: ({ href, text }) =>
      LINK.test(href) ? `<a href="${escaped(href)}">${escaped(text || href)}</a>` : escaped(text),
    link({ href, tokens }) {
      const inner = this.parser.parseInline(tokens);
      return LINK.test(href) ? `<a href="${escaped(href)}">${inner}</a>` : inner;
    },
    checkbox: ({ checked }) => (checked ? "☑ " : "☐ "),
  },
});

/** One line of words: nothing in it means anything in Markdown. */
const PLAIN = /^\p{L}[\p{L}\p{N} ,;!?()-]*$/u;

/** The HTML of a Markdown text; undefined when it would say no more than the text itself. */
export function toHtml(markdown: string): string | undefined {
  if (PLAIN.test(markdown)) return undefined;
  const html = parsed(markdown);
  if (html === undefined) return undefined;
  const plain = html.match(/^<p>([^<]*)<\/p>$/);
  return plain && plain[1] === escaped(markdown.trim()).replaceAll("'", "&#39;") ? undefined : html;
}

/** Undefined when the text cannot be read: then it is shown as it stands. */
function parsed(markdown: string): string | undefined {
  try {
    return marked.parse(markdown, { async: false }).trim();
  } catch {
    // Some hundred quotes or lists inside each other are the end of marked's stack, and would be the turn's.
    return undefined;
  }
}
