/** A row of the configuration that cannot be read restricts its own room or agent and nothing else. */
import { describe, expect, test } from "vitest";
import { AgentId, RoomId } from "#core/protocol/ids.ts";
import { aSpec, ghost, ROOM } from "#testing/ledger-rows.ts";
import { temporaryLedger } from "#testing/temp-ledger.ts";

describe("a stored row of the configuration that cannot be read", () => {
  const OTHER = RoomId.parse("!other");
  const INVALID = JSON.stringify({ model: "x".repeat(201) });
  async function world() {
    const { ledger, client } = await temporaryLedger();
    await ledger.setAgents([aSpec("echo"), aSpec("guide")]);
    for (const room of [ROOM, OTHER]) await ledger.setMembers(room, [ghost("echo"), ghost("guide")]);
    const write = (name: string, value: string) =>
      client.execute({ sql: "INSERT OR REPLACE INTO settings (name, value) VALUES (?, ?)", args: [name, value] });
    return { ledger, client, write };
  }

  test("mutes its own room, and leaves other rooms and the configuration alone", async () => {
    const { ledger, write } = await world();
    await write("room:!room", INVALID);
    expect(await ledger.room(ROOM)).toMatchObject({ muted: true, present: [{}, {}] });
    expect(await ledger.room(OTHER)).toMatchObject({ muted: false, present: [{}, {}] });
    expect(await ledger.configuration()).toMatchObject({ rooms: { "!room": { muted: true } } });
    await ledger.setRoomLayer("!room", { ...(await ledger.roomLayer("!room")), muted: false });
    expect(await ledger.room(ROOM)).toMatchObject({ muted: false });
  });

  test.for(["defaults", "groups"])("mutes every room while it is the row of the %s", async (name) => {
    const { ledger, write } = await world();
    await write(name, name === "defaults" ? INVALID : '{"staff":["no user"]}');
    expect(await ledger.room(ROOM)).toMatchObject({ muted: true });
    expect(await ledger.configuration()).toMatchObject({ defaults: {}, groups: {} });
    await ledger.putAgent(aSpec("third"));
    await ledger.setConfiguration({ ...(await ledger.configuration()), rooms: {} });
    expect(await ledger.room(ROOM)).toMatchObject({ muted: false });
  });

  test("retires its own agent and no other", async () => {
    const { ledger, client } = await world();
    await client.execute(`UPDATE agents SET agent = '{"id":"guide"}' WHERE id = 'guide'`);
    expect((await ledger.room(ROOM)).present).toMatchObject([{ agent: { id: "echo" } }]);
    expect(await ledger.agent(AgentId.parse("guide"), ROOM)).toBeUndefined();
    expect(await ledger.agents()).toMatchObject([{ id: "echo" }]);
  });

  test("is never written: an invalid layer is refused", async () => {
    const { ledger } = await world();
    await expect(ledger.setRoomLayer("!room", { model: "x".repeat(201) })).rejects.toThrow();
    expect(await ledger.roomLayer("!room")).toEqual({});
  });
});
