import { describe, expect, test } from "vitest";
import type { BackendSpec } from "#core/configuration/agent.ts";
import { MASK } from "#core/configuration/url-secrets.ts";
import { createSecretCipher } from "./cipher.ts";

const KEY = "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=";
const cipher = createSecretCipher(KEY);
const SECRET = "sk-very-secret";
const spec = (over: object = {}): BackendSpec => ({ use: "openai", model: "m", apiKey: SECRET, ...over });

async function encryptedOf(given: BackendSpec, agent = "helper"): Promise<BackendSpec> {
  const encrypted = await cipher.encrypt(given, agent);
  if (!encrypted.ok) throw new Error(encrypted.error);
  return encrypted.value;
}

describe("a secret that is written out", () => {
  test("is encrypted and can be decrypted; everything else is unchanged", async () => {
    const encrypted = await encryptedOf(spec({ historyTokens: 5 }));
    expect(encrypted).toMatchObject({ use: "openai", model: "m", historyTokens: 5 });
    expect(encrypted["apiKey"]).toMatch(/^enc:v1:[\w-]{16}\.[\w-]+$/);
    expect(JSON.stringify(encrypted)).not.toContain(SECRET);
    expect(await cipher.decrypt(encrypted, "helper")).toEqual({ ok: true, value: spec({ historyTokens: 5 }) });
  });

  test("is found in lists and below any name that looks secret", async () => {
    const given = spec({ headers: { Authorization: `Bearer ${SECRET}` }, tokens: [{ a: SECRET }] });
    const encrypted = await encryptedOf(given);
    expect(JSON.stringify(encrypted)).not.toContain(SECRET);
    expect(await cipher.decrypt(encrypted, "helper")).toEqual({ ok: true, value: given });
  });

  test("is encrypted differently each time, but keeps its ciphertext when it is the stored one", async () => {
    const [one, two] = [await encryptedOf(spec()), await encryptedOf(spec())];
    expect(one["apiKey"]).not.toBe(two["apiKey"]);
    expect(await cipher.encrypt(spec(), "helper", one)).toEqual({ ok: true, value: one });
    const changed = await cipher.encrypt(spec({ apiKey: "another" }), "helper", one);
    expect(changed.ok && changed.value["apiKey"]).not.toBe(one["apiKey"]);
  });

  test("is refused without a key, in a sentence with its name and without its value; a $NAME is accepted", async () => {
    const keyless = createSecretCipher(undefined);
    const refused = await keyless.encrypt(spec({ headers: { token: SECRET } }), "helper");
    expect(refused).toMatchObject({ ok: false, error: expect.stringContaining("backend.apiKey is a secret") });
    expect(refused).toMatchObject({ error: expect.stringContaining("backend.headers.token is a secret") });
    expect(JSON.stringify(refused)).not.toContain(SECRET);
    expect(await keyless.encrypt(spec({ apiKey: "$KEY" }), "helper")).toEqual({
      ok: true,
      value: spec({ apiKey: "$KEY" }),
    });
    // A value that only begins like a $NAME is a secret.
    expect((await keyless.encrypt(spec({ apiKey: "$2b$10$abc" }), "helper")).ok).toBe(false);
  });
});

describe("an encrypted secret cannot be decrypted", () => {
  test.for<[name: string, decrypt: (encrypted: BackendSpec) => Promise<unknown>]>([
    ["for another agent", (encrypted) => cipher.decrypt(encrypted, "other")],
    ["at another place", ({ apiKey, ...rest }) => cipher.decrypt({ ...rest, otherKey: apiKey }, "helper")],
    ["deeper down", ({ apiKey, ...rest }) => cipher.decrypt({ ...rest, headers: { apiKey } }, "helper")],
    ["with another key", (encrypted) => createSecretCipher("A".repeat(43)).decrypt(encrypted, "helper")],
    ["without a key", (encrypted) => createSecretCipher(undefined).decrypt(encrypted, "helper")],
    [
      "with a letter changed",
      (encrypted) => cipher.decrypt({ ...encrypted, apiKey: altered(encrypted["apiKey"]) }, "helper"),
    ],
    ["cut short", (encrypted) => cipher.decrypt({ ...encrypted, apiKey: "enc:v1:AAAA" }, "helper")],
  ])("%s", async ([, decrypt]) => {
    const encrypted = await encryptedOf(spec());
    expect(await decrypt(encrypted)).toMatchObject({ ok: false, error: expect.stringMatching(/^backend\..*Key /) });
    expect(await cipher.decrypt(encrypted, "helper")).toMatchObject({ ok: true });
  });
});

