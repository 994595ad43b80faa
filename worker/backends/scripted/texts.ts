/** The texts of the guide. */

export const WELCOME = `Hello! I am the **guide** of this playground. I am a script, not an AI: I say the same every time, so that you can see how an agent answers here before you connect a real one.

Try one of these:

- \`stream 20\`: a story of 20 sentences, one message that grows
- \`long 100\`: 100 kB of text, in as many messages as it takes
- \`markdown\`: headings, lists, a table, code
- \`slow 5\`: five seconds of thinking, with a typing notification
- \`error\`: what you see when an agent fails (\`error after\`: in the middle of an answer)
- \`!stop\`: stops whatever I am saying
`;

const SENTENCES = [
  "A troupe came to a small town and put up its stage by the river.",
  "The first evening nobody came, so they played for the ducks.",
  "The second evening the miller came and stood at the back.",
  "The third evening he brought his children, and they brought theirs.",
  "By the end of the week the whole town knew every line.",
];

export const story = (sentences: number): string =>
  Array.from({ length: sentences }, (_, index) => `${index + 1}. ${SENTENCES[index % SENTENCES.length]}`).join("\n");

export const MARKDOWN = `# A heading

Some **bold**, some *italic*, some ~~struck~~ and some \`code\`, and a [link](https://matrix.org).

> A quotation,
> over two lines.

1. first
2. second
   - with a point below it

| agent | answers |
| --- | --- |
| guide | always the same |
| helper | what its model says |

\`\`\`ts
export const answer = (question: string): string => "echo " + question;
\`\`\`
`;

const block = (chapter: number): string => {
  const lines = Array.from({ length: 120 }, (_, line) => `const line_${chapter}_${line} = "${"=".repeat(line % 60)}";`);
  const points = Array.from({ length: 12 }, (_, point) => `- point ${chapter}.${point}: ${story(1).slice(3)}`);
  return `## Chapter ${chapter}\n\n${story(10)}\n\n${points.join("\n")}\n\n\`\`\`ts\n${lines.join("\n")}\n\`\`\`\n`;
};

/** Chapters with prose, lists and code, at least `kilobytes` long. */
export function longText(kilobytes: number): string {
  const chapters: string[] = [];
  for (let length = 0; length < kilobytes * 1_000; length += chapters.at(-1)?.length ?? 0) {
    chapters.push(block(chapters.length + 1));
  }
  return `${chapters.join("\n")}\nThe end, after ${chapters.length} chapters.`;
}
