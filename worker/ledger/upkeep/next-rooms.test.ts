import { afterEach, expect, test } from "vitest";
import { RoomId, UserId } from "#core/protocol/ids.ts";
import { NAMESPACE } from "#testing/ledger-rows.ts";
import { temporaryLedger } from "#testing/temp-ledger.ts";
import type { Sql } from "../sql/database.ts";
import { libsqlDatabase } from "../sql/libsql.ts";
import { gaps } from "./gaps.ts";

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

test("the next rooms are found without walking the members of each", async () => {
  const { ledger, client, close } = await temporaryLedger();
  closing.push(close);
  const rooms = Array.from({ length: 5 }, (_, n) => RoomId.parse(`!room${n}`));
  const members = Array.from({ length: 100 }, (_, n) => UserId.parse(`@user${n}:hs.test`));
  for (const room of rooms) {
    await ledger.setMembers(
      room,
      members.map((userId) => ({ userId, membership: "join" as const })),
    );
  }
  const database = libsqlDatabase(client, NAMESPACE);
  const asked: Sql[] = [];
  const { roomsAfter } = gaps({
    ...database,
    all(statement) {
      asked.push(statement);
      return database.all(statement);
    },
  });
  expect(await roomsAfter("", 3)).toEqual(rooms.slice(0, 3));
  expect(await roomsAfter(rooms[0] ?? "", 10)).toEqual(rooms.slice(1));
  expect(await roomsAfter("!room9", 10)).toEqual([]);

  const [{ text, values } = { text: "", values: [] }] = asked;
  const { rows } = await client.execute({ sql: `EXPLAIN QUERY PLAN ${text}`, args: [...values] });
  const plan = rows.map((row) => String(row["detail"]));
  const searches = plan.filter((line) => line.includes("members"));
  // One search for each single room; a search for all of them would read every member.
  expect(plan.filter((line) => /SCALAR SUBQUERY/.test(line))).toHaveLength(searches.length);
  for (const line of searches) expect(line).toMatch(/^SEARCH members USING COVERING INDEX members_joined /);
});