function altered(value: unknown): string {
  const text = String(value);
  const at = text.indexOf(".") + 3;
  return `${text.slice(0, at)}${text[at] === "A" ? "B" : "A"}${text.slice(at + 1)}`;
}

describe("a family's secret", () => {
  test.for([
    ["ticket_*", "ticket_12"],
    ["*-desk", "help-desk"],
    ["a*z", "az"],
  ] as const)("of %s is decrypted for %s and for no other agent", async ([family, member]) => {
    const encrypted = await encryptedOf(spec(), family);
    for (const agent of [family, member])
      expect(await cipher.decrypt(encrypted, agent)).toEqual({ ok: true, value: spec() });
    for (const agent of ["other", "b"]) expect(await cipher.decrypt(encrypted, agent)).toMatchObject({ ok: false });
  });
  test("is decrypted for no member when its shape is changed", async () => {
    const encrypted = await encryptedOf(spec(), "ticket_*");
    const wider = String(encrypted["apiKey"]).replace(/7-0$/, "6-0");
    expect(await cipher.decrypt({ ...encrypted, apiKey: wider }, "ticket_1")).toMatchObject({ ok: false });
  });
});

describe("the masked spec", () => {
  test("hides secrets, encrypted or not, and nothing else", async () => {
    const given = spec({ historyTokens: 5, headers: { token: ["x", "$NAME"] }, url: "https://a" });
    const shown = { ...given, apiKey: MASK, headers: { token: [MASK, "$NAME"] } };
    expect(cipher.masked(given)).toEqual(shown);
    expect(cipher.masked(await encryptedOf(given))).toEqual(shown);
  });
  test("keeps the stored secrets when it is sent back", async () => {
    const stored = await encryptedOf(spec());
    expect(await cipher.encrypt(cipher.masked(stored), "helper", stored)).toEqual({ ok: true, value: stored });
    // The same without a key, for a secret that was stored in plain text.
    expect(await createSecretCipher(undefined).encrypt(spec({ apiKey: MASK }), "helper", spec())).toEqual({
      ok: true,
      value: spec(),
    });
    const late = await cipher.encrypt(spec({ apiKey: MASK }), "helper", spec());
    expect(late.ok && late.value["apiKey"]).toMatch(/^enc:v1:/);
  });
  test.for([["nothing"], ["another place"]])("is refused where %s is stored", async ([where]) => {
    const stored = where === "nothing" ? undefined : spec({ apiKey: undefined, otherKey: "x" });
    const refused = await cipher.encrypt(spec({ apiKey: MASK }), "helper", stored);
    expect(refused).toMatchObject({ ok: false, error: expect.stringContaining("nothing is stored there") });
  });
});

describe("what is stored stays only while its host does", () => {
  const at = (over: object = {}): BackendSpec => spec({ baseUrl: "https://a.test/v1", ...over });
  const MOVED = expect.stringMatching(
    /^backend\.apiKey: \*+ stands for the stored secret only while .*send the secret again/,
  );

  test.for<[what: string, over: object]>([
    ["the model", { model: "n" }],
    ["the path of the URL", { baseUrl: "https://a.test/v2" }],
    ["how the same host is written", { baseUrl: "https://A.test:443/v1" }],
  ])("with another value of %s", async ([, over]) => {
    const stored = await encryptedOf(at());
    for (const apiKey of [MASK, stored["apiKey"]]) {
      const kept = await cipher.encrypt(at({ ...over, apiKey }), "helper", stored);
      expect(kept).toMatchObject({ ok: true, value: { apiKey: stored["apiKey"] } });
    }
  });

  test.for<[what: string, over: object]>([
    ["another host", { baseUrl: "https://b.test/v1" }],
    ["another port", { baseUrl: "https://a.test:8443/v1" }],
    ["another scheme", { baseUrl: "http://a.test/v1" }],
    ["a host that only begins like it", { baseUrl: "https://a.test@b.test/v1" }],
    ["a variable", { baseUrl: "$OPENAI_BASE_URL" }],
    ["no host", { baseUrl: undefined }],
    ["another backend", { use: "other" }],
    ["one more host", { proxy: "b.test" }],
    ["one more URL", { list: [{ to: "https://b.test" }] }],
  ])("and not with %s", async ([, over]) => {
    const stored = await encryptedOf(at());
    for (const apiKey of [MASK, stored["apiKey"]]) {
      const refused = await cipher.encrypt(at({ ...over, apiKey }), "helper", stored);
      expect(refused).toEqual({ ok: false, error: MOVED });
    }
    // The secret itself may be sent anywhere.
    expect(await cipher.encrypt(at(over), "helper", stored)).toMatchObject({ ok: true });
  });

  test("also where it was stored in plain text, or as a $NAME, or there is no key", async () => {
    for (const apiKey of [SECRET, "$OPENAI_API_KEY"]) {
      const moved = at({ baseUrl: "https://b.test", apiKey: MASK });
      for (const by of [cipher, createSecretCipher(undefined)])
        expect(await by.encrypt(moved, "helper", at({ apiKey }))).toEqual({ ok: false, error: MOVED });
    }
  });
});

