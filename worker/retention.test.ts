/** Every table has an end of what is kept in it: rows are filled in, time passes, and only what is promised is left. */
import { getTableName } from "drizzle-orm";
import { afterEach, describe, expect, test, vi } from "vitest";
import { retentionRows } from "#core/retention.ts";
import { composed } from "#testing/composed.ts";
import { anEvent } from "#testing/events.ts";
import { leaseOf, ROOM_LANE } from "#testing/ledger-rows.ts";
import { movingClock } from "#testing/moving-clock.ts";
import { pruned } from "#testing/pruned.ts";
import { tablesOfSchema } from "#testing/tables.ts";
import { type TemporaryLedger, temporaryLedger } from "#testing/temp-ledger.ts";

const HOUR_MS = 60 * 60_000;
const DAY_MS = 24 * HOUR_MS;
const NOW = 1_000 * DAY_MS;
const KEEP = { contentsMs: DAY_MS, eventIdsMs: 30 * DAY_MS, turnsMs: 90 * DAY_MS };

let database: TemporaryLedger;
const opened: { close(): void }[] = [];
afterEach(() => {
  for (const one of opened.splice(0)) one.close();
});
async function open() {
  database = await temporaryLedger();
  opened.push(database);
}

/** The room that an agent is in; in the other one, `!left`, only people are known. */
const HERE = "INSERT INTO members (room_id, user_id, membership) VALUES ('!here', '@agent_echo:hs.test', 'join')";
const aTurn = (seq: number, more: { atMs?: number; state?: string; into?: number; session?: string } = {}) => {
  const { atMs = NOW, state = "delivered", into = null, session = "s" } = more;
  return `INSERT INTO turns (seq, id, session, agent, room_id, direct, event_id, sender, prompt, sent_at_ms, state, attempt,
    not_before_ms, asked_at_ms, merged_into) VALUES
    (${seq}, 't${seq}', '${session}', 'echo', '!here', 0, '$t${seq}', '@a:x', 'p', 0, '${state}', 0, 0, ${atMs}, ${into})`;
};
const anEventRow = (seq: number, atMs: number, verdict = "'notice'") =>
  `INSERT INTO events (seq, event_id, room_id, received_at_ms, verdict, event)
    VALUES (${seq}, '$e${seq}', '!here', ${atMs}, ${verdict}, '{}')`;
const aRow = (key: string, state: string, turn: string | null, atMs: number, room = "!here") =>
  `INSERT INTO outbox (key, lane, turn_id, agent, user_id, device_id, path, body, state, attempt, not_before_ms, at_ms)
    VALUES ('${key}', 'out:@agent_echo:hs.test|${room}', ${turn}, 'echo', '@agent_echo:hs.test', '', '', '', '${state}', 0, 0, ${atMs})`;
const aLetter = (id: number, atMs: number, raw: string) =>
  `INSERT INTO dead_letters (id, kind, reason, raw, created_at_ms) VALUES (${id}, 'event', 'no', '${raw}', ${atMs})`;
const aLane = (id: string, atMs: number, untilMs = 0) =>
  `INSERT INTO lanes (id, owner, lease_until_ms, fence, claimed_at_ms) VALUES ('${id}', NULL, ${untilMs}, 7, ${atMs})`;
const aMember = (room: string, user: string, membership: string) =>
  `INSERT INTO members (room_id, user_id, membership) VALUES ('${room}', '${user}', '${membership}')`;
const aGhost = (user: string) => `INSERT INTO ghosts (user_id, device_id) VALUES ('${user}', 'D')`;
const anAgent = (id: string, retired = 0, family = 0) =>
  `INSERT INTO agents (id, agent, retired, family) VALUES ('${id}', '{}', ${retired}, ${family})`;
const ago = (ms: number) => NOW - ms;

interface Case {
  /** What is filled in, beside an agent in a room. */
  rows: string[];
  /** The query for what is left, as one column. */
  left: string;
  expected: unknown[];
}

