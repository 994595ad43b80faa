/**
 * An event is read once on its way through the room lane: each part of its content is taken, and so parsed, exactly once,
 * and no facts are looked up twice.
 */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { RoomEvent } from "#core/protocol/event.ts";
import { UserId } from "#core/protocol/ids.ts";
import type { WaitingEvent } from "#core/turn/turn.ts";
import type { Ghosts } from "#ports/homeserver.ts";
import type { Running } from "#ports/lanes.ts";
import type { Ledger } from "#ports/ledger.ts";
import { aMessage } from "#testing/events.ts";
import { aSpec, ghost, leaseOf, member, NAMESPACE, ROOM, ROOM_LANE } from "#testing/ledger-rows.ts";
import { type TemporaryLedger, temporaryLedger } from "#testing/temp-ledger.ts";
import { systemClock } from "../clock.ts";
import { delivery } from "../delivery/delivery.ts";
import { roomLane } from "./room-lane.ts";

const ALICE = "@alice:hs.test";
const ECHO_ID = "@agent_echo:hs.test";
const GUIDE_ID = "@agent_guide:hs.test";

let temporary: TemporaryLedger;
beforeEach(async () => {
  temporary = await temporaryLedger();
});
afterEach(() => temporary.close());

async function roomOf(...agents: string[]): Promise<void> {
  const { ledger } = temporary;
  await ledger.setAgents(agents.map((id) => aSpec(id)));
  await ledger.setMembers(ROOM, [member(ALICE), member("@bob:hs.test"), ...agents.map((id) => ghost(id))]);
}

const offline = () => Promise.reject(new Error("no homeserver is needed"));
const ghosts: Ghosts = {
  intent: offline,
  bot: offline,
  ping: offline,
  as: () => ({ userId: UserId.parse(ALICE), send: offline }),
  existing: () => {
    throw new Error("no homeserver is needed");
  },
};

/** The content, with a count of how often each of its keys was taken. */
function counting(content: RoomEvent["content"]): { content: RoomEvent["content"]; taken: Map<string, number> } {
  const taken = new Map<string, number>();
  const counted = new Proxy(content, {
    get(target, key) {
      if (typeof key === "string") taken.set(key, (taken.get(key) ?? 0) + 1);
      return Reflect.get(target, key);
    },
  });
  return { content: counted, taken };
}

/** Runs the room lane for one event; how often it took each part of the content, and asked for each kind of facts. */
async function runLane(event: RoomEvent): Promise<{ taken: Map<string, number>; asked: Record<string, number> }> {
  const { ledger } = temporary;
  await ledger.accept({ events: [event], deadLetters: [], nowMs: Date.now() });
  const lease = await leaseOf(ledger, ROOM_LANE, "runner", Date.now());
  const [stored] = await ledger.nextEvents(lease, 10);
  if (!stored) throw new Error("the event does not wait");
  const { content, taken } = counting(event.content);
  const waiting: WaitingEvent = { ...stored, event: { ...stored.event, content } };
  const running: Running = {
    lease,
    lost: new AbortController().signal,
    rung: () => new Promise(() => undefined),
    release: (write) => write(),
  };
  const lookUps = LOOK_UPS.map((name) => vi.spyOn(ledger, name));
  const invitations = { anInviter: 0, aFamily: 0, families: 0, members: 0 };
  const meet = offline;
  const base = { invitations, meet, ledger, clock: systemClock, log: () => undefined, namespace: NAMESPACE };
  const delivers = delivery({ ...base, run: async () => ({}) });
  await roomLane({ ...base, ghosts, standing: WELL, random: () => 0, ring: async () => undefined, delivery: delivers })(
    running,
    [waiting],
  );
  const asked = Object.fromEntries(LOOK_UPS.map((name, at) => [name, lookUps[at]?.mock.calls.length ?? 0]));
  for (const lookUp of lookUps) lookUp.mockRestore();
  return { taken, asked };
}
const WELL = { isWell: async () => true };
const LOOK_UPS = ["eventFacts", "room", "sender", "presentIn"] as const satisfies readonly (keyof Ledger)[];

const mention = (userId: string) => ({ "m.mentions": { user_ids: [userId] } });
const inThread = { "m.relates_to": { rel_type: "m.thread", event_id: "$root", is_falling_back: true } };
const ONCE = { "m.relates_to": 1, "m.mentions": 1, "chat.troupe": 1, body: 1 };
const ONE_LOOK_UP = { eventFacts: 1, room: 0, sender: 0, presentIn: 0 };
const twenty = Array.from({ length: 20 }, (_, n) => `a${String(n).padStart(2, "0")}`);

test.for<{ what: string; agents: string[]; content: object; hold: boolean; verdict: string }>([
  {
    what: "a message to no agent",
    agents: ["echo", "guide"],
    content: { "m.mentions": {} },
    hold: false,
    verdict: "not_addressed",
  },
  {
    what: "a message to one of two agents",
    agents: ["echo", "guide"],
    content: mention(GUIDE_ID),
    hold: false,
    verdict: "wake_mention",
  },
  {
    what: "a reply in a thread, with twenty agents present",
    agents: ["echo", ...twenty.slice(1)],
    content: { "m.mentions": {}, ...inThread },
    hold: true,
    verdict: "wake_thread",
  },
  {
    what: "a command",
    agents: ["echo"],
    content: { ...mention(ECHO_ID), body: "!status" },
    hold: false,
    verdict: "command_status",
  },
])("$what is read once", async ({ agents, content, hold, verdict }) => {
  await roomOf(...agents);
  // The question that makes the thread Alice's and Echo's.
  if (hold) await runLane(aMessage("hello", { sender: ALICE, content: { ...mention(ECHO_ID), ...inThread } }));
  const event = aMessage("hello", { sender: ALICE, content });
  const { taken, asked } = await runLane(event);
  expect(await temporary.ledger.verdictOf(event.event_id)).toMatchObject({ verdict });
  expect(Object.fromEntries(Object.keys(ONCE).map((key) => [key, taken.get(key) ?? 0]))).toEqual(ONCE);
  expect(asked).toEqual(ONE_LOOK_UP);
});
