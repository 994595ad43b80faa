/** The part of the ledger's contract about the configuration and the settings that come of it. */
import { describe, expect, test } from "vitest";
import { type Configuration, NO_CONFIGURATION } from "#core/configuration/configuration.ts";
import { resolve } from "#core/configuration/settings.ts";
import { AgentId, AgentKey, RoomId } from "#core/protocol/ids.ts";
import type { Ledger } from "#ports/ledger.ts";
import { aSpec, ECHO, ghost, NOW, presentIds, ROOM, setRoomLayer } from "#testing/ledger-rows.ts";

type Make = () => Promise<Ledger>;

const OTHER_ROOM = RoomId.parse("!other");

const CONFIGURATION: Configuration = {
  defaults: { users: ["group:staff"], prompt: "default", turns: { queue: 5 } },
  groups: { staff: ["@alice:hs.test", "group:staff"] },
  agents: [aSpec("echo", { prompt: "echo's" }), aSpec("ticket_*")],
  rooms: { [ROOM]: { model: "big", agents: { echo: { context: 7 } } }, "#a:hs.test": { direct: true, context: 3 } },
};

export function configurationContract(make: Make): void {
  describe("the configuration", () => storingContract(make));
  describe("an agent's settings", () => resolvingContract(make));
}

function storingContract(make: Make): void {
  test("is read as it was written, and is empty before", async () => {
    const ledger = await make();
    expect(await ledger.configuration()).toEqual(NO_CONFIGURATION);
    expect(await ledger.defaults()).toEqual(resolve([], {}).settings);
    await ledger.setConfiguration(CONFIGURATION);
    await ledger.setConfiguration(CONFIGURATION);
    expect(await ledger.configuration()).toEqual(CONFIGURATION);
    expect(await ledger.defaults()).toMatchObject({ users: ["@alice:hs.test"], prompt: "default" });
  });

  test("replaces the one before: agents retire, layers go, aliases that are in no setting are forgotten", async () => {
    const ledger = await make();
    const allowed = { allowedRooms: ["#b:hs.test"] };
    await ledger.setConfiguration({ ...CONFIGURATION, defaults: allowed });
    await ledger.setAlias("#a:hs.test", ROOM, NOW);
    await ledger.setAlias("#b:hs.test", undefined, NOW + 1);
    expect(await ledger.aliases()).toEqual([
      { alias: "#a:hs.test", roomId: ROOM, atMs: NOW },
      { alias: "#b:hs.test", atMs: NOW + 1 },
    ]);
    await ledger.setConfiguration({ ...NO_CONFIGURATION, defaults: allowed, agents: [aSpec("ticket_*")] });
    expect(await ledger.configuration()).toEqual({
      ...NO_CONFIGURATION,
      defaults: allowed,
      agents: [aSpec("ticket_*")],
    });
    expect(await ledger.roomLayer(ROOM)).toEqual({});
    expect(await ledger.agent(ECHO)).toBeUndefined();
    expect((await ledger.aliases()).map(({ alias }) => alias)).toEqual(["#b:hs.test"]);
  });

  test("is written only at the revision it was read at, whatever of it is written", async () => {
    const ledger = await make();
    const { revision: first } = await ledger.revisedConfiguration();
    expect(await ledger.setConfiguration(CONFIGURATION, first)).toBe(true);
    for (const change of [
      () => ledger.putAgent(aSpec("other")),
      () => ledger.removeAgent(AgentKey.parse("other")),
      () => ledger.setHome(AgentKey.parse("echo"), ROOM),
      () => ledger.changeRoomLayer(ROOM, (layer) => ({ ...layer, muted: true })),
      () => ledger.setAgents([aSpec("echo")]),
      () => ledger.setConfiguration(CONFIGURATION),
    ]) {
      const { revision } = await ledger.revisedConfiguration();
      await change();
      const { configuration } = await ledger.revisedConfiguration();
      expect(await ledger.setConfiguration(NO_CONFIGURATION, revision)).toBe(false);
      expect(await ledger.setAgents([], revision)).toBe(false);
      expect(await ledger.putAgent(aSpec("late"), revision)).toBe(false);
      expect(await ledger.configuration()).toEqual(configuration);
    }
    const { revision } = await ledger.revisedConfiguration();
    expect(await ledger.putAgent(aSpec("late"), revision)).toBe(true);
  });

  test("has an agent's home changed alone, and that of no agent that was removed", async () => {
    const ledger = await make();
    const [id, spec] = [AgentKey.parse("echo"), aSpec("echo", { users: ["@boss:hs.test"] })];
    await ledger.setAgents([spec]);
    expect(await ledger.setHome(id, ROOM)).toBe(true);
    expect(await ledger.agents()).toEqual([{ ...spec, home: ROOM }]);
    await ledger.removeAgent(id);
    expect(await ledger.setHome(id, OTHER_ROOM)).toBe(false);
    expect(await ledger.setHome(AgentKey.parse("nobody"), ROOM)).toBe(false);
    expect(await ledger.agents()).toEqual([]);
  });

  test("that cannot be stored leaves the one before unchanged", async () => {
    const ledger = await make();
    await ledger.setConfiguration(CONFIGURATION);
    const agents = [...CONFIGURATION.agents, { ...aSpec("x"), id: null as never }];
    await expect(ledger.setConfiguration({ ...NO_CONFIGURATION, agents })).rejects.toThrow();
    expect(await ledger.configuration()).toEqual(CONFIGURATION);
  });

  test("may have ten thousand agents and a thousand rooms", async () => {
    const ledger = await make();
    const agents = Array.from({ length: 10_000 }, (_, n) => aSpec(`a${String(n).padStart(5, "0")}`));
    const rooms = Object.fromEntries(Array.from({ length: 1_000 }, (_, n) => [`!${n}`, { prompt: "x".repeat(1_000) }]));
    await ledger.setConfiguration({ ...NO_CONFIGURATION, agents, rooms });
    const found = await ledger.configuration();
    expect(found.agents).toEqual(agents);
    expect(Object.keys(found.rooms)).toHaveLength(1_000);
  });

  test("can be changed piece by piece", async () => {
    const ledger = await make();
    await ledger.setConfiguration(CONFIGURATION);
    await ledger.putAgent(aSpec("new"));
    await ledger.putAgent(aSpec("echo", { name: "Other" }));
    expect(await ledger.removeAgent(aSpec("ticket_*").id)).toBe(true);
    expect(await ledger.removeAgent(aSpec("ticket_*").id)).toBe(false);
    await setRoomLayer(ledger, "!new", { muted: true });
    expect(await ledger.configuration()).toEqual({
      ...CONFIGURATION,
      agents: [aSpec("echo", { name: "Other" }), aSpec("new")],
      rooms: { ...CONFIGURATION.rooms, "!new": { muted: true } },
    });
    await ledger.putAgent(aSpec("ticket_*"));
    expect(await ledger.agent(AgentId.parse("ticket_1"))).toBeDefined();
  });
}

