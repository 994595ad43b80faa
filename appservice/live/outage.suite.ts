/**
 * Outages on a real homeserver: of the bridge, of the homeserver, and of both again and again. Whatever people said is
 * answered once, and in order. What they said is read from the rooms: a message whose answer was lost may have arrived.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, onTestFailed, test } from "vitest";
import { mulberry32 } from "#testing/chance.ts";
import { eventually } from "./client.ts";
import type { HomeserverKind } from "./homeserver.ts";
import type { HostKind } from "./hosts.ts";
import { openWorld, SERVER_NAME, type World } from "./world.ts";

const GHOST = `@agent_echo:${SERVER_NAME}`;
const AGENT = { id: "echo", name: "Echo", backend: { use: "echo" }, turns: { queue: 1_000 } };
const ENV = { SENDER_TURNS_PER_MINUTE: "0", ROOM_TURNS_PER_MINUTE: "0", TEND_SECONDS: "5" };

const CHAOS = { rooms: 6, messages: 90, kills: 12, seed: 12 };
/** In chaos one kill in three is the homeserver's. */
const HOMESERVER_CHANCE = 1 / 3;

export function outageSuite(kind: HostKind, homeserver: HomeserverKind): void {
  describe(`an outage on ${kind} with ${homeserver}`, () => {
    let world: World;
    beforeAll(async () => {
      world = await openWorld(kind, [AGENT], ENV, homeserver);
    });
    afterAll(() => world?.close());

    const failing = () => onTestFailed(() => console.error(world.host.log().split("\n").slice(-60).join("\n")));
    const bodies = async (room: string, sender: string) =>
      (await world.alice.by(room, sender)).map(({ content }) => String(content["body"]));
    const direct = async () => {
      const room = await world.alice.createRoom([GHOST], { is_direct: true });
      await eventually(async () => {
        const members = await world.alice.call("GET", `/rooms/${encodeURIComponent(room)}/joined_members`);
        expect(Object.keys(members["joined"] as object)).toContain(GHOST);
      });
      return room;
    };
    /** Everything that was said there has its answer, once and in order. */
    const allAnswered = async (room: string) => {
      const asked = await bodies(room, world.alice.userId);
      expect(await bodies(room, GHOST)).toEqual(asked.map((text) => `echo ${text}`));
    };
    /** Without a homeserver nothing is said. */
    const say = (room: string, text: string) => world.alice.say(room, text).catch(() => undefined);

    test("of the bridge: what was said meanwhile is answered once and in order", { timeout: 120_000 }, async () => {
      failing();
      const rooms = [await direct(), await direct()];
      await world.host.kill();
      for (let n = 0; n < 60; n++) await world.alice.say(rooms[n % rooms.length] ?? "", `m${n}`);
      await world.restartHost();
      for (const room of rooms) await eventually(() => allAnswered(room), 90_000);
      await sleep(3_000);
      for (const room of rooms) await allAnswered(room);
    });

    test("of the homeserver, killed while answers are sent: each is there once", { timeout: 120_000 }, async () => {
      failing();
      const room = await direct();
      for (let round = 0; round < 4; round++) {
        for (let n = 0; n < 10; n++) await say(room, `r${round} ${n}`);
        await world.restartHomeserver("killed");
      }
      await eventually(() => allAnswered(room), 90_000);
      await sleep(5_000);
      await allAnswered(room);
    });

    /** Says things in some of the rooms, and ends one of both after every few of them. */
    const storm = async (rooms: readonly string[]) => {
      const random = mulberry32(CHAOS.seed);
      for (let kills = 0, said = 0; kills < CHAOS.kills; kills++) {
        for (; said < ((kills + 1) * CHAOS.messages) / CHAOS.kills; said++)
          await say(rooms[Math.floor(random() * rooms.length)] ?? "", `c${said}`);
        await sleep(random() * 300);
        await (random() < HOMESERVER_CHANCE ? world.restartHomeserver("killed") : world.restartHost());
      }
    };

    test("of both, again and again: each message is answered once and in order", { timeout: 280_000 }, async () => {
      failing();
      const rooms: string[] = [];
      for (let n = 0; n < CHAOS.rooms; n++) rooms.push(await direct());
      await storm(rooms);
      for (const room of rooms) await eventually(() => allAnswered(room), 150_000);
      await sleep(5_000);
      for (const room of rooms) await allAnswered(room);
      const asked = await Promise.all(rooms.map((room) => bodies(room, world.alice.userId)));
      expect(asked.flat().length).toBeGreaterThan(CHAOS.messages / 2);
    });
  });
}
