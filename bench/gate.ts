/**
 * Whether deciding an event costs more the more agents are in the room: the same events through the real room lane, on
 * real files, in rooms with 10, 100 and 10,000 agents. One process; the rooms take turns, so that what the machine
 * does meanwhile hits both.
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
/** Beyond twenty one more statement asks who of them is concerned; from there on it should cost the same. */
const AGENTS_OF = [10, 100, 10_000];
const WARM_UP = 30;

const HELP = `npm run bench:gate -- [--n 300]

--n   Events of each kind in each room, after ${WARM_UP} to warm up.
`;

interface Hall {
  agents: number;
  ledger: Ledger;
  run: RunLane;
  close: () => void;
  times: Map<string, number[]>;
}

const idOf = (n: number): AgentId => AgentId.parse(`a${String(n).padStart(5, "0")}`);
const last = ({ agents }: Hall): UserId => ghostUserId(NAMESPACE, idOf(agents - 1));

let made = 0;
const message = (sender: UserId, content: object): RoomEvent => {
  made++;
  return RoomEvent.parse({
    ...{ event_id: `$event${made}`, room_id: ROOM, type: "m.room.message", sender, unsigned: { age: 1 } },
    content: { msgtype: "m.text", body: "hello", "m.mentions": {}, ...content },
  });
};

/** What is said in such a room. */
const KINDS: Record<string, (hall: Hall) => RoomEvent> = {
  chatter: () => message(ALICE, {}),
  "a mention": (hall) => message(ALICE, { "m.mentions": { user_ids: [last(hall)] } }),
  "a name": (hall) => message(ALICE, { body: `Agent ${hall.agents - 1}: hello`, "m.mentions": undefined }),
  "an agent's own": (hall) => message(last(hall), {}),
  "somebody comes": () =>
    RoomEvent.parse({
      ...message(ALICE, {}),
      ...{ type: "m.room.member", state_key: "@bob:elsewhere.test", content: { membership: "join" } },
    }),
};

async function open(folder: string, agents: number): Promise<Hall> {
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
    ...{ ledger, clock: systemClock, runner: "bench", metrics: "json", turnMsMax: 1_000, env: () => undefined },
    fetch: () => Promise.reject(new Error("nobody is there")),
    log: () => undefined,
    // Only deciding is measured: nobody answers.
    doorbell: () => ({ ring: async () => undefined }),
  });
  return { agents, ledger, run: pump.run, close, times: new Map() };
}

async function decide(hall: Hall, event: RoomEvent): Promise<number> {
  await hall.ledger.accept({ events: [event], deadLetters: [], nowMs: Date.now() });
  const startedAt = performance.now();
  await hall.run(`room:${ROOM}`);
  const time = performance.now() - startedAt;
  const verdict = (await hall.ledger.verdictOf(event.event_id))?.verdict;
  if (verdict === undefined) throw new Error("the event was not decided");
  return time;
}

async function measure(halls: readonly Hall[], n: number): Promise<void> {
  for (const [kind, event] of Object.entries(KINDS)) {
    for (let at = 0; at < n + WARM_UP; at++) {
      for (const hall of at % 2 === 0 ? halls : halls.toReversed()) {
        const time = await decide(hall, event(hall));
        if (at >= WARM_UP) hall.times.set(kind, [...(hall.times.get(kind) ?? []), time]);
      }
    }
  }
}

function report(halls: readonly Hall[]): void {
  const many = halls.at(-1);
  if (!many) return;
  const others = halls.slice(0, -1);
  const rows = Object.keys(KINDS).map((kind) => {
    const timesOf = (hall: Hall) => hall.times.get(kind) ?? [];
    const ratios = others.map((hall) => ratio(timesOf(many), timesOf(hall)));
    return [kind, ...halls.map((hall) => ms(median(timesOf(hall)))), ...ratios];
  });
  const heads = halls.map(({ agents }) => `${agents.toLocaleString("en")} agents`);
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
const halls: Hall[] = [];
try {
  for (const agents of AGENTS_OF) halls.push(await open(folder, agents));
  await measure(halls, Number(values.n));
  report(halls);
} finally {
  for (const { close } of halls) close();
  rmSync(folder, { recursive: true, force: true });
}