/** For each table of the ledger: old rows, young ones, and old ones that something holds. */
const CASES: Record<string, Case> = {
  events: {
    rows: [
      anEventRow(1, ago(31 * DAY_MS), "NULL"),
      anEventRow(2, ago(31 * DAY_MS)),
      anEventRow(3, ago(2 * DAY_MS)),
      anEventRow(4, ago(HOUR_MS)),
    ],
    left: "SELECT seq || event FROM events ORDER BY seq",
    expected: ["1{}", "3", "4{}"],
  },
  turns: {
    rows: [
      aTurn(1, { atMs: ago(91 * DAY_MS), state: "queued" }),
      aTurn(2, { atMs: ago(91 * DAY_MS), into: 1 }),
      aTurn(3, { atMs: ago(91 * DAY_MS) }),
      aTurn(4, { atMs: ago(89 * DAY_MS) }),
    ],
    left: "SELECT seq FROM turns ORDER BY seq",
    expected: [1, 2, 4],
  },
  outbox: {
    rows: [
      aTurn(1),
      aRow("of-a-turn", "sent", "'t1'", 0),
      aRow("of-no-turn", "sent", "'t9'", 0),
      aRow("unsent", "queued", "'t9'", 0),
      aRow("cmd-old.0.0", "sent", null, ago(91 * DAY_MS)),
      aRow("cmd-new.0.0", "sent", null, ago(89 * DAY_MS)),
      aRow("sealed-here.0.0", "sent", null, ago(500 * DAY_MS)),
      aRow("sealed-left.0.0", "sent", null, ago(500 * DAY_MS), "!left"),
    ],
    left: "SELECT key FROM outbox ORDER BY seq",
    expected: ["of-a-turn", "unsent", "cmd-new.0.0", "sealed-here.0.0"],
  },
  dead_letters: {
    rows: [aLetter(1, ago(31 * DAY_MS), "old"), aLetter(2, ago(2 * DAY_MS), "quoted"), aLetter(3, NOW, "new")],
    left: "SELECT id || raw FROM dead_letters ORDER BY id",
    expected: ["2", "3new"],
  },
  lanes: {
    rows: [
      aLane("room:!a", ago(2 * DAY_MS)),
      aLane("room:!b", ago(2 * DAY_MS), NOW + 20_000),
      aLane("room:!c", ago(HOUR_MS)),
      aLane("room:!d", ago(2 * DAY_MS), ago(DAY_MS)),
    ],
    left: "SELECT id FROM lanes ORDER BY id",
    expected: ["room:!b", "room:!c"],
  },
  members: {
    rows: [
      aMember("!here", "@alice:hs.test", "join"),
      aMember("!here", "@bob:hs.test", "leave"),
      aMember("!here", "@agent_guide:hs.test", "leave"),
      aMember("!left", "@alice:hs.test", "join"),
      aMember("!left", "@agent_echo:hs.test", "leave"),
    ],
    left: "SELECT user_id FROM members ORDER BY room_id, user_id",
    expected: ["@agent_echo:hs.test", "@agent_guide:hs.test", "@alice:hs.test"],
  },
  rooms: {
    rows: [
      "INSERT INTO rooms (room_id, origin, state, left_at_ms) VALUES ('!here', '!here', '{\"name\":\"n\"}', 5)",
      "INSERT INTO rooms (room_id, origin, state) VALUES ('!just-left', '!just-left', '{\"name\":\"n\"}')",
      `INSERT INTO rooms (room_id, origin, state, left_at_ms) VALUES ('!left', '!left', '{"name":"n"}', ${ago(2 * DAY_MS)})`,
      `INSERT INTO rooms (room_id, origin, state, left_at_ms) VALUES ('!gone', '!gone', '{}', ${ago(91 * DAY_MS)})`,
      `INSERT INTO rooms (room_id, origin, state, left_at_ms, replacement) VALUES ('!before', '!before', '{}', ${ago(91 * DAY_MS)}, '!here')`,
    ],
    left: "SELECT room_id || state || coalesce(left_at_ms, '') FROM rooms ORDER BY rowid",
    expected: [
      '!here{"name":"n"}',
      `!just-left{"name":"n"}${NOW}`,
      `!left{}${ago(2 * DAY_MS)}`,
      `!before{}${ago(91 * DAY_MS)}`,
    ],
  },
  directs: {
    rows: [
      "INSERT INTO directs (room_id, user_id) VALUES ('!here', '@agent_echo:hs.test'), ('!left', '@agent_echo:hs.test')",
    ],
    left: "SELECT room_id FROM directs",
    expected: ["!here"],
  },
  threads: {
    rows: [
      `INSERT INTO threads (room_id, root, shared, at_ms) VALUES ('!a', 'old', 0, ${ago(31 * DAY_MS)}), ('!a', 'new', 0, ${NOW})`,
    ],
    left: "SELECT root FROM threads",
    expected: ["new"],
  },
  epochs: {
    rows: [
      aTurn(1, { session: "in-use" }),
      `INSERT INTO epochs (base, epoch, session, at_ms) VALUES ('a', 1, 'gone', ${ago(91 * DAY_MS)}),
        ('b', 1, 'in-use', ${ago(91 * DAY_MS)}), ('c', 1, 'new', ${ago(89 * DAY_MS)})`,
    ],
    left: "SELECT base FROM epochs ORDER BY base",
    expected: ["b", "c"],
  },
  controls: {
    rows: [
      aTurn(1, { state: "running", session: "open" }),
      aTurn(2, { session: "ended" }),
      "INSERT INTO controls (session, kind, upto_seq) VALUES ('open', 'stop', 1), ('ended', 'stop', 2), ('open', 'stop', 0)",
    ],
    left: "SELECT session || upto_seq FROM controls",
    expected: ["open1"],
  },
  pairs: {
    rows: [
      `INSERT INTO pairs VALUES ('!a', '@old', 'echo', ${ago(2 * HOUR_MS)}, 1, 0), ('!a', '@new', 'echo', ${NOW}, 1, 0)`,
    ],
    left: "SELECT sender FROM pairs",
    expected: ["@new"],
  },
  learnt: {
    rows: [
      `INSERT INTO learnt VALUES ('old', '[]', ${ago(8 * DAY_MS)}), ('new', '[]', ${ago(6 * DAY_MS)})`,
      `INSERT INTO learnt VALUES ('ahead', '[]', ${NOW + 8 * DAY_MS})`,
    ],
    left: "SELECT agent FROM learnt",
    expected: ["new"],
  },
  pairings: {
    rows: [
      `INSERT INTO pairings (agent, user_id, code, at_ms) VALUES ('echo', '@old', 'A', ${ago(2 * HOUR_MS)}), ('echo', '@new', 'B', ${NOW})`,
    ],
    left: "SELECT user_id FROM pairings",
    expected: ["@new"],
  },
  invite_codes: {
    rows: [
      `INSERT INTO invite_codes (agent, code, at_ms) VALUES ('echo', 'old', ${ago(8 * DAY_MS)}), ('echo', 'new', ${ago(6 * DAY_MS)})`,
    ],
    left: "SELECT code FROM invite_codes",
    expected: ["new"],
  },
  admissions: {
    rows: [
      `INSERT INTO admissions (event_id, inviter, user_id, at_ms) VALUES ('$old', 'x', 'y', ${ago(2 * HOUR_MS)}), ('$new', 'x', 'y', ${NOW})`,
    ],
    left: "SELECT event_id FROM admissions",
    expected: ["$new"],
  },
  buckets: {
    rows: [
      `INSERT INTO buckets VALUES ('old', 1, ${ago(120_000)}), ('new', 1, ${NOW}), ('ahead', 1, ${NOW + HOUR_MS})`,
    ],
    left: "SELECT key FROM buckets",
    expected: ["new"],
  },
  agents: {
    rows: [anAgent("echo"), anAgent("removed", 1)],
    left: "SELECT id FROM agents",
    expected: ["echo"],
  },
  ghosts: {
    rows: [
      ...[anAgent("idle"), anAgent("ticket_*", 0, 1), anAgent("removed", 1)],
      ...["idle", "ticket_1", "ticket_2", "removed", "owes"].map((id) => aGhost(`@agent_${id}:hs.test`)),
      aGhost("@troupe:hs.test"),
      aMember("!here", "@agent_ticket_2:hs.test", "join"),
      aRow("owed", "queued", null, 0).replaceAll("@agent_echo", "@agent_owes"),
    ],
    left: "SELECT user_id FROM ghosts ORDER BY user_id",
    expected: ["@agent_idle:hs.test", "@agent_owes:hs.test", "@agent_ticket_2:hs.test", "@troupe:hs.test"],
  },
  transactions: {
    rows: [`INSERT INTO transactions VALUES ('old', ${ago(31 * DAY_MS)}), ('new', ${NOW})`],
    left: "SELECT id FROM transactions",
    expected: ["new"],
  },
  grants: {
    rows: ["INSERT INTO grants VALUES ('@alice:hs.test', 'echo', 5)"],
    left: "SELECT user_id FROM grants",
    expected: ["@alice:hs.test"],
  },
  settings: {
    rows: ["INSERT INTO settings (name, value) VALUES ('room:!left', '{}')"],
    left: "SELECT name FROM settings",
    expected: ["room:!left"],
  },
  aliases: {
    rows: ["INSERT INTO aliases VALUES ('#a:hs.test', '!left', 5)"],
    left: "SELECT alias FROM aliases",
    expected: ["#a:hs.test"],
  },
  verdicts: {
    rows: ["INSERT INTO verdicts VALUES ('notice', 5)"],
    left: "SELECT verdict FROM verdicts",
    expected: ["notice"],
  },
  marks: {
    rows: ["INSERT INTO marks VALUES ('repaired', '!a')"],
    left: "SELECT name FROM marks WHERE name = 'repaired'",
    expected: ["repaired"],
  },
};

