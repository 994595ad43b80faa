/** Fills ledgers with what a host would have written, without its commits. */
import { randomBytes } from "node:crypto";
import { closeSync, copyFileSync, fsyncSync, mkdirSync, openSync, statSync } from "node:fs";
import { join } from "node:path";
import Libsql from "libsql";
import { fileLedger } from "../../appservice/host/ledger.ts";
import { roomMessage } from "../ingest.ts";
import {
  agentFor,
  agentOf,
  ghostOf,
  hashed,
  NAMESPACE,
  personOf,
  roomOf,
  type Size,
  type Step,
  sessionOf,
} from "./sizes.ts";

type Cell = string | number | null;
const ROWS_AT_ONCE = 5_000;

/** Adds the rows between two sizes to a file, without waiting for the disk. */
function grow(path: string, from: Size | undefined, to: Size): void {
  fileLedger(path, NAMESPACE).close();
  const file = new Libsql(path);
  for (const pragma of ["journal_mode = OFF", "synchronous = OFF", "cache_size = -400000"]) {
    file.exec(`PRAGMA ${pragma}`);
  }
  const fill = (into: string, range: [from: number, to: number], row: (n: number) => Cell[][]) =>
    insert(file, into, range, row);
  const since = (key: keyof Size): [number, number] => [from?.[key] ?? 0, to[key]];
  fill("agents (id, agent, retired)", since("agents"), (n) => [[agentOf(n), agentJson(n), 0]]);
  fill("ghosts (user_id, device_id, profile)", since("agents"), (n) => [[ghostOf(n), "TROUPE", agentOf(n)]]);
  fill("members (room_id, user_id, membership)", since("rooms"), (room) =>
    [ghostOf(agentFor(2 * room)), ghostOf(agentFor(2 * room + 1)), personOf(0), personOf(room + 1)].map((userId) => [
      roomOf(room),
      userId,
      "join",
    ]),
  );
  fill(LANES, since("rooms"), (n) => [[`room:${roomOf(n)}`, null, 0, 40, Date.now()]]);
  fill("transactions (id, accepted_at_ms)", since("events"), (n) => [[`before-${n}`, Date.now()]]);
  fill("events (event_id, room_id, received_at_ms, verdict, event)", since("events"), (n) => {
    const { user_id, age, ...event } = roomMessage(roomOf(n % to.rooms), personOf(0));
    return [[event.event_id, event.room_id, Date.now(), "not_addressed", JSON.stringify(event)]];
  });
  fillSessions(fill, since("sessions"));
  file.close();
  onDisk(path);
}

const LANES = "lanes (id, owner, lease_until_ms, fence, claimed_at_ms)";

type Fill = (into: string, range: [from: number, to: number], row: (n: number) => Cell[][]) => void;

/** Sessions with one delivered turn each, its outbox row and the two lanes that ran. */
function fillSessions(fill: Fill, range: [number, number]): void {
  const of = (n: number) => {
    const [agent, room, turn] = [agentFor(n), roomOf(Math.floor(n / 2)), hashed(`turn ${n}`, 24)];
    const lane = `out:${ghostOf(agent)}|${room}`;
    return { agent: agentOf(agent), room, turn, ghost: ghostOf(agent), lane, session: sessionOf(n) };
  };
  fill(LANES, range, (n) => {
    const { session, lane } = of(n);
    return [
      [`session:${session}`, null, 0, 4, Date.now()],
      [lane, null, 0, 4, Date.now()],
    ];
  });
  const turn = `turns (id, session, agent, room_id, direct, event_id, sender, prompt, sent_at_ms, state, attempt,
    not_before_ms, reply_kind, reply, asked_at_ms)`;
  fill(turn, range, (n) => {
    const { turn: id, session, agent, room } = of(n);
    const reply = `An answer of some length. ${"And so it goes on. ".repeat(20)}`;
    const prompt = [eventId(), personOf(0), "What is it this time?", Date.now()];
    return [[id, session, agent, room, 0, ...prompt, "delivered", 1, 0, "reply", reply, Date.now()]];
  });
  fill(
    "outbox (key, lane, turn_id, agent, user_id, device_id, path, body, state, event_id, attempt, not_before_ms)",
    range,
    (n) => {
      const { turn: id, lane, agent, ghost, room } = of(n);
      const path = `/_matrix/client/v3/rooms/${room}/send/m.room.message/${id}.0.0`;
      const body = JSON.stringify({ msgtype: "m.text", body: "And so it goes on. ".repeat(20) });
      return [[`${id}.0.0`, lane, id, agent, ghost, "TROUPE", path, body, "sent", eventId(), 0, 0]];
    },
  );
}

/** Inserts rows as JSON, some thousands in each statement. */
function insert(file: Libsql.Database, into: string, [from, to]: [number, number], row: (n: number) => Cell[][]): void {
  const columns = into.slice(into.indexOf("(") + 1).split(",");
  const values = columns.map((_, at) => `value ->> ${at}`).join(", ");
  const statement = file.prepare(`INSERT INTO ${into} SELECT ${values} FROM json_each(?)`);
  for (let n = from; n < to; n += ROWS_AT_ONCE) {
    const rows = Array.from({ length: Math.min(ROWS_AT_ONCE, to - n) }, (_, at) => row(n + at)).flat();
    statement.run([JSON.stringify(rows)]);
  }
}

const eventId = (): string => `$${randomBytes(32).toString("base64url")}`;
const agentJson = (n: number): string =>
  JSON.stringify({ id: agentOf(n), name: `Helper ${n}`, backend: { use: "echo" } });

/** Writes the file to disk now, or the first commit of a measurement would wait for it. */
function onDisk(path: string): void {
  const descriptor = openSync(path, "r+");
  fsyncSync(descriptor);
  closeSync(descriptor);
}

/** A file for every size, each grown from a copy of the one before. */
export function fillAll(folder: string, sizes: readonly Size[], onFilled: (size: Size, ms: number) => void): Step[] {
  return sizes.map((size, at) => {
    const startedAt = performance.now();
    const [its, before] = [join(folder, String(size.events)), sizes[at - 1]];
    mkdirSync(its);
    const file = join(its, "troupe.db");
    if (before) copyFileSync(join(folder, String(before.events), "troupe.db"), file);
    grow(file, before, size);
    onFilled(size, performance.now() - startedAt);
    const measured = { push: [], claim: [], due: [], startMs: Number.NaN, rss: Number.NaN };
    return { ...size, ...measured, folder: its, file, bytes: statSync(file).size };
  });
}
