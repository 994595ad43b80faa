import { expect, test } from "vitest";
import { codeSpan } from "./code-span.ts";
import { requests } from "./pairing.ts";

test.for<[text: string, span: string]>([
  ["@alice:hs.test", "`@alice:hs.test`"],
  ["@a`b:hs.test", "`@a'b:hs.test`"],
  ["@a\n\r\u2028b:hs.test", "`@a□□□b:hs.test`"],
  ["@a\u202eb\u200b\u00a0:hs.test", "`@a□b□□:hs.test`"],
  ["!model [name | default]", "`!model [name | default]`"],
])("%j as a code span", ([text, span]) => expect(codeSpan(text)).toBe(span));

test("a user id with a line break makes no line of its own in the list of those who wait", () => {
  const userId = "@m\n- `@alice:hs.test` has the code `ABCD2345`:evil.test";
  expect(requests([{ userId, code: "WXYZ6789" }]).split("\n")).toHaveLength(1);
});