const column = async (query: string): Promise<unknown[]> =>
  (await database.client.execute(query)).rows.map((row) => row[0]);

describe("what is kept", () => {
  test("is said of every table, and tried for every table", async () => {
    const tables = (await tablesOfSchema()).map((table) => getTableName(table)).sort();
    expect(Object.keys(CASES).sort()).toEqual(tables);
    expect([...new Set(retentionRows().flatMap((row) => row.tables))].sort()).toEqual(tables);
  });

  test.for(Object.entries(CASES))("in %s is what is promised, and no more", async ([, { rows, left, expected }]) => {
    await open();
    for (const row of [HERE, ...rows]) await database.client.execute(row);
    await pruned(database.ledger, NOW, KEEP);
    expect(await column(left)).toEqual(expected);
  });

  const HELD = 1_100;
  test.for(["events", "turns", "outbox", "lanes", "members", "controls"])(
    "in %s ends also behind a thousand rows that are held",
    async (table) => {
      await open();
      const held: Record<string, (n: number) => string> = {
        events: (n) => anEventRow(n, ago(31 * DAY_MS), "NULL"),
        turns: (n) => aTurn(n, { atMs: ago(91 * DAY_MS), state: "queued" }),
        outbox: (n) => aRow(`held${n}`, "queued", null, 0),
        lanes: (n) => aLane(`room:!${n}`, ago(2 * DAY_MS), NOW + 20_000),
        members: (n) => aMember("!here", `@held${n}:hs.test`, "join"),
        controls: () => "INSERT INTO controls (session, kind, upto_seq) VALUES ('open', 'stop', 5000)",
      };
      const gone: Record<string, (n: number) => string> = {
        events: (n) => anEventRow(n, ago(31 * DAY_MS)),
        turns: (n) => aTurn(n, { atMs: ago(91 * DAY_MS) }),
        outbox: (n) => aRow(`gone${n}`, "sent", null, 0),
        lanes: (n) => aLane(`room:!${n}`, ago(2 * DAY_MS)),
        members: (n) => aMember("!left", `@gone${n}:hs.test`, "join"),
        controls: () => "INSERT INTO controls (session, kind, upto_seq) VALUES ('gone', 'stop', 1)",
      };
      const rows = [HERE, ...(table === "controls" ? [aTurn(1, { state: "queued", session: "open" })] : [])];
      for (let n = 1; n <= 2_000; n++) rows.push((n <= HELD ? held : gone)[table]?.(n) ?? "");
      await database.client.batch(rows, "write");
      // What goes round a table goes on at the next upkeep where it found nothing.
      for (let upkeep = 0; upkeep < 4; upkeep++) await pruned(database.ledger, NOW, KEEP);
      const [count] = await column(`SELECT count(*) FROM ${table}`);
      expect(count).toBe(HELD + (table === "members" ? 1 : 0));
    },
  );

  test("of what was written while the clock was ahead ends as well", async () => {
    await open();
    for (const row of [anEventRow(1, NOW + 365 * DAY_MS), aTurn(1, { atMs: NOW + 365 * DAY_MS }), anEventRow(2, NOW)])
      await database.client.execute(row);
    await pruned(database.ledger, NOW, KEEP);
    expect(await column("SELECT seq FROM events")).toEqual([1, 2]);
    await pruned(database.ledger, NOW + 91 * DAY_MS, KEEP);
    expect(await column("SELECT seq FROM events UNION ALL SELECT seq FROM turns")).toEqual([]);
  });

  test("of the latest dead letters is a thousand", async () => {
    await open();
    await database.client.batch(
      Array.from({ length: 1_600 }, (_, n) => aLetter(n + 1, NOW, "")),
      "write",
    );
    await pruned(database.ledger, NOW, KEEP);
    expect(await column("SELECT min(id) || ' ' || count(*) FROM dead_letters")).toEqual(["601 1000"]);
  });

  test("of an event that was decided late is no content", async () => {
    await open();
    const { ledger } = database;
    const events = [anEvent(), anEvent()] as const;
    await ledger.accept({ events, deadLetters: [], nowMs: ago(2 * DAY_MS) });
    await pruned(ledger, NOW, KEEP);
    const lease = await leaseOf(ledger, ROOM_LANE);
    const [one, two] = await ledger.nextEvents(lease, 5);
    expect(one?.event.content).toEqual(events[0].content);
    if (one) await ledger.settle(lease, one, { reason: "notice", turns: [], members: [], controls: [], notices: [] });
    if (two) await ledger.ignore(lease, [{ seq: two.seq, reason: "notice" }]);
    expect(await column("SELECT event FROM events")).toEqual(["", ""]);
  });

  test("of a lane is its latest fence, so that a late runner writes nothing", async () => {
    await open();
    const { ledger } = database;
    const late = await leaseOf(ledger, ROOM_LANE, "late", ago(2 * DAY_MS));
    await pruned(ledger, NOW, KEEP);
    expect(await column("SELECT id FROM lanes")).toEqual([]);
    const lease = await leaseOf(ledger, ROOM_LANE, "next", NOW);
    expect(lease.fence).toBeGreaterThan(late.fence);
    expect(await ledger.renew(late, NOW)).toBe("lost");
  });
});

describe("what is said once", () => {
  test("in an encrypted room is said once, not daily", async () => {
    const clock = movingClock();
    const world = await composed({ echo: { backend: { use: "echo" } } }, {}, clock);
    opened.push(world);
    const { push, joined, bodies, ledger } = world;
    await joined("@alice:hs.test", "@agent_echo:hs.test");
    const encrypted = () => anEvent({ type: "m.room.encrypted", content: { algorithm: "m.megolm.v1.aes-sha2" } });
    for (let day = 1; day <= 100; day += 33) {
      await push(encrypted());
      await vi.waitFor(async () => expect((await ledger.figures(0)).undecidedEvents).toBe(0));
      await vi.waitFor(async () => expect((await ledger.figures(0)).outboxRows).toBe(0));
      clock.move(33 * DAY_MS);
      await pruned(ledger, clock.now(), KEEP);
      // The homeserver does not know our sends any more.
      world.server.sent.splice(1);
    }
    expect(bodies()).toHaveLength(1);
    expect(world.server.requests.filter((line) => line.includes("/send/"))).toHaveLength(1);
  });
});
