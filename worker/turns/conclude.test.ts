import { describe, expect, test } from "vitest";
import { NOTHING_TO_SAY, STOPPED, TOO_LONG } from "#core/strings/replies.ts";
import { textReply } from "#core/turn/turn.ts";
import { aStoredTurn, keyOf, NOW, SESSION_LANE } from "#testing/ledger-rows.ts";
import { type ConcludeNeeds, conclude } from "./conclude.ts";
import type { Outcome } from "./words.ts";

const turn = aStoredTurn({ state: "running", attempt: 1 });
const lease = { lane: SESSION_LANE, fence: 1 };

/** Concludes a turn; `done` lists what the ledger was asked to write. */
async function concluded(outcome: Outcome, draft: boolean) {
  const done: unknown[] = [];
  const ledger: ConcludeNeeds["ledger"] = {
    outboxRow: async () => (draft ? { state: "sent" } : undefined),
    endTurn: async (_lease, _id, lack) => (done.push(["ended", lack]) > 0 ? [] : undefined),
    storeAnswer: async (_lease, _id, { reply }) => (done.push(["answered", reply]) > 0 ? [] : undefined),
  };
  const delivery = { draftKey: () => keyOf("key"), rows: async () => [] };
  const clock = { now: () => NOW };
  const how = await conclude(
    { ledger, delivery, clock, log: () => undefined, ring: async () => undefined },
    { lease },
    turn,
    outcome,
    draft,
  );
  return { how, done };
}

describe("a turn without an answer", () => {
  test("ends without a message when the agent declined", async () =>
    expect(await concluded({ kind: "silent" }, false)).toEqual({
      how: "silent",
      done: [["ended", { ending: "silent" }]],
    }));
  test("says so when a draft was shown before the agent declined", async () =>
    expect(await concluded({ kind: "silent" }, true)).toEqual({
      how: "stored",
      done: [["answered", textReply("notice", NOTHING_TO_SAY)]],
    }));
  test("says so when the answer is empty", async () =>
    expect((await concluded({ kind: "answered", text: " " }, false)).done).toEqual([
      ["answered", textReply("notice", NOTHING_TO_SAY)],
    ]));
  test("says that it was stopped", async () =>
    expect((await concluded({ kind: "stopped", shown: "" }, false)).done).toEqual([
      ["answered", textReply("notice", STOPPED)],
    ]));
});

test("an answer that was stopped for its length says so at its end", async () => {
  const { done } = await concluded({ kind: "tooLong", shown: "so far" }, false);
  expect(done).toEqual([["answered", textReply("reply", `so far\n\n${TOO_LONG}`)]]);
});

describe("an answer that broke off inside of a code fence", () => {
  test.for<[name: string, shown: string, closing: string]>([
    ["is closed by its own fence", "```\n1", "```"],
    ["is closed also where another kind of fence is in it", "```\n~~~\n1", "```"],
    ["is closed by a fence as long as its own", "````md\n```\n1", "````"],
    ["needs no closing where the fence is closed", "```\n1\n```", ""],
  ])("%s", async ([, shown, closing]) => {
    const whole = closing === "" ? shown : `${shown}\n${closing}`;
    expect((await concluded({ kind: "stopped", shown }, false)).done).toEqual([
      ["answered", textReply("reply", `${whole}\n\n${STOPPED}`)],
    ]);
  });
});
