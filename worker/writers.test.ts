/** Writers of the same rows at the same time, in every order of their steps on a real ledger: no update is lost. */
import type { Client } from "@libsql/client";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Configuration } from "#core/configuration/configuration.ts";
import type { RoomEvent } from "#core/protocol/event.ts";
import { AgentKey } from "#core/protocol/ids.ts";
import { RoomState } from "#core/protocol/room-state.ts";
import { err, ok } from "#core/result.ts";
import type { Ledger } from "#ports/ledger.ts";
import type { Settled } from "#ports/rooms.ts";
import { aMembership, anEvent } from "#testing/events.ts";
import { anIntent } from "#testing/intent.ts";
import { type Concurrent, inEveryOrder, steppingDatabase, type TakeStep } from "#testing/interleavings.ts";
import { aSettled, leaseOf, member, NAMESPACE, NOW, ROOM, ROOM_LANE } from "#testing/ledger-rows.ts";
import { type TemporaryLedger, temporaryLedger } from "#testing/temp-ledger.ts";
import { apply, applyAgent, applyAgents, type Configuring } from "./admin/configure.ts";
import { backends } from "./backends/registry.ts";
import { createSecretCipher } from "./backends/secrets/cipher.ts";
import { systemClock } from "./clock.ts";
import { createLedger } from "./ledger/ledger.ts";
import { libsqlDatabase } from "./ledger/sql/libsql.ts";
import { readRoom } from "./router/rooms/read-room.ts";

let temporary: TemporaryLedger;
beforeAll(async () => {
  temporary = await temporaryLedger();
});
afterAll(() => temporary.close());

const ledgerIn = (step: TakeStep): Ledger =>
  createLedger(steppingDatabase(libsqlDatabase(temporary.client, NAMESPACE), step));

const empty = (client: Client, ...tables: string[]) =>
  client.batch(
    tables.map((table) => `DELETE FROM ${table}`),
    "write",
  );

const ECHO = AgentKey.parse("echo");
const echo = { id: "echo", name: "Echo", backend: { use: "echo" } };
const BEFORE = Configuration.parse({ agents: [echo], rooms: { [ROOM]: { agents: { echo: { context: 3 } } } } });

function configuring(ledger: Ledger): Configuring {
  return {
    ledger,
    backends: backends(),
    cipher: createSecretCipher(undefined),
    agentEnv: { patterns: [], ofFile: [] },
    clock: systemClock,
    log: () => undefined,
    refreshAliases: async () => undefined,
  };
}

const setting = (ledger: Ledger, over: object) =>
  ledger.changeRoomLayer(ROOM, (layer) => ({
    ...layer,
    agents: { ...layer.agents, echo: { ...layer.agents?.["echo"], ...over } },
  }));

/** All that write the configuration, each as the product does. */
const WRITERS: Record<string, (ledger: Ledger) => Promise<unknown>> = {
  "!mute": (ledger) => ledger.changeRoomLayer(ROOM, (layer) => ({ ...layer, muted: true })),
  "!model": (ledger) => setting(ledger, { model: "large" }),
  "!queue": (ledger) => setting(ledger, { turns: { whileBusy: "collect" } }),
  "!sethome": (ledger) => ledger.setHome(ECHO, ROOM),
  "a file that is applied": (ledger) =>
    apply(
      configuring(ledger),
      Configuration.parse({ defaults: { mention: false }, agents: [echo], rooms: { [ROOM]: { prompt: "new" } } }),
    ),
  "a list of agents": (ledger) =>
    applyAgents(configuring(ledger), Configuration.parse({ agents: [{ ...echo, context: 9 }] }).agents),
  "an agent that is written": (ledger) => {
    const [agent] = Configuration.parse({ agents: [{ ...echo, name: "Other", users: ["@boss:hs.test"] }] }).agents;
    return agent ? applyAgent(configuring(ledger), agent, { isNew: false }) : Promise.reject(new Error("no agent"));
  },
  "an agent that is removed": (ledger) => ledger.removeAgent(ECHO),
};