describe("credentials inside a URL", () => {
  const URL_WITH = "https://user:pw-1@a.test/v1?key=pw-2&v=1";
  const at = (baseUrl: string, over: object = {}): BackendSpec => ({ use: "openai", baseUrl, ...over });

  test("are encrypted in their place, masked, and decrypted", async () => {
    const encrypted = await encryptedOf(at(URL_WITH, { list: [URL_WITH] }));
    expect(encrypted["baseUrl"]).toMatch(/^https:\/\/enc:v1:[\w.-]+@a\.test\/v1\?key=enc:v1:[\w.-]+&v=1$/);
    expect(JSON.stringify(encrypted)).not.toMatch(/pw-\d/);
    expect(await cipher.decrypt(encrypted, "helper")).toEqual({ ok: true, value: at(URL_WITH, { list: [URL_WITH] }) });
    const shown = `https://${MASK}@a.test/v1?key=${MASK}&v=1`;
    expect(cipher.masked(encrypted)).toEqual(at(shown, { list: [shown] }));
    expect(cipher.masked(at(URL_WITH))).toEqual(at(shown));
  });

  test("are encrypted and masked also where a space stands before the URL", async () => {
    const encrypted = await encryptedOf(at(` ${URL_WITH}`));
    expect(JSON.stringify(encrypted)).not.toMatch(/pw-\d/);
    expect(cipher.masked(at(` ${URL_WITH}`))).toEqual(at(` https://${MASK}@a.test/v1?key=${MASK}&v=1`));
    expect(await cipher.decrypt(encrypted, "helper")).toEqual({ ok: true, value: at(` ${URL_WITH}`) });
  });

  test("of a family are decrypted for its members, and those of another place are not", async () => {
    const family = await encryptedOf(at(URL_WITH), "ticket_*");
    expect(await cipher.decrypt(family, "ticket_1")).toEqual({ ok: true, value: at(URL_WITH) });
    const moved = String(family["baseUrl"]).replace("key=", "token=");
    expect(await cipher.decrypt(at(moved), "ticket_1")).toMatchObject({ ok: false });
  });

  test("stay where they are sent back masked, also with another path, and not for another host", async () => {
    const stored = await encryptedOf(at(URL_WITH));
    const shown = String(cipher.masked(stored)["baseUrl"]);
    expect(await cipher.encrypt(at(shown), "helper", stored)).toEqual({ ok: true, value: stored });
    const later = await cipher.encrypt(at(shown.replace("/v1", "/v2")), "helper", stored);
    expect(later).toMatchObject({ ok: true, value: { baseUrl: String(stored["baseUrl"]).replace("/v1", "/v2") } });
    const refused = await cipher.encrypt(at(shown.replace("a.test", "b.test")), "helper", stored);
    expect(refused).toMatchObject({ ok: false, error: expect.stringContaining("send the secret again") });
  });

  test("are refused where they are written out and there is no key, without repeating them", async () => {
    const refused = await createSecretCipher(undefined).encrypt(at(URL_WITH), "helper");
    expect(refused).toMatchObject({ ok: false, error: expect.stringContaining("backend.baseUrl.credential") });
    expect(JSON.stringify(refused)).not.toMatch(/pw-\d/);
  });

  test("that were stored before there was a key are encrypted as soon as they are sent back", async () => {
    const kept = await cipher.encrypt(at(`https://${MASK}@a.test`), "helper", at("https://user:pw-1@a.test"));
    expect(kept).toMatchObject({
      ok: true,
      value: { baseUrl: expect.stringMatching(/^https:\/\/enc:v1:[\w.-]+@a\.test$/) },
    });
  });
});

test("an encrypted value from the operator is refused, unless it is the stored one", async () => {
  const stored = await encryptedOf(spec());
  const other = await encryptedOf(spec());
  expect(await cipher.encrypt(stored, "helper", stored)).toEqual({ ok: true, value: stored });
  for (const given of [other, { ...spec(), apiKey: "$KEY", model: String(stored["apiKey"]) }]) {
    const refused = await cipher.encrypt(given, "helper", stored);
    expect(refused).toMatchObject({ ok: false, error: expect.stringContaining("only the bridge itself encrypts") });
  }
});
