/**
 * Whether deciding an event becomes slower with more agents in the room: the same events through the real room lane, on
 * real files, in rooms with 10, 100 and 10,000 agents. The rooms take turns, so that other load on the machine affects
 * all of them.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { AgentSpec } from "#core/configuration/agent.ts";
import { Environment } from "#core/configuration/environment.ts";
import { RoomEvent } from "#core/protocol/event.ts";
import { AgentId, ghostUserId, RoomId, UserId } from "#core/protocol/ids.ts";
import type { RunLane } from "#ports/lanes.ts";
import type { Ledger } from "#ports/ledger.ts";
import { fileLedger } from "../appservice/host/ledger.ts";
import { compose } from "../worker/app.ts";
import { systemClock } from "../worker/clock.ts";
import { median, ms, ratioInterval, table } from "./figures.ts";

const SERVER_NAME = "bench.localhost";
const NAMESPACE = { serverName: SERVER_NAME, ghostPrefix: "agent_", botLocalpart: "troupe" };
const ROOM = RoomId.parse("!room");
const ALICE = UserId.parse(`@alice:${SERVER_NAME}`);
/** Beyond twenty agents one more statement finds those that the event concerns; from there on the cost should be the same. */
const AGENTS_OF = [10, 100, 10_000];
const WARM_UP = 30;

const HELP = `npm run bench:gate -- [--n 300]

--n   Events of each kind in each room, after ${WARM_UP} to warm up.
`;

interface BenchRoom {
  agents: number;
  ledger: Ledger;
  run: RunLane;
  close: () => void;
  times: Map<string, number[]>;
}

const idOf = (n: number): AgentId => AgentId.parse(`a${String(n).padStart(5, "0")}`);
const last = ({ agents }: BenchRoom): UserId => ghostUserId(NAMESPACE, idOf(agents - 1));

let made = 0;
const message = (sender: UserId, content: object): RoomEvent => {
  made++;
  return RoomEvent.parse({
    event_id: `$event${made}`,
    room_id: ROOM,
    type: "m.room.message",
    sender,
    unsigned: { age: 1 },
    content: { msgtype: "m.text", body: "hello", "m.mentions": {}, ...content },
  });
};

/** The kinds of events, each made for a room. */
const KINDS: Record<string, (room: BenchRoom) => RoomEvent> = {
  chatter: () => message(ALICE, {}),
  "a mention": (room) => message(ALICE, { "m.mentions": { user_ids: [last(room)] } }),
  "a name": (room) => message(ALICE, { body: `Agent ${room.agents - 1}: hello`, "m.mentions": undefined }),
  "an agent's own": (room) => message(last(room), {}),
  "a join": () =>
    RoomEvent.parse({
      ...message(ALICE, {}),
      type: "m.room.member",
      state_key: "@bob:elsewhere.test",
      content: { membership: "join" },
    }),
};

async function openRoom(folder: string, agents: number): Promise<BenchRoom> {
  const { ledger, close } = fileLedger(join(folder, `${agents}.db`), NAMESPACE);
  const ids = Array.from({ length: agents }, (_, n) => idOf(n));
  await ledger.setAgents(
    ids.map((id, n) => AgentSpec.parse({ id, name: `Agent ${n}`, backend: { use: "echo" }, turns: { queue: 1 } })),
  );
  const members = [ALICE, ...ids.map((id) => ghostUserId(NAMESPACE, id))];
  await ledger.setMembers(
    ROOM,
    members.map((userId) => ({ userId, membership: "join" })),
  );
  const url = "http://127.0.0.1:9";
  const { pump } = compose({
    environment: Environment.parse({ HOMESERVER_URL: url, SERVER_NAME, AS_TOKEN: "bench-as", HS_TOKEN: "bench-hs" }),
    ledger,
    clock: systemClock,
    runner: "bench",
    metrics: "json",
    turnMsMax: 1_000,
    env: () => undefined,
    fetch: () => Promise.reject(new Error("there is no homeserver")),
    log: () => undefined,
    // No lane but the measured one runs, so no agent answers.
    doorbell: () => ({ ring: async () => undefined }),
  });
  return { agents, ledger, run: pump.run, close, times: new Map() };
}

async function decide(room: BenchRoom, event: RoomEvent): Promise<number> {
  await room.ledger.accept({ events: [event], deadLetters: [], nowMs: Date.now() });
  const startedAt = performance.now();
  await room.run(`room:${ROOM}`);
  const time = performance.now() - startedAt;
  const verdict = (await room.ledger.verdictOf(event.event_id))?.verdict;
  if (verdict === undefined) throw new Error("the event was not decided");
  return time;
}

async function measure(rooms: readonly BenchRoom[], n: number): Promise<void> {
  for (const [kind, event] of Object.entries(KINDS)) {
    for (let at = 0; at < n + WARM_UP; at++) {
      for (const room of at % 2 === 0 ? rooms : rooms.toReversed()) {
        const time = await decide(room, event(room));
        if (at >= WARM_UP) room.times.set(kind, [...(room.times.get(kind) ?? []), time]);
      }
    }
  }
}

function report(rooms: readonly BenchRoom[]): void {
  const many = rooms.at(-1);
  if (!many) return;
  const others = rooms.slice(0, -1);
  const rows = Object.keys(KINDS).map((kind) => {
    const timesOf = (room: BenchRoom) => room.times.get(kind) ?? [];
    const ratios = others.map((room) => ratio(timesOf(many), timesOf(room)));
    return [kind, ...rooms.map((room) => ms(median(timesOf(room)))), ...ratios];
  });
  const heads = rooms.map(({ agents }) => `${agents.toLocaleString("en")} agents`);
  const compared = others.map(({ agents }) => `to ${agents} (95 %)`);
  process.stdout.write(table(["deciding", ...heads, ...compared], rows));
}

function ratio(of: readonly number[], to: readonly number[]): string {
  const [low, high] = ratioInterval(of, to);
  return `${(median(of) / median(to)).toFixed(2)} (${low.toFixed(2)}–${high.toFixed(2)})`;
}

const { values } = parseArgs({
  options: { n: { type: "string", default: "300" }, help: { type: "boolean", default: false } },
});
if (values.help) {
  process.stdout.write(HELP);
  process.exit(0);
}
const folder = mkdtempSync(join(tmpdir(), "troupe-bench-gate-"));
const rooms: BenchRoom[] = [];
try {
  for (const agents of AGENTS_OF) rooms.push(await openRoom(folder, agents));
  await measure(rooms, Number(values.n));
  report(rooms);
} finally {
  for (const { close } of rooms) close();
  rmSync(folder, { recursive: true, force: true });
}