function resolvingContract(make: Make): void {
  const echoIn = async (ledger: Ledger, roomId?: RoomId) => ledger.agent(ECHO, roomId);

  test("are the defaults, then its own, then the room's, then its own in the room", async () => {
    const ledger = await make();
    await ledger.setConfiguration(CONFIGURATION);
    const nowhere = await echoIn(ledger);
    expect(nowhere?.settings).toMatchObject({ users: ["@alice:hs.test"], prompt: "echo's", model: "", context: 0 });
    expect(nowhere?.turns).toMatchObject({ queue: 5, debounce: 0 });
    expect((await echoIn(ledger, ROOM))?.settings).toMatchObject({ prompt: "echo's", model: "big", context: 7 });
    expect(await echoIn(ledger, OTHER_ROOM)).toEqual(nowhere);
    expect(Object.keys(nowhere ?? {}).sort()).toEqual(["backend", "everywhere", "id", "name", "settings", "turns"]);
  });

  test("hold for the room of an alias, below those that are written for the room's id", async () => {
    const ledger = await make();
    await ledger.setConfiguration(CONFIGURATION);
    await ledger.setAlias("#a:hs.test", OTHER_ROOM, NOW);
    expect(await ledger.room(OTHER_ROOM)).toMatchObject({ aliases: ["#a:hs.test"], direct: true });
    expect((await echoIn(ledger, OTHER_ROOM))?.settings.context).toBe(3);
    await setRoomLayer(ledger, OTHER_ROOM, { context: 4, direct: false });
    expect(await ledger.room(OTHER_ROOM)).toMatchObject({ direct: false, muted: false });
    expect((await echoIn(ledger, OTHER_ROOM))?.settings.context).toBe(4);
    await ledger.setAlias("#a:hs.test", ROOM, NOW);
    expect(await ledger.room(OTHER_ROOM)).toMatchObject({ aliases: [] });
    expect((await echoIn(ledger, ROOM))?.settings).toMatchObject({ model: "big", context: 7 });
    await ledger.setAlias("#a:hs.test", undefined, NOW + 7);
    expect(await ledger.room(ROOM)).toMatchObject({ aliases: ["#a:hs.test"], direct: true });
    expect(await ledger.aliases()).toEqual([{ alias: "#a:hs.test", roomId: ROOM, atMs: NOW + 7 }]);
  });

  test("take effect with the next read, for present agents too", async () => {
    const ledger = await make();
    await ledger.setConfiguration(CONFIGURATION);
    await ledger.setMembers(ROOM, [ghost("echo"), ghost("ticket_1")]);
    expect(await presentIds(ledger)).toEqual(["echo", "ticket_1"]);
    const promptsOf = async () => (await ledger.room(ROOM)).present.map(({ agent }) => agent.settings.prompt);
    expect(await promptsOf()).toEqual(["echo's", "default"]);
    await setRoomLayer(ledger, ROOM, { prompt: "room's", muted: true });
    expect(await promptsOf()).toEqual(["room's", "room's"]);
    expect(await ledger.room(ROOM)).toMatchObject({ muted: true });
    await ledger.setConfiguration({ ...CONFIGURATION, defaults: { prompt: "new" }, rooms: {} });
    expect(await promptsOf()).toEqual(["echo's", "new"]);
  });
}
