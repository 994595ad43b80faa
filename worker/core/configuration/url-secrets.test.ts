import { describe, expect, test } from "vitest";
import { hostOf, isPlainUrl, MASK, maskUrlSecrets, urlSecretsIn, withoutSecrets } from "./url-secrets.ts";

describe("credentials inside URLs", () => {
  test.for<[text: string, shown: string]>([
    ["https://a.test/v1?api-version=2", "https://a.test/v1?api-version=2"],
    ["https://user:pass@a.test:8/v1", `https://${MASK}@a.test:8/v1`],
    ["https://token@a.test", `https://${MASK}@a.test`],
    ["https://u:p@ss@a.test", `https://${MASK}@a.test`],
    ["libsql://db.test?authToken=abc&tls=1", `libsql://db.test?authToken=${MASK}&tls=1`],
    [
      "https://a.test/?api_key=1&sig=2#access_token=3",
      `https://a.test/?api_key=${MASK}&sig=${MASK}#access_token=${MASK}`,
    ],
    ["https://a.test/?design=1;token=2;x=3", `https://a.test/?design=1;token=${MASK};x=3`],
    ["https://a.test/?token=1;2;&x=3", `https://a.test/?token=${MASK}&x=3`],
    ["no http://u:p@a, nor http://v:q@b?key=1 either", `no http://${MASK}@a, nor http://${MASK}@b?key=${MASK} either`],
    ["mail me@example.org about https://a.test/@me?design=1", "mail me@example.org about https://a.test/@me?design=1"],
  ])("are masked in %s, and nothing else is", ([text, shown]) => expect(maskUrlSecrets(text)).toBe(shown));

  test("have a name for each place, also where two have the same", () =>
    expect(urlSecretsIn("https://u@a.test?key=1&key=2").map(({ place, value }) => [place, value])).toEqual([
      ["@", "u"],
      ["?key", "1"],
      ["?key#2", "2"],
    ]));

  // A quadratic search of these would take minutes.
  test.for(["a", "://", "?key=", "://@", "a:", "?a", "&token=1;", ";a=", ";"])(
    "are searched in linear time in many of %s",
    (piece) => expect(maskUrlSecrets(piece.repeat(200_000)).length).toBeGreaterThan(0),
  );
});

test("a secret that contains another one is removed whole", () =>
  expect(withoutSecrets("it is sk-long-1, not sk-long", ["sk-long", "sk-long-1", ""])).toBe("it is […], not […]"));

test.for<[one: string, two: string, same: boolean]>([
  ["https://a.test", "https://a.test:443/v2", true],
  ["https://u:p@a.test/v1", "https://a.test?key=1", true],
  ["https://a.test", "http://a.test", false],
  ["https://a.test", "https://a.test:8443", false],
  ["https://a.test", "https://a.test@b.test", false],
  ["https://a.test", "https://a.test.b.test", false],
  ["$ONE_BASE_URL", "$TWO_BASE_URL", false],
  ["$ONE_BASE_URL", "https://a.test", false],
])("the hosts of %s and %s are the same: %s", ([one, two, same]) => expect(hostOf(one) === hostOf(two)).toBe(same));

test.for<[url: string, isPlain: boolean]>([
  ["https://hs.test/path", true],
  ["https://u@hs.test", false],
  ["https://hs.test?key=1", false],
  ["https://hs.test#key=1", false],
])("%s is a URL without credentials and parameters: %s", ([url, isPlain]) => expect(isPlainUrl(url)).toBe(isPlain));
