/** Access lists: valid entries, and the users they match. */
import { describe, expect, test, vi } from "vitest";
import { UserId } from "../protocol/ids.ts";
import { AccessEntry, isLike, isListed, isUser } from "./access.ts";

describe("a pattern", () => {
  test.for<[pattern: string, text: string, like: boolean]>([
    ["", "", true],
    ["", "a", false],
    ["*", "", true],
    ["*", "anything", true],
    ["**", "anything", true],
    ["a", "a", true],
    ["a", "A", false],
    ["a", "ab", false],
    ["a", "ba", false],
    ["a*", "a", true],
    ["a*", "ab", true],
    ["a*", "ba", false],
    ["*a", "a", true],
    ["*a", "ba", true],
    ["*a", "ab", false],
    ["a*a", "aa", true],
    ["a*a", "a", false],
    ["a*a", "aba", true],
    ["ab*ba", "aba", false],
    ["ab*ba", "abba", true],
    ["a*b*c", "abc", true],
    ["a*b*c", "axxbxxc", true],
    ["a*b*c", "acb", false],
    ["a*b*b", "ab", false],
    ["a*b*b", "abb", true],
    ["*b*", "abc", true],
    ["*b*", "ac", false],
    ["a*bc*d", "abcbcd", true],
    ["a*cd*d", "acd", false],
    ["a.c", "abc", false],
    ["a?c", "abc", false],
    ["[a]", "a", false],
    ["a\\*", "a*", false],
  ])("%s matches %s: %s", ([pattern, text, like]) => expect(isLike(pattern, text)).toBe(like));

  test.for<[name: string, pattern: string, text: string, like: boolean]>([
    ["many stars and a near miss", `${"a*".repeat(60)}b`, "a".repeat(250), false],
    ["many stars and a hit", `${"a*".repeat(60)}a`, "a".repeat(250), true],
    ["stars alone and a near miss", `${"*".repeat(250)}b`, "a".repeat(250), false],
    ["a long text", `*${"a".repeat(100)}b*`, "a".repeat(200_000), false],
    ["many stars and a long text", `${"*a".repeat(120)}*b`, "a".repeat(200_000), false],
  ])("is matched fast: %s", ([, pattern, text, like]) => expect(isLike(pattern, text)).toBe(like));
});

describe("a pattern of user ids", () => {
  test.for<[pattern: string, userId: string, is: boolean]>([
    ["@alice:hs.test", "@alice:hs.test", true],
    ["@alice:hs.test", "@malalice:hs.test", false],
    ["@alice:hs.test", "@alice:hs.test:8448", false],
    ["@*:hs.test", "@a:evil.test:hs.test", false],
    ["@*:*", "@a:evil.test:hs.test", true],
    ["@a*:hs.test", "@a:b:hs.test", false],
    ["@*:hs.test", "@:hs.test", true],
    ["@*:[::1]:8448", "@a:[::1]:8448", true],
    ["@*", "@a:hs.test", false],
    ["*:hs.test", "@a:hs.test", false],
    ["alice:hs.test", "@alice:hs.test", false],
    ["xalice:hs.test", "@alice:hs.test", false],
    ["", "@alice:hs.test", false],
    ["@", "@alice:hs.test", false],
    ["group:team", "@alice:hs.test", false],
  ])("%s matches %s: %s", ([pattern, userId, is]) => expect(isUser(pattern, UserId.parse(userId))).toBe(is));
});

describe("an entry", () => {
  test.for(["*", "local", "users", "admins", "group:team-1", "power:50", "@a:b", "@*:b", "@*:*"])(
    "may be %s",
    (entry) => expect(AccessEntry.safeParse(entry).success).toBe(true),
  );
  test.for([
    "",
    "alice",
    "@alice",
    "alice:hs",
    "#a:b",
    "!a:b",
    "group:",
    "group:a b",
    "power:",
    "power:-1",
    "power:5x",
    "LOCAL",
    "@a:",
    `@${"a".repeat(255)}:b`,
  ])("may not be %s", (entry) => expect(AccessEntry.safeParse(entry).success).toBe(false));
});

describe("a list", () => {
  const person = { userId: UserId.parse("@alice:hs.test"), isLocal: true, power: 0 };
  test.for<[list: string[], over: object, circles: object, is: boolean]>([
    [[], {}, {}, false],
    [["*"], {}, {}, true],
    [["local"], { isLocal: false }, {}, false],
    [["users"], {}, {}, false],
    [["users"], {}, { users: true }, true],
    [["users"], {}, { admins: true }, false],
    [["admins"], {}, { users: true }, false],
    [["admins"], {}, { admins: true }, true],
    [["power:0"], { power: -1 }, {}, false],
    [["power:100"], { power: Number.MAX_SAFE_INTEGER }, {}, true],
    [["power:x"], { power: 100 }, {}, false],
    [["group:team"], {}, { users: true, admins: true }, false],
    [["@bob:hs.test", "local"], {}, {}, true],
  ])("%j for a user with %j who is among %j: %s", ([list, over, circles, is]) => {
    expect(isListed(list, { ...person, ...over }, circles)).toBe(is);
  });
});

test("whole ids are compared as they are: a long list is searched for every person an agent asks for", () => {
  const person = { userId: UserId.parse("@mallory:evil.test"), isLocal: false, power: 0 };
  const split = vi.spyOn(String.prototype, "split");
  expect(isListed(["@somebody:example.org", "@mallory:example.org"], person)).toBe(false);
  expect(isListed(["@somebody:example.org", "@mallory:evil.test"], person)).toBe(true);
  expect(split).not.toHaveBeenCalled();
  split.mockRestore();
});
