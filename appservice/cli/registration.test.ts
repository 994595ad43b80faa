import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { complaints, Registration } from "#core/protocol/registration.ts";
import { registration } from "./registration.ts";

const NAMESPACE = { serverName: "example.org", ghostPrefix: "agent_", botLocalpart: "troupe" };
const OPTIONS = { url: "http://127.0.0.1:9993", ...NAMESPACE };

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "troupe-registration-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe("a new registration", () => {
  test("matches the options it was made with, and has its own tokens", async () => {
    const made = await Promise.all(
      ["a.yaml", "b.yaml"].map(async (name) => {
        await registration({ ...OPTIONS, url: "http://127.0.0.1:9993/", out: join(folder, name) });
        return Registration.parse(parse(readFileSync(join(folder, name), "utf8")));
      }),
    );
    for (const one of made) {
      expect(complaints(one, NAMESPACE)).toEqual([]);
      expect(one.url).toBe("http://127.0.0.1:9993");
    }
    const tokens = made.flatMap(({ as_token, hs_token }) => [as_token, hs_token]);
    expect(new Set(tokens).size).toBe(4);
    for (const token of tokens) expect(token).toMatch(/^[\x21-\x7e]{32,}$/);
  });

  test("is readable by the file's owner only and does not overwrite an existing file", async () => {
    const out = join(folder, "new", "registration.yaml");
    await registration({ ...OPTIONS, out });
    expect(statSync(out).mode & 0o777).toBe(0o600);
    const before = readFileSync(out, "utf8");

    await expect(registration({ ...OPTIONS, out })).rejects.toThrow("exists already and was not changed");
    expect(readFileSync(out, "utf8")).toBe(before);
  });

  // https://github.com/element-hq/synapse/issues/4092 and 18754
  test.for(["http://[::1]:9993", "https://[2001:db8::1]", "http://[::ffff:127.0.0.1]:9993/"])(
    "input 35: is refused with a sentence for %s, to which Synapse pushes nothing",
    async (url) => {
      const out = join(folder, "ipv6.yaml");
      await expect(registration({ ...OPTIONS, url, out })).rejects.toThrow(
        /^--url must have a name or an IPv4 address/,
      );
      expect(existsSync(out)).toBe(false);
    },
  );

  test.for<{ without: string; code: string }>([
    { without: "the library", code: "ERR_MODULE_NOT_FOUND" },
    { without: "what the library loads", code: "MODULE_NOT_FOUND" },
  ])("is refused with one sentence that says what to install without $without", async ({ code }) => {
    const out = join(folder, "never.yaml");
    const load = () => Promise.reject(Object.assign(new Error("Cannot find it"), { code }));
    await expect(registration({ ...OPTIONS, out, load })).rejects.toThrow(
      "needs the package matrix-appservice-bridge, which is not installed; `npm ci --include=dev` installs it.",
    );
    expect(existsSync(out)).toBe(false);
  });

  test("is made by a library that a production install leaves out", () => {
    const { dependencies, peerDependencies, peerDependenciesMeta, devDependencies } = JSON.parse(
      readFileSync("package.json", "utf8"),
    );
    const name = "matrix-appservice-bridge";
    expect(dependencies[name]).toBeUndefined();
    expect(peerDependencies[name]).toBe(devDependencies[name]);
    expect(peerDependenciesMeta[name]).toEqual({ optional: true });
    const lock = JSON.parse(readFileSync("package-lock.json", "utf8")) as { packages: Record<string, { dev?: true }> };
    expect(lock.packages[`node_modules/${name}`]?.dev).toBe(true);
  });

  test.for<[option: string, over: Partial<typeof OPTIONS>]>([
    ["--url", { url: "ftp://127.0.0.1" }],
    ["--server-name", { serverName: "" }],
    ["--ghost-prefix", { ghostPrefix: "Agent " }],
    ["--bot-localpart", { botLocalpart: "" }],
  ])("is not written when %s is invalid, and the error names the option", async ([option, over]) => {
    await expect(registration({ ...OPTIONS, ...over, out: join(folder, "never.yaml") })).rejects.toThrow(option);
  });
});
