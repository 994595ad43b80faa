/** Text of others inside of our sentences. */

/** Ends the line or the span, or is not seen. */
const UNSHOWN = /[`\p{C}\p{Z}]/gu;

/**
 * A word of others as a code span of Markdown, such as a user id: it can neither end the span nor begin a line of its own,
 * and characters that are not seen are shown as a box.
 */
export const codeSpan = (text: string): string => `\`${text.replaceAll(UNSHOWN, shown)}\``;
const shown = (character: string): string => (character === " " ? " " : character === "`" ? "'" : "\u25a1");
