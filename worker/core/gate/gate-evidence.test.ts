/** The evidence of verdicts, and the sentences that name it. */
import { describe, expect, test } from "vitest";
import { aMembership, aMessage } from "#testing/events.ts";
import {
  alone,
  concerned,
  ECHO,
  ECHO_ID,
  facts,
  inDirectChat,
  mentions,
  NOW_MS,
  ourMark,
  verdictOn,
} from "#testing/gate-facts.ts";
import type { RoomEvent } from "../protocol/event.ts";
import { RoomId } from "../protocol/ids.ts";
import { RoomState } from "../protocol/room-state.ts";
import { explain } from "../strings/reasons.ts";
import { cutEntry, evidenceText, firstEntries, grounds, readEvidence } from "./evidence.ts";
import type { Facts } from "./facts.ts";

/** A room in which messages need power. */
const QUIET = RoomState.parse({
  levels: { users: {}, users_default: 0, state_default: 50, events: { "m.room.message": 50 } },
});
const MINUTE_MS = 60_000;
const call = aMessage("hello", { content: mentions(ECHO_ID) });
const invitation = aMembership(ECHO_ID, "invite");
const invited = (layer: Parameters<typeof concerned>[1]): Facts => {
  const { settings } = concerned("echo", layer).agent;
  return facts({ invited: { agent: ECHO, settings, direct: false, follows: false, paired: false, isMade: true } });
};

describe("a verdict keeps the evidence", () => {
  test.for<{ reason: string; event?: RoomEvent; seen: Facts; evidence: object; says: string }>([
    {
      reason: "power_too_low",
      seen: alone({ power: 50 }),
      evidence: { needed: 50, has: 0 },
      says: "it needs power 50, has 0",
    },
    {
      reason: "ignored_sender",
      seen: alone({ ignore: ["^@bob:", "^@alice:"] }),
      evidence: { entry: "^@alice:" },
      says: "`^@alice:` matches",
    },
    {
      reason: "room_not_allowed",
      seen: alone({ rooms: "allowlist", allowedRooms: ["#ok:server"] }),
      evidence: { entries: ["#ok:server"], more: 0 },
      says: "`#ok:server` means another room",
    },
    {
      reason: "room_not_allowed",
      seen: alone({ rooms: "allowlist", allowedRooms: ["#a:hs", "#b:hs", "#c:hs", "#d:hs"] }),
      evidence: { entries: ["#a:hs", "#b:hs", "#c:hs"], more: 1 },
      says: "and 1 more mean other rooms, or none",
    },
    {
      reason: "bot",
      seen: alone({ users: ["*"], bots: false, botUsers: ["@ali*:hs.test"] }),
      evidence: { bots: false, entry: "@ali*:hs.test" },
      says: "(`bots` is `false`)",
    },
    {
      reason: "bot",
      event: aMessage("hello", { content: { ...mentions(ECHO_ID), "org.bot": true } }),
      seen: alone({ bots: false, botMarkers: ["org.bot"] }),
      evidence: { bots: false, marker: "org.bot" },
      says: "the bots' key `org.bot`",
    },
    {
      reason: "hop_limit",
      event: aMessage("hello", { content: { ...mentions(ECHO_ID), ...ourMark({ hop: 4 }) } }),
      seen: alone({ bots: true, hops: 4, botUsers: ["@alice:hs.test"] }),
      evidence: { hop: 5, limit: 4 },
      says: "(5, the limit is 4)",
    },
    {
      reason: "pair_guard",
      seen: alone(
        { bots: true, botUsers: ["@alice:hs.test"] },
        { pairs: new Map([[ECHO, { sinceMs: NOW_MS - 20_000, count: 23, restUntilMs: NOW_MS + 43_500 }]]) },
      ),
      evidence: { events: 23, restMs: 43_500 },
      says: "echo 23 times within a minute, as a bot or without a mention, and is ignored for another 43 seconds",
    },
    {
      reason: "echo",
      seen: alone({}, { bearsOurMark: true }),
      evidence: { by: "mark" },
      says: "the mark of one of our",
    },
    {
      reason: "not_permitted",
      event: aMessage("hello", { sender: "@eve:evil.test" }),
      seen: inDirectChat({ users: [], dm: "allowlist" }, { sender: { isLocal: false } }),
      evidence: { dm: "allowlist" },
      says: "(`dm` is `allowlist`)",
    },
    {
      reason: "may_not_speak",
      seen: alone({}, { room: { state: QUIET } }),
      evidence: { needed: 50, has: 0 },
      says: "echo may not send messages in this room: that needs power 50, and it has 0",
    },
    {
      reason: "command_too_old",
      event: aMessage("!new", {}),
      seen: alone({}, { ageMs: 20 * MINUTE_MS }),
      evidence: { ageMs: 20 * MINUTE_MS, limitMs: 15 * MINUTE_MS },
      says: "it was 20 minutes old, the limit is 15 minutes",
    },
    {
      reason: "command_not_permitted",
      event: aMessage("!mute"),
      seen: alone({}, { sender: { power: 10 } }),
      evidence: { entries: ["admins", "power:50"], more: 0, command: "mute", power: 10 },
      says: "`mute` is for `admins`, `power:50`, and the sender's power here is 10",
    },
    {
      reason: "not_on_invite_list",
      event: invitation,
      seen: invited({ invites: "allowlist", inviteFrom: ["!other"] }),
      evidence: { entries: 1 },
      says: "which has 1 entry",
    },
  ])("of $reason: $says", ({ reason, event = call, seen, evidence, says }) => {
    const verdict = verdictOn(event, seen);
    if (verdict.kind !== "ignore" && verdict.kind !== "decline") throw new Error(`it is ${verdict.kind}`);
    expect([verdict.reason, verdict.evidence]).toEqual([reason, evidence]);
    expect(explain(verdict, "echo")).toContain(says);
    // As the ledger stores and reads it.
    expect(readEvidence(verdict.reason, evidenceText(verdict.evidence))).toEqual(evidence);
  });

  test("of a wake: the pattern that matched", () => {
    const verdict = verdictOn(aMessage("the owl asks"), alone({ patterns: ["parrot", "owl"] }));
    expect(verdict).toMatchObject({ kind: "wake", woken: [{ because: "mention", pattern: "owl" }] });
    expect(explain(grounds("wake_mention", { pattern: "owl" }), "echo")).toContain("pattern `owl` matches");
  });
});

