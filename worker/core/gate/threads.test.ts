/** Which messages give a thread a holder (one agent, one user), and which end that. */
import { describe, expect, test } from "vitest";
import { aMessage } from "#testing/events.ts";
import {
  both,
  ECHO,
  ECHO_ID,
  type FactsOver,
  facts,
  GUIDE,
  GUIDE_ID,
  GUIDE_SPEAKS,
  inThread,
  mentions,
  NOW_MS,
  ourMark,
} from "#testing/gate-facts.ts";
import { readMessage } from "../message/message.ts";
import { UserId } from "../protocol/ids.ts";
import type { ThreadHold } from "./facts.ts";
import { gate } from "./gate.ts";
import { threadChange } from "./threads.ts";

const hold = (over: Partial<ThreadHold> = {}): FactsOver => ({
  thread: { agent: ECHO, holder: UserId.parse("@alice:hs.test"), shared: false, atMs: NOW_MS, ...over },
});

describe("the change a message makes to a thread", () => {
  const SHARED = { root: "$root", shared: true };
  const ALICES = { root: "$root", hold: { agent: "echo", holder: "@alice:hs.test" } };
  const toEcho = { ...inThread(), ...mentions(ECHO_ID) };
  test.for<
    [name: string, content: Record<string, unknown>, over: FactsOver, sender: string, change: object | undefined]
  >([
    ["a user who wakes an agent in it holds it", toEcho, {}, "@alice:hs.test", ALICES],
    ["its holder goes on holding it", inThread(), hold(), "@alice:hs.test", ALICES],
    ["another user's message to no agent ends the hold", inThread(), hold(), "@bob:hs.test", SHARED],
    ["another user who wakes its agent shares it", toEcho, hold(), "@bob:hs.test", SHARED],
    [
      "its holder who wakes another agent shares it",
      { ...inThread(), ...mentions(GUIDE_ID) },
      hold(),
      "@alice:hs.test",
      SHARED,
    ],
    [
      "a user who wakes two agents in it shares it",
      { ...inThread(), ...mentions(ECHO_ID, GUIDE_ID) },
      {},
      "@alice:hs.test",
      SHARED,
    ],
    [
      "a user the agent does not listen to ends the hold, too",
      inThread(),
      { ...hold(), sender: { isLocal: false } },
      "@mallory:evil.test",
      SHARED,
    ],
    [
      "another agent's reply ends the hold",
      { ...inThread(), ...ourMark() },
      { ...hold(), sender: GUIDE_SPEAKS },
      GUIDE_ID,
      SHARED,
    ],
    [
      "its agent's own reply changes nothing",
      { ...inThread(), ...ourMark() },
      { ...hold({ agent: GUIDE }), sender: GUIDE_SPEAKS },
      GUIDE_ID,
      undefined,
    ],
    ["a shared thread does not change", inThread(), hold({ shared: true }), "@bob:hs.test", undefined],
    ["a message to no agent in a thread without a holder changes nothing", inThread(), {}, "@bob:hs.test", undefined],
    [
      "a user who wakes an agent holds the thread that the answer begins",
      mentions(ECHO_ID),
      {},
      "@alice:hs.test",
      { root: "$question", hold: { agent: "echo", holder: "@alice:hs.test" } },
    ],
  ])("%s", ([, content, over, sender, change]) => {
    const message = readMessage(aMessage("hello", { event_id: "$question", sender, content }));
    const seen = both({ bots: "mentions", threads: "always" }, over);
    expect(threadChange(message, seen, gate(message, seen))).toEqual(change);
  });

  test("none, where the answer goes to the room", () => {
    const message = readMessage(aMessage("hello", { content: mentions(ECHO_ID) }));
    expect(threadChange(message, facts(), gate(message, facts()))).toBeUndefined();
  });
});
