/** A database that an earlier version left in the middle of its work goes on where it was. */
import { afterEach, describe, expect, test, vi } from "vitest";
import { EventId } from "#core/protocol/ids.ts";
import { promptsOf, textOf } from "#core/turn/turn.ts";
import { composed } from "#testing/composed.ts";
import { aSession, NOW } from "#testing/ledger-rows.ts";
import { OLD_VERSIONS, type OldVersion } from "#testing/old-database.ts";
import { oldLedger, type TemporaryLedger } from "#testing/temp-ledger.ts";
import { systemClock } from "./clock.ts";
import { oldVersionContract } from "./ledger/old-version.contract.ts";

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

async function opened(version: OldVersion, atMs: number): Promise<TemporaryLedger> {
  const old = await oldLedger(version, atMs);
  closing.push(old.close);
  return old;
}

for (const old of OLD_VERSIONS) oldVersionContract("libSQL", old, async () => (await opened(old.version, NOW)).ledger);

interface FrozenRow {
  path: string;
  body: string;
  userId: string;
  deviceId: string;
}

/** The whole bridge on the old database, a minute after its old version ended, run until nothing is open. */
async function goneOn(version: OldVersion) {
  const { ledger, client, close } = await oldLedger(version, Date.now() - 60_000);
  const { rows } = await client.execute(
    "SELECT path, body, user_id AS userId, device_id AS deviceId FROM outbox WHERE state IN ('queued', 'frozen') AND path <> '' ORDER BY seq",
  );
  const frozen = rows.map((row): FrozenRow => {
    const text = (name: keyof FrozenRow) => String(row[name]);
    return { path: text("path"), body: text("body"), userId: text("userId"), deviceId: text("deviceId") };
  });
  const world = await composed({}, {}, systemClock, { ledger, close });
  closing.push(world.close);
  const { server } = world;
  for (const user of ["@agent_echo:hs.test", "@agent_guide:hs.test", "@troupe:hs.test"]) {
    server.users.add(user);
    for (const device of ["TROUPE", "PHONE"]) server.devices.add(`${user}|${device}`);
  }
  await world.app.sweep();
  await vi.waitFor(world.settled, { timeout: 10_000, interval: 50 });
  const sentAs = (key: string) => server.sent.find(({ path }) => path.endsWith(`/${key}`));
  return { ...world, frozen, sentAs };
}

describe.each(OLD_VERSIONS)("the bridge on a database of $version", ({ version, frozenRows, draftDevice }) => {
  test("sends frozen rows as they lie, each once", async () => {
    const { frozen, server } = await goneOn(version);
    expect(frozen).toHaveLength(frozenRows);
    const sent = server.sent.map(({ content, path, userId, deviceId }) => {
      return { path, body: JSON.stringify(content), userId, deviceId };
    });
    for (const row of frozen) expect(sent.filter(({ path }) => path === row.path)).toEqual([row]);
    expect(server.requests.filter((request) => request.includes("/send/"))).toHaveLength(sent.length);
  });

  test("asks and answers open turns in order, then the events that were not decided", async () => {
    const { server, ledger } = await goneOn(version);
    const direct = server.sent.filter(({ path }) => path.includes("!direct"));
    const answers = direct.map(({ content }) => content["body"]).filter((body) => body !== "Because.");
    expect(answers).toEqual(["echo one\n\ntwo", "echo three", "echo four"]);
    const verdict = async (id: string) => (await ledger.verdictOf(EventId.parse(id)))?.verdict;
    const four = (await ledger.transcript(aSession("mx.echo.7dxyre7njj4rh4cbdo2l"), 1))[0];
    expect(four && promptsOf(four).map(({ parts }) => textOf(parts))).toEqual(["four"]);
    expect(await verdict(four?.prompt.eventId ?? "")).toBe("wake_direct");
    expect((await ledger.verdicts())["not_addressed"]).toBe(3);
  });

  test("ends drafts by edits of them, with the device of the user now", async () => {
    const { sentAs, server } = await goneOn(version);
    expect(sentAs("stored.0.final")).toMatchObject({
      deviceId: "PHONE",
      content: {
        "m.relates_to": { rel_type: "m.replace", event_id: "$draft-stored" },
        "m.mentions": { user_ids: ["@alice:hs.test"] },
      },
    });
    expect(sentAs("half.0.final")?.content).toMatchObject({ "m.relates_to": { event_id: "$draft-half" } });
    const draft = sentAs("unsent.0.draft");
    expect(draft?.deviceId).toBe(draftDevice);
    expect(sentAs("unsent.0.final")?.content).toMatchObject({ "m.relates_to": { event_id: draft?.eventId } });
    expect(server.sent.map(({ path }) => path).filter((path) => path.includes("final.0.draft"))).toEqual([]);
  });
});
