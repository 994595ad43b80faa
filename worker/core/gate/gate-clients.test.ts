/**
 * Payloads of real clients, in a room of Alice, Bob, Echo and Guide: the gate has to wake the agents that the user meant.
 * Commands, sticky threads and direct chats have tests of their own; here nothing is set.
 */
import { describe, expect, test } from "vitest";
import { CLIENT_PAYLOADS, type ClientPayload } from "#testing/clients/payloads.ts";
import { anEvent } from "#testing/events.ts";
import { concerned, ECHO, facts, inDirectChat, inWords, verdictOn } from "#testing/gate-facts.ts";

interface Relation {
  rel_type?: string;
  is_falling_back?: boolean;
  "m.in_reply_to"?: object;
}
const relationOf = ({ content }: ClientPayload): Relation => (content["m.relates_to"] ?? {}) as Relation;
/** A thread's fallback names the last message for clients without threads; the user did not reply to it. */
const isReply = (row: ClientPayload): boolean =>
  relationOf(row)["m.in_reply_to"] !== undefined && relationOf(row).is_falling_back !== true;
const isHeard = (row: ClientPayload): boolean =>
  relationOf(row).rel_type !== "m.replace" && row.content["msgtype"] !== "m.notice";

const eventOf = ({ content }: ClientPayload) => anEvent({ content });
const seenWith = (row: ClientPayload) =>
  facts({
    present: [concerned("echo"), concerned("guide")],
    ...(isReply(row) && row.repliesTo === "agent" ? { repliedAgent: ECHO } : {}),
  });

/** A file without a caption has no text to answer, also where its client mentions an agent. */
const WORDLESS = [
  "matrix-js-sdk: image without a caption",
  "element-web: file as a reply to an agent",
  "element-web: file",
];

const titled = (rows: readonly ClientPayload[]) => rows.map((row): [string, ClientPayload] => [titleOf(row), row]);
const titleOf = ({ client, name }: ClientPayload): string => `${client}: ${name}`;
const wordless = CLIENT_PAYLOADS.filter((row) => WORDLESS.includes(titleOf(row)));
const said = CLIENT_PAYLOADS.filter((row) => isHeard(row) && !wordless.includes(row));
const unheard = CLIENT_PAYLOADS.filter((row) => !isHeard(row));
const addressing = said.filter(({ addresses }) => addresses.length > 0);
const replying = said.filter((row) => row.addresses.length === 0 && isReply(row) && row.repliesTo === "agent");
const others = said.filter((row) => !addressing.includes(row) && !replying.includes(row));

describe("an agent is woken by the mention of", () => {
  test.for(titled(addressing))("%s", ([, row]) => {
    const woken = row.addresses.map((agent) => `${agent} by mention`).join(", ");
    expect(inWords(verdictOn(eventOf(row), seenWith(row)))).toBe(`wake ${woken}`);
  });
});

describe("an agent is woken by the reply of", () => {
  test.for(titled(replying))("%s", ([, row]) => {
    expect(inWords(verdictOn(eventOf(row), seenWith(row)))).toBe("wake echo by reply");
  });
});

describe("no agent is woken by the message of", () => {
  test.for(titled(others))("%s", ([, row]) => {
    expect(inWords(verdictOn(eventOf(row), seenWith(row)))).toBe("ignore not_addressed");
  });
});

describe("in a direct chat", () => {
  test.for(titled(said))("%s wakes the agent", ([, row]) => {
    expect(inWords(verdictOn(eventOf(row), inDirectChat()))).toMatch(/^wake echo by (?:mention|direct)$/);
  });
});

describe("no agent is woken by the edit, notice or file of", () => {
  test.for(titled(unheard))("%s", ([, row]) => {
    const verdicts = [seenWith(row), inDirectChat()].map((seen) => inWords(verdictOn(eventOf(row), seen)));
    expect(["ignore edit, ignore edit", "ignore notice, ignore notice"]).toContain(verdicts.join(", "));
  });
  test.for(titled(wordless))("%s", ([, row]) => {
    const verdicts = [seenWith(row), inDirectChat()].map((seen) => inWords(verdictOn(eventOf(row), seen)));
    expect(verdicts).toEqual(["ignore no_text", "ignore no_text"]);
  });
});

test("there are payloads of many clients, and of each kind", () => {
  expect(new Set(CLIENT_PAYLOADS.map(({ client }) => client)).size).toBeGreaterThan(8);
  expect(addressing.length).toBeGreaterThan(50);
  expect(replying.length).toBeGreaterThan(10);
  expect(others.length).toBeGreaterThan(40);
  expect(unheard.length).toBeGreaterThan(10);
  expect(wordless).toHaveLength(WORDLESS.length);
  // Edits and notices address no agent.
  expect(unheard.filter(({ addresses }) => addresses.length > 0)).toEqual([]);
});
