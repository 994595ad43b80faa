/** The operator API where others write between looking and writing, and where the host ends what a request began. */
import { afterEach, expect, test } from "vitest";
import { ROOM } from "#testing/ledger-rows.ts";
import { temporaryLedger } from "#testing/temp-ledger.ts";
import { backends } from "../backends/registry.ts";
import { createSecretCipher } from "../backends/secrets/cipher.ts";
import { systemClock } from "../clock.ts";
import { configurationRoutes } from "./configuration-routes.ts";

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

async function bridge() {
  const { ledger, close } = await temporaryLedger();
  closing.push(close);
  const app = configurationRoutes({
    ledger,
    backends: backends(),
    cipher: createSecretCipher(undefined),
    agentEnv: { patterns: [], ofFile: [] },
    clock: { ...systemClock, sleep: async () => undefined },
    log: () => undefined,
    // The host has ended it.
    refreshAliases: () => new Promise(() => undefined),
  });
  const put = async (path: string, body: object) => {
    const answer = await app.request(`/admin/${path}`, { method: "PUT", body: JSON.stringify(body) });
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
  };
  return { ledger, put };
}

const FILE = { agents: [{ id: "echo", name: "Echo", backend: { use: "echo" } }] };

test("changes that were shown are applied only while the configuration is as it was then", async () => {
  const { ledger, put } = await bridge();
  const shown = await put("configuration?dry=true", FILE);
  await ledger.changeRoomLayer(ROOM, () => ({ model: "large" }));
  const late = await put(`configuration?revision=${shown.body["revision"]}`, FILE);
  expect(late).toEqual({ status: 409, body: { errors: [expect.stringContaining("changed since")] } });
  expect(await ledger.configuration()).toMatchObject({ agents: [], rooms: { [ROOM]: { model: "large" } } });
  const again = await put("configuration?dry=true", FILE);
  expect(again.body["changes"]).toContainEqual({ path: `rooms.${ROOM}`, before: { model: "large" } });
  const applied = await put(`configuration?revision=${again.body["revision"]}`, FILE);
  expect(applied).toMatchObject({ status: 200, body: { changes: again.body["changes"] } });
  expect(await ledger.configuration()).toMatchObject({ agents: FILE.agents, rooms: {} });
});

test("an agent that is added replaces none that somebody else has added", async () => {
  const { ledger, put } = await bridge();
  const { id, ...echo } = FILE.agents[0] ?? { id: "" };
  expect((await put(`agents/${id}?new=true`, echo)).status).toBe(200);
  const second = await put(`agents/${id}?new=true`, { ...echo, name: "Other" });
  expect(second).toEqual({ status: 400, body: { errors: ["The agent echo exists already."] } });
  expect((await ledger.agents())[0]?.name).toBe("Echo");
});

test("an alias whose look-up is ended with the request is left to the upkeep", async () => {
  const { ledger, put } = await bridge();
  const applied = await put("configuration", { ...FILE, rooms: { "#a:hs.test": { muted: true } } });
  expect(applied).toMatchObject({ status: 200, body: { unresolved: ["#a:hs.test"] } });
  expect(await ledger.aliases()).toEqual([{ alias: "#a:hs.test", atMs: 0 }]);
});
