/** Troupe in this process, with a homeserver in memory, and the longest stretch in which nothing else could run. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Libsql from "libsql";
import { AgentSpec } from "#core/configuration/agent.ts";
import { Environment, namespaceOf } from "#core/configuration/environment.ts";
import type { RoomId } from "#core/protocol/ids.ts";
import { UserId } from "#core/protocol/ids.ts";
import type { Ledger } from "#ports/ledger.ts";
import { type FakeHomeserver, fakeHomeserver } from "#testing/homeserver.ts";
import { nodeDoorbell } from "../../appservice/host/doorbell.ts";
import { fileLedger } from "../../appservice/host/ledger.ts";
import { compose } from "../../worker/app.ts";
import { processClock } from "../../worker/clock.ts";

export const ALICE = "@alice:hs.test";
export const ECHO = "@agent_echo:hs.test";
const TOKENS = { AS_TOKEN: "as-token-of-the-bench", HS_TOKEN: "hs-token-of-the-bench" };
const LATER_MS = 3_600_000;
const SETTLED_MS_MAX = 120_000;

export interface Stage {
  server: FakeHomeserver;
  ledger: Ledger;
  /** Pushes a transaction's body, which arrives in pieces as over a network, and gives the status of the answer. */
  push(body: string | Uint8Array): Promise<number>;
  /** Makes these users the members of a room. */
  enter(room: RoomId, users: readonly string[]): Promise<void>;
  /** Resolves when no lane is due. */
  settled(): Promise<void>;
  close(): void;
}

export async function openStage(agents: readonly object[]): Promise<Stage> {
  const folder = mkdtempSync(join(tmpdir(), "troupe-bench-stretch-"));
  const environment = Environment.parse({
    ...TOKENS,
    HOMESERVER_URL: "http://hs.test",
    SERVER_NAME: "hs.test",
    SENDER_TURNS_PER_MINUTE: "0",
    ROOM_TURNS_PER_MINUTE: "0",
  });
  const { ledger, close } = fileLedger(join(folder, "troupe.db"), namespaceOf(environment));
  const server = fakeHomeserver(TOKENS.AS_TOKEN);
  const over = new AbortController();
  const app = compose({
    environment,
    ledger,
    clock: processClock,
    // As over a network, an answer comes in a later round of the event loop.
    fetch: async (input, init) => {
      await new Promise((resolve) => setImmediate(resolve));
      return server.fetch(input, init);
    },
    log: () => undefined,
    env: () => undefined,
    turnMsMax: 600_000,
    metrics: "json",
    runner: "bench",
    doorbell: (pump) =>
      nodeDoorbell({ pump, clock: processClock, over: over.signal, sweepMs: Number.POSITIVE_INFINITY }),
  });
  await app.applyAgents(agents.map((agent) => AgentSpec.parse(agent)));
  let transactions = 0;
  return {
    server,
    ledger,
    async push(body) {
      const answer = await app.http.request(`/_matrix/app/v1/transactions/${++transactions}`, {
        method: "PUT",
        headers: { authorization: `Bearer ${TOKENS.HS_TOKEN}`, "content-length": String(Buffer.byteLength(body)) },
        body: typeof body === "string" ? body : inPieces(body),
        ...(typeof body === "string" ? {} : { duplex: "half" }),
      });
      return answer.status;
    },
    async enter(room, users) {
      server.members.set(room, [...users]);
      for (const user of users.filter((one) => one.startsWith("@agent_"))) {
        server.users.add(user);
        server.devices.add(`${user}|TROUPE`);
      }
      const members = users.map((userId) => ({ userId: UserId.parse(userId), membership: "join" as const }));
      await ledger.setMembers(
        room,
        members.map((one) => ({ ...one, direct: users.length === 2 })),
      );
    },
    async settled() {
      const until = Date.now() + SETTLED_MS_MAX;
      while ((await ledger.dueLanes(Date.now() + LATER_MS, 1)).length > 0) {
        if (Date.now() > until) throw new Error("the work did not come to its end");
        await processClock.sleep(20);
      }
    },
    close() {
      over.abort();
      close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const PIECE_BYTES = 64 * 1_024;

export function inPieces(bytes: Uint8Array): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream({
    async pull(controller) {
      await new Promise((resolve) => setImmediate(resolve));
      if (at >= bytes.length) return controller.close();
      controller.enqueue(bytes.subarray(at, at + PIECE_BYTES));
      at += PIECE_BYTES;
    },
  });
}

/** A text longer than this is a whole body; to parse one is a single call. */
const BODY_LENGTH = 1_000_000;

/** What a stretch may have beside its work: the parsing of whole bodies, and the longest of its SQL statements. */
const apart = { parsingMs: 0, statementMs: 0 };

/** Measures each statement of the databases that are opened after this. */
function watchStatements(): void {
  const database = new Libsql(":memory:");
  const prototype: unknown = Object.getPrototypeOf(database.prepare("SELECT 1"));
  database.close();
  if (typeof prototype !== "object" || prototype === null) return;
  for (const name of ["run", "all", "get"]) {
    const method: unknown = Reflect.get(prototype, name);
    if (typeof method !== "function") continue;
    Reflect.set(prototype, name, function measured(this: unknown, ...given: unknown[]): unknown {
      const startedAt = performance.now();
      try {
        return Reflect.apply(method, this, given);
      } finally {
        apart.statementMs = Math.max(apart.statementMs, performance.now() - startedAt);
      }
    });
  }
}
watchStatements();

/** The longest time between two rounds of the event loop while `work` runs, in milliseconds, without what is `apart`. */
export async function longestStretch(work: () => Promise<void>): Promise<number> {
  let [last, longest, isOver] = [performance.now(), 0, false];
  const round = () => {
    const now = performance.now();
    longest = Math.max(longest, now - last - apart.parsingMs - apart.statementMs);
    [last, apart.parsingMs, apart.statementMs] = [now, 0, 0];
    if (!isOver) setImmediate(round);
  };
  const { parse } = JSON;
  JSON.parse = (text, reviver) => {
    const startedAt = performance.now();
    const value: unknown = parse(text, reviver);
    if (text.length > BODY_LENGTH) apart.parsingMs += performance.now() - startedAt;
    return value;
  };
  setImmediate(round);
  try {
    await work();
    // The last stretch ends with the next round.
    await new Promise<void>((resolve) => setImmediate(() => setImmediate(resolve)));
  } finally {
    isOver = true;
    JSON.parse = parse;
  }
  return longest;
}
