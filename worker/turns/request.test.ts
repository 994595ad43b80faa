import { describe, expect, test } from "vitest";
import type { Agent } from "#core/configuration/agent.ts";
import { resolve } from "#core/configuration/settings.ts";
import { EventId, UserId } from "#core/protocol/ids.ts";
import { type Turn, textReply } from "#core/turn/turn.ts";
import { aPrompt, aStoredTurn, aTurnId, ECHO, ROOM } from "#testing/ledger-rows.ts";
import { requestOf } from "./request.ts";

const [ALICE, BOB] = [UserId.parse("@alice:hs.test"), UserId.parse("@bob:hs.test")];
const AGENT: Agent = {
  id: ECHO,
  name: "Echo",
  backend: { use: "echo" },
  ...resolve([{}], {}),
  everywhere: { admins: [], commands: {} },
};
const requestFor = (turn: Turn, past: Turn[] = []) =>
  requestOf({ transcript: async () => past }, turn, AGENT, "the context");
const message = (id: string, sender: string, text: string) => ({
  role: "user",
  id,
  parts: [{ type: "text", text }],
  sender: { userId: sender },
  ts: 5,
});
const ask = (id: string, text: string, sender = ALICE) => aPrompt(text, { eventId: EventId.parse(id), sender });

describe("a request to a backend", () => {
  test("has each merged message as a message of its own, with its sender", () => {
    const turn = aStoredTurn({ prompt: ask("$1", "one"), merged: [ask("$2", "two", BOB), ask("$3", "three")] });
    expect(requestFor(turn)).toMatchObject({
      turnId: turn.id,
      context: "the context",
      room: { id: ROOM, direct: false },
    });
    expect(requestFor(turn).input).toEqual([
      message("$1", ALICE, "one"),
      message("$2", BOB, "two"),
      message("$3", ALICE, "three"),
    ]);
  });

  test("has a history of all messages, oldest first, with the agent's replies and without our notices", async () => {
    const answered = aStoredTurn({
      id: aTurnId("t1"),
      prompt: ask("$1", "one"),
      merged: [ask("$2", "two", BOB)],
      reply: textReply("reply", "to both"),
    });
    const failed = aStoredTurn({ id: aTurnId("t2"), prompt: ask("$3", "three"), reply: textReply("notice", "Sorry.") });
    expect(await requestFor(aStoredTurn(), [failed, answered]).history()).toEqual([
      message("$1", ALICE, "one"),
      message("$2", BOB, "two"),
      { role: "assistant", id: "t1", parts: [{ type: "text", text: "to both" }], ts: 5 },
      message("$3", ALICE, "three"),
    ]);
  });
});
