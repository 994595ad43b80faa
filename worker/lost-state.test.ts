/** A room whose stored state cannot be read: it is read from the homeserver again before anything is decided there. */
import { afterEach, expect, test, vi } from "vitest";
import { type Composed, composed } from "#testing/composed.ts";
import { aMessage } from "#testing/events.ts";
import { ROOM } from "#testing/ledger-rows.ts";
import { temporaryLedger } from "#testing/temp-ledger.ts";
import { systemClock } from "./clock.ts";
import { AgentSpec } from "./core/configuration/agent.ts";

const [ALICE, BOB, ECHO] = ["@alice:hs.test", "@bob:hs.test", "@agent_echo:hs.test"];

let world: Composed;
afterEach(() => world.close());

/** An agent that answers those with power 50, in a room where alice has it. `text` is the stored state. */
async function begin(text: string): Promise<void> {
  const { ledger, client, close } = await temporaryLedger();
  world = await composed({}, {}, systemClock, { ledger, close });
  const agent = { id: "echo", name: "Echo", backend: { use: "echo" }, power: 50, mention: false };
  await ledger.setAgents([AgentSpec.parse(agent)]);
  await world.joined(ALICE, BOB, ECHO);
  const levels = { sender: ALICE, content: { users: { [ALICE]: 50 } } };
  world.server.state.set(`${ROOM}|m.room.power_levels`, levels);
  const sql = "INSERT INTO rooms (room_id, origin, state) VALUES (?, ?, ?)";
  await client.execute({ sql, args: [ROOM, ROOM, text] });
}

test.for(["{", "null", "[]", '{"name":5}', "garbage", ""])(
  "the state %j is read anew, and the rules that hang on it hold",
  async (text) => {
    await begin(text);
    await world.push(aMessage("from bob", { sender: BOB }), aMessage("from alice", { sender: ALICE }));
    await vi.waitFor(() => expect(world.bodies()).toEqual(["echo from alice"]));
    await vi.waitFor(world.settled);
    expect(await world.ledger.verdicts()).toEqual({ power_too_low: 1, wake_listening: 1 });
    expect((await world.ledger.room(ROOM)).stateIsLost).toBeUndefined();
  },
);

test("no turn starts while the homeserver cannot tell the state", { timeout: 20_000 }, async () => {
  await begin("{");
  const { fetch } = world.server;
  world.server.fetch = async (input, init) =>
    String(input).includes("/state/") ? new Response("<html>", { status: 502 }) : fetch(input, init);
  await world.push(aMessage("hello", { sender: ALICE }));
  await vi.waitFor(() => expect(world.lines.join()).toContain("cannot be read"));
  expect([await world.ledger.verdicts(), world.bodies()]).toEqual([{}, []]);
  world.server.fetch = fetch;
  await world.app.sweep();
  await vi.waitFor(() => expect(world.bodies()).toEqual(["echo hello"]), { timeout: 15_000 });
});

test("a change of the state does not pass for all of it", async () => {
  await begin("{");
  const name = { type: "m.room.name", state_key: "", sender: ALICE, content: { name: "Kitchen" } };
  await world.push(aMessage("x", name), aMessage("hello", { sender: ALICE }));
  await vi.waitFor(() => expect(world.bodies()).toEqual(["echo hello"]));
});