describe("evidence is small", () => {
  const long = "x".repeat(5_000);
  test("and is cut between characters, so that it can be said in a room", () => {
    const cut = cutEntry(`${"x".repeat(98)}${"🦉".repeat(5)}`);
    expect([cut, cut.isWellFormed()]).toEqual([`${"x".repeat(98)}…`, true]);
    expect(cutEntry(`${"x".repeat(97)}${"🦉".repeat(5)}`)).toBe(`${"x".repeat(97)}🦉…`);
  });

  test("where a list has many long entries", () => {
    const list = Array.from({ length: 900 }, () => long);
    expect(evidenceText(firstEntries(list))?.length).toBeLessThan(1_000);
    const seen = alone(
      { rooms: "allowlist", allowedRooms: [`#${"a".repeat(240)}:hs`] },
      { room: { id: RoomId.parse("!a") } },
    );
    expect(JSON.stringify(verdictOn(call, seen)).length).toBeLessThan(1_000);
  });
  test("or it is left out", () => expect(evidenceText({ pattern: long })).toBeNull());
});

describe("stored evidence is read as none", () => {
  test.for<[what: string, text: string | null]>([
    ["when there is none", null],
    ["when it is no JSON", "{"],
    ["when it is a number", "7"],
    ["when it is that of another version", '{"level":50}'],
  ])("%s", ([, text]) => expect(readEvidence("power_too_low", text)).toBeUndefined());
  test("when the reason has none", () => expect(readEvidence("muted", '{"needed":1,"has":0}')).toBeUndefined());
});
