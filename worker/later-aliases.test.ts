/** An alias of the configuration that is given to a room later: it holds there at once. */
import { describe, expect, test, vi } from "vitest";
import { aMembership, aMessage, anEvent } from "#testing/events.ts";
import { ROOM } from "#testing/ledger-rows.ts";
import { ALICE, aBridge, BOB, ECHO, echo, soon } from "#testing/room.ts";

const bridge = aBridge();
const OK = "#ok:hs.test";
const mention = { content: { "m.mentions": { user_ids: [ECHO] } } };
const agent = echo({ rooms: "allowlist", allowedRooms: [OK], admins: [ALICE] });
const canonical = (content: object) => anEvent({ type: "m.room.canonical_alias", state_key: "", content });
const lookUps = () => bridge.world.server.requests.filter((request) => request.includes("/directory/room/"));

async function begunWithout(...users: string[]): Promise<void> {
  await bridge.begin(agent, ...users);
  await bridge.world.ledger.noteAliases([OK]);
  await bridge.world.ledger.setAlias(OK, undefined, Date.now());
}

describe("an alias that is given later", () => {
  test.for<[name: string, content: object]>([
    ["as the canonical one", { alias: OK }],
    ["as another one", { alias: "#main:hs.test", alt_aliases: [5, OK] }],
  ])("is looked up when the room says so, and the next mention is answered: %s", async ([, content]) => {
    await begunWithout(ALICE, BOB, ECHO);
    await bridge.world.push(aMessage("one", mention));
    await bridge.verdict("room_not_allowed");
    bridge.world.server.aliases.set(OK, ROOM);
    await bridge.world.push(canonical(content), aMessage("two", mention));
    await bridge.answered(/^echo two$/);
    expect(lookUps()).toHaveLength(1);
  });

  test("is not believed where the directory says otherwise", async () => {
    await begunWithout(ALICE, BOB, ECHO);
    bridge.world.server.aliases.set(OK, "!another");
    await bridge.world.push(canonical({ alias: OK }), aMessage("two", mention));
    await bridge.verdict("room_not_allowed");
    expect(bridge.said()).toEqual([]);
  });

  test("is looked up again where the room has it no more", async () => {
    await begunWithout(ALICE, BOB, ECHO);
    await bridge.world.ledger.setAlias(OK, ROOM, Date.now());
    bridge.world.server.aliases.set(OK, "!another");
    await bridge.world.push(canonical({}), aMessage("two", mention));
    await bridge.verdict("room_not_allowed");
    expect((await bridge.world.ledger.aliases())[0]?.roomId).toBe("!another");
  });

  test.for<[name: string, content: object]>([
    ["no alias", {}],
    ["an alias that no setting names", { alias: "#other:hs.test" }],
    ["no list", { alias: 5, alt_aliases: "x" }],
    ["more aliases than a room has", { alt_aliases: [...Array.from({ length: 200 }, (_, n) => `#a${n}:hs.test`), OK] }],
  ])("is not looked up where the room says %s", async ([, content]) => {
    await begunWithout(ALICE, BOB, ECHO);
    const event = canonical(content);
    await bridge.world.push(event);
    await vi.waitFor(
      async () => expect(await bridge.world.ledger.verdictOf(event.event_id)).toMatchObject({ verdict: "state" }),
      soon,
    );
    expect(lookUps()).toEqual([]);
  });

  test("is looked up as the agent joins a room that has it by then", async () => {
    await begunWithout(ALICE);
    bridge.world.server.members.set(ROOM, [ALICE, BOB, ECHO]);
    bridge.world.server.aliases.set(OK, ROOM);
    bridge.world.server.state.set(`${ROOM}|m.room.canonical_alias`, { alias: OK });
    await bridge.world.push(aMembership(ECHO, "invite", { sender: ALICE }));
    await bridge.verdict("join");
    await bridge.world.push(aMessage("two", mention));
    await bridge.answered(/^echo two$/);
  });
});

describe("why a room is not allowed", () => {
  const operatorsWhy = async (eventId: string) =>
    (
      (await (await bridge.world.operator("GET", `/admin/events/${encodeURIComponent(eventId)}/why`)).json()) as {
        sentence: string;
      }
    ).sentence;

  test("says that the alias means no room yet, and later that the room has it", async () => {
    await begunWithout(ALICE, BOB, ECHO);
    const asked = aMessage("one", mention);
    await bridge.world.push(asked);
    await bridge.verdict("room_not_allowed");
    expect(await operatorsWhy(asked.event_id)).toBe(
      "This room is not among those echo answers in: `#ok:hs.test` means no room yet. Give the room that alias, or add its id to `allowedRooms`.",
    );
    bridge.world.server.aliases.set(OK, ROOM);
    await bridge.world.push(canonical({ alias: OK }));
    await vi.waitFor(
      async () => expect(await operatorsWhy(asked.event_id)).toMatch(/its alias was given to it later/),
      soon,
    );
    const reply = { content: { "m.relates_to": { "m.in_reply_to": { event_id: asked.event_id } } } };
    await bridge.world.push(aMessage("!why", reply));
    await bridge.answered(/its alias was given to it later\. Say it again\.$/);
  });

  test("tells such aliases from those of other rooms", async () => {
    await bridge.begin(echo({ rooms: "allowlist", allowedRooms: [OK, "!elsewhere"] }), ALICE, BOB, ECHO);
    await bridge.world.ledger.setAlias(OK, undefined, Date.now());
    const asked = aMessage("one", mention);
    await bridge.world.push(asked);
    await bridge.verdict("room_not_allowed");
    expect(await operatorsWhy(asked.event_id)).toContain(
      "`!elsewhere` means another room, or none; `#ok:hs.test` means no room yet",
    );
  });
});
