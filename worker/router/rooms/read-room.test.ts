/** A crowded room is read in slices, and as much of it is kept as is of use. */
import { afterEach, expect, test } from "vitest";
import { BOUNDS } from "#core/bounds.ts";
import { ok } from "#core/result.ts";
import { anIntent } from "#testing/intent.ts";
import { NAMESPACE, ROOM } from "#testing/ledger-rows.ts";
import { type TemporaryLedger, temporaryLedger } from "#testing/temp-ledger.ts";
import { readRoom } from "./read-room.ts";

const ECHO_USER = "@agent_echo:hs.test";
let open: TemporaryLedger | undefined;
afterEach(() => open?.close());

test.for([
  ["users", "@user"],
  ["users of another server whose names are like ours", "@agent_user"],
])("a crowded room of %s is read in slices, and all of ours and so many others are kept", async ([, name]) => {
  open = await temporaryLedger();
  const { ledger, client } = open;
  const { membersRead, membersAtOnce } = BOUNDS;
  const users = Array.from({ length: 2 * membersRead.max }, (_, n) => `${name}${n}:evil.test`);
  const joined = Object.fromEntries([...users, "nonsense", ECHO_USER].map((id) => [id, {}]));
  const intent = anIntent(async ({ path }) =>
    ok(path.endsWith("/joined_members") ? { joined } : { sender: users[0], content: {} }),
  );
  let pauses = 0;
  const clock = { now: () => 0, sleep: async () => void pauses++ };
  const { people } = await readRoom({ ledger, clock, namespace: NAMESPACE }, intent, ROOM);
  const { rows } = await client.execute("SELECT count(*) AS count FROM members");
  expect(people).toBe(users.length + 2);
  expect(rows[0]?.["count"]).toBe(membersRead.max + 1);
  expect((await ledger.ghostsIn(ROOM, "", 10)).map(String)).toEqual([ECHO_USER]);
  expect(pauses).toBe(Math.floor((users.length + 1) / membersAtOnce.max));
});
