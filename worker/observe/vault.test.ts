import { describe, expect, test } from "vitest";
import type { BackendSpec } from "#core/agent.ts";
import { createVault, MASK } from "./vault.ts";

const KEY = "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=";
const vault = createVault(KEY);
const SECRET = "sk-very-secret";
const spec = (over: object = {}): BackendSpec => ({ use: "openai", model: "m", apiKey: SECRET, ...over });

async function sealedOf(given: BackendSpec, agent = "helper"): Promise<BackendSpec> {
  const sealed = await vault.seal(given, agent);
  if (!sealed.ok) throw new Error(sealed.error);
  return sealed.value;
}

describe("a secret that is written out", () => {
  test("is sealed, opens again, and everything else stays as it is", async () => {
    const sealed = await sealedOf(spec({ historyTokens: 5 }));
    expect(sealed).toMatchObject({ use: "openai", model: "m", historyTokens: 5 });
    expect(sealed["apiKey"]).toMatch(/^enc:v1:[\w-]{16}\.[\w-]+$/);
    expect(JSON.stringify(sealed)).not.toContain(SECRET);
    expect(await vault.open(sealed, "helper")).toEqual({ ok: true, value: spec({ historyTokens: 5 }) });
  });

  test("is found wherever it stands, in lists and below a name that looks secret", async () => {
    const given = spec({ headers: { Authorization: `Bearer ${SECRET}` }, tokens: [{ a: SECRET }] });
    const sealed = await sealedOf(given);
    expect(JSON.stringify(sealed)).not.toContain(SECRET);
    expect(await vault.open(sealed, "helper")).toEqual({ ok: true, value: given });
  });

  test("is sealed differently each time, but not anew when it is what is stored", async () => {
    const [one, two] = [await sealedOf(spec()), await sealedOf(spec())];
    expect(one["apiKey"]).not.toBe(two["apiKey"]);
    expect(await vault.seal(spec(), "helper", one)).toEqual({ ok: true, value: one });
    const changed = await vault.seal(spec({ apiKey: "another" }), "helper", one);
    expect(changed.ok && changed.value["apiKey"]).not.toBe(one["apiKey"]);
  });

  test("is refused without a key, by name and not by value; a $NAME is not", async () => {
    const open = createVault(undefined);
    const refused = await open.seal(spec({ headers: { token: SECRET } }), "helper");
    expect(refused).toMatchObject({ ok: false, error: expect.stringContaining("backend.apiKey is a secret") });
    expect(refused).toMatchObject({ error: expect.stringContaining("backend.headers.token is a secret") });
    expect(JSON.stringify(refused)).not.toContain(SECRET);
    expect(await open.seal(spec({ apiKey: "$KEY" }), "helper")).toEqual({ ok: true, value: spec({ apiKey: "$KEY" }) });
    // What only begins like a $NAME is a secret as any other.
    expect((await open.seal(spec({ apiKey: "$2b$10$abc" }), "helper")).ok).toBe(false);
  });
});

describe("what is sealed does not open", () => {
  test.for<[what: string, open: (sealed: BackendSpec) => Promise<unknown>]>([
    ["for another agent", (sealed) => vault.open(sealed, "other")],
    ["at another place", ({ apiKey, ...rest }) => vault.open({ ...rest, otherKey: apiKey }, "helper")],
    ["deeper down", ({ apiKey, ...rest }) => vault.open({ ...rest, headers: { apiKey } }, "helper")],
    ["with another key", (sealed) => createVault("A".repeat(43)).open(sealed, "helper")],
    ["without a key", (sealed) => createVault(undefined).open(sealed, "helper")],
    ["with a letter changed", (sealed) => vault.open({ ...sealed, apiKey: altered(sealed["apiKey"]) }, "helper")],
    ["cut short", (sealed) => vault.open({ ...sealed, apiKey: "enc:v1:AAAA" }, "helper")],
  ])("%s", async ([, open]) => {
    const sealed = await sealedOf(spec());
    expect(await open(sealed)).toMatchObject({ ok: false, error: expect.stringMatching(/^backend\..*Key /) });
    expect(await vault.open(sealed, "helper")).toMatchObject({ ok: true });
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
  ] as const)("of %s opens for %s and for nobody else", async ([family, member]) => {
    const sealed = await sealedOf(spec(), family);
    for (const agent of [family, member]) expect(await vault.open(sealed, agent)).toEqual({ ok: true, value: spec() });
    for (const agent of ["other", "b"]) expect(await vault.open(sealed, agent)).toMatchObject({ ok: false });
  });
  test("opens for no member when its shape is changed", async () => {
    const sealed = await sealedOf(spec(), "ticket_*");
    const wider = String(sealed["apiKey"]).replace(/7-0$/, "6-0");
    expect(await vault.open({ ...sealed, apiKey: wider }, "ticket_1")).toMatchObject({ ok: false });
  });
});

describe("what is shown", () => {
  test("hides secrets, sealed or not, and nothing else", async () => {
    const given = spec({ historyTokens: 5, headers: { token: ["x", "$NAME"] }, url: "https://a" });
    const shown = { ...given, apiKey: MASK, headers: { token: [MASK, "$NAME"] } };
    expect(vault.masked(given)).toEqual(shown);
    expect(vault.masked(await sealedOf(given))).toEqual(shown);
  });
  test("given back means what is stored there", async () => {
    const stored = await sealedOf(spec());
    expect(await vault.seal(vault.masked(stored), "helper", stored)).toEqual({ ok: true, value: stored });
    // Also where no key is set any more, and of a secret from a time without one.
    expect(await createVault(undefined).seal(spec({ apiKey: MASK }), "helper", spec())).toEqual({
      ok: true,
      value: spec(),
    });
    const late = await vault.seal(spec({ apiKey: MASK }), "helper", spec());
    expect(late.ok && late.value["apiKey"]).toMatch(/^enc:v1:/);
  });
  test.for([["nothing"], ["another place"]])("is refused where %s is stored", async ([what]) => {
    const stored = what === "nothing" ? undefined : spec({ apiKey: undefined, otherKey: "x" });
    const refused = await vault.seal(spec({ apiKey: MASK }), "helper", stored);
    expect(refused).toMatchObject({ ok: false, error: expect.stringContaining("nothing is stored there") });
  });
});

test("a sealed value of the client's own is refused, unless it is the one that is stored", async () => {
  const stored = await sealedOf(spec());
  const other = await sealedOf(spec());
  expect(await vault.seal(stored, "helper", stored)).toEqual({ ok: true, value: stored });
  for (const given of [other, { ...spec(), apiKey: "$KEY", model: String(stored["apiKey"]) }]) {
    const refused = await vault.seal(given, "helper", stored);
    expect(refused).toMatchObject({ ok: false, error: expect.stringContaining("only the bridge itself seals") });
  }
});
