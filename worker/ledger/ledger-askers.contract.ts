/** The part of the ledger's contract about whom an agent speaks for: the people who asked for what it said. */
import { describe, expect, test } from "vitest";
import type { DeliveryKey } from "#core/message/mark.ts";
import { UserId } from "#core/protocol/ids.ts";
import type { NewTurn } from "#core/turn/turn.ts";
import type { Ledger } from "#ports/ledger.ts";
import {
  anAnswer,
  aPrompt,
  aRow,
  aTurn,
  currentTurn,
  ECHO,
  keyOf,
  NOW,
  queued,
  ROOM,
  settled,
  startAttempt,
} from "#testing/ledger-rows.ts";

type Make = () => Promise<Ledger>;

export function askersContract(make: Make): void {
  describe("whom an agent speaks for", () => askersOfContract(make));
}

function askersOfContract(make: Make): void {
  const [ALICE, BOB] = [UserId.parse("@alice:hs.test"), UserId.parse("@bob:hs.test")];
  const [GUIDE_ID, ECHO_ID] = [UserId.parse("@agent_guide:hs.test"), UserId.parse("@agent_echo:hs.test")];
  const by = (sender: UserId, text: string) => aPrompt(text, { sender });
  /** A turn that was answered, after those behind it were merged into it; the key of its answer. */
  async function answered(ledger: Ledger, ...turns: NewTurn[]): Promise<DeliveryKey> {
    const lease = await queued(ledger, ...turns);
    const turn = await currentTurn(ledger, lease);
    if (!turn) throw new Error("there is no turn");
    await ledger.merge(lease, turn, "all");
    await startAttempt(ledger, lease, turn);
    const row = aRow({ turnId: turn.id });
    await ledger.storeAnswer(lease, turn.id, anAnswer("hi", { rows: [row] }));
    return row.key;
  }
  const askers = async (ledger: Ledger, ownKey: DeliveryKey, sender = ECHO_ID) =>
    (await ledger.sender(ROOM, { sender, ownKey })).askers;

  test("is who asked, with the agents that know them", async () => {
    const ledger = await make();
    await ledger.allow(ECHO, ALICE, NOW);
    const key = await answered(ledger, aTurn({ prompt: by(ALICE, "one") }));
    expect(await askers(ledger, key)).toEqual([{ userId: ALICE, paired: [ECHO] }]);
  });

  test("is everybody whose messages were merged, also after one was taken back", async () => {
    const ledger = await make();
    const taken = aTurn({ prompt: by(BOB, "two") });
    const key = await answered(ledger, aTurn({ prompt: by(ALICE, "one") }), taken);
    const both = [ALICE, BOB].map((userId) => ({ userId, paired: [] }));
    expect(await askers(ledger, key)).toEqual(both);
    await settled(ledger, { reason: "redaction", redacted: taken.prompt.eventId });
    expect(await askers(ledger, key)).toEqual(both);
  });

  test("is whom another agent spoke for", async () => {
    const ledger = await make();
    const key = await answered(ledger, aTurn({ prompt: by(GUIDE_ID, "one"), onBehalfOf: [ALICE, BOB] }));
    expect((await askers(ledger, key))?.map(({ userId }) => userId)).toEqual([ALICE, BOB]);
  });

  test("is not known where an older version did not keep it, and for no turn", async () => {
    const ledger = await make();
    const key = await answered(ledger, aTurn({ prompt: by(GUIDE_ID, "one") }), aTurn({ prompt: by(ALICE, "two") }));
    expect(await askers(ledger, key)).toBeUndefined();
    expect(await askers(ledger, keyOf("none.0.0"))).toBeUndefined();
  });

  test("is not told of what another of our users, or somebody else, says with the same key", async () => {
    const ledger = await make();
    const key = await answered(ledger, aTurn({ prompt: by(ALICE, "one") }));
    expect(await askers(ledger, key)).toHaveLength(1);
    expect(await askers(ledger, key, GUIDE_ID)).toBeUndefined();
    expect(await askers(ledger, key, BOB)).toBeUndefined();
  });
}