describe("two writers of the configuration at the same time leave what one after the other would", () => {
  const prepare = async () => {
    await empty(temporary.client, "settings", "agents", "aliases");
    await temporary.ledger.setConfiguration(BEFORE);
  };
  async function stored(): Promise<string> {
    const { client, ledger } = temporary;
    const { rows } = await client.execute("SELECT id, retired, attentive, name_key FROM agents ORDER BY id");
    return JSON.stringify([await ledger.configuration(), rows]);
  }
  const inTurn = async (...writers: readonly ((ledger: Ledger) => Promise<unknown>)[]) => {
    await prepare();
    for (const write of writers) await write(temporary.ledger);
    return stored();
  };
  const names = Object.keys(WRITERS);
  const pairs = names.flatMap((one, at) => names.slice(at).map((other): [string, string] => [one, other]));

  test.for(pairs)("%s and %s", async ([one, other]) => {
    const [first, second] = [WRITERS[one], WRITERS[other]];
    if (!first || !second) throw new Error("no such writer");
    const allowed = [await inTurn(first, second), await inTurn(second, first)];
    const runs = await inEveryOrder(
      prepare,
      [(step) => first(ledgerIn(step)), (step) => second(ledgerIn(step))],
      async (order) => expect(allowed, order.join(" ")).toContain(await stored()),
    );
    expect(runs).toBeGreaterThanOrEqual(2);
  });

  test.for(["a file that is applied", "a list of agents", "!model"])(
    "a muted room stays muted beside %s",
    async (name) => {
      const write = WRITERS[name];
      const mute = WRITERS["!mute"];
      if (!write || !mute) throw new Error("no such writer");
      await inEveryOrder(prepare, [(step) => mute(ledgerIn(step)), (step) => write(ledgerIn(step))], async () =>
        expect((await temporary.ledger.roomLayer(ROOM)).muted).toBe(true),
      );
    },
  );
});

describe("a room that is read while its lane decides", () => {
  const [ALICE, BOB, CAROL] = ["@alice:hs.test", "@bob:hs.test", "@carol:hs.test"];
  const GHOST = "@agent_echo:hs.test";
  /** The homeserver's room, as it is at each step. */
  const there = { members: new Set<string>(), name: "" };

  const prepare = async () => {
    await empty(temporary.client, "events", "members", "rooms", "directs", "lanes");
    there.members = new Set([GHOST, CAROL]);
    there.name = "old";
    await temporary.ledger.setMembers(ROOM, [member(GHOST), member(CAROL)]);
    await temporary.ledger.setState(ROOM, RoomState.parse({ name: "old" }));
  };

  const read = (step: TakeStep) => {
    const intent = anIntent(async ({ path }) => {
      if (path.endsWith("/joined_members")) {
        await step();
        return ok({ joined: Object.fromEntries([...there.members].map((one) => [one, {}])) });
      }
      if (!path.includes("m.room.name")) return err({ status: 404, errcode: "M_NOT_FOUND", message: "" });
      await step();
      return ok({ type: "m.room.name", sender: ALICE, content: { name: there.name } });
    });
    return readRoom({ ledger: ledgerIn(step), clock: systemClock, namespace: NAMESPACE }, intent, ROOM);
  };

  /** What happens in the room is pushed and decided. */
  const happen = (change: () => RoomEvent, settled: Partial<Settled>) => async (step: TakeStep) => {
    await step();
    const event = change();
    const ledger = ledgerIn(step);
    await ledger.accept({ events: [event], deadLetters: [], nowMs: NOW });
    const lease = await leaseOf(temporary.ledger, ROOM_LANE, "lane", NOW);
    const [waiting] = await temporary.ledger.nextEvents(lease, 1);
    if (waiting) await ledger.settle(lease, waiting, aSettled(settled));
  };
  const joins = happen(
    () => {
      there.members.add(BOB);
      return aMembership(BOB, "join");
    },
    { members: [member(BOB)] },
  );
  const leaves = happen(
    () => {
      there.members.delete(CAROL);
      return aMembership(CAROL, "leave");
    },
    { members: [member(CAROL, "leave")] },
  );
  const renamed = happen(
    () => {
      there.name = "new";
      return anEvent({ type: "m.room.name", state_key: "", content: { name: "new" } });
    },
    { state: { name: "new" } },
  );

  test.for<[what: string, happens: Concurrent]>([
    ["who joins", joins],
    ["who leaves", leaves],
    ["a new name", renamed],
  ])("in every order of the steps, %s is known afterwards as it is there", async ([, happens]) => {
    const runs = await inEveryOrder(prepare, [(step) => read(step), happens], async (order) => {
      const { joinedCount, state } = await temporary.ledger.room(ROOM);
      expect([joinedCount, state.name], order.join(" ")).toEqual([there.members.size, there.name]);
    });
    expect(runs).toBeGreaterThan(50);
  });
});
