/**
 * The contents that real clients send as `m.room.message`, for the tests that find the addressed agents.
 *
 * `recorded` rows were sent by the client's own code to a server on loopback. `record/js.ts` and `record/python.py` say
 * how to record them again; each replaces only the rows of its clients. Every other row was derived from the client's
 * code in the summer of 2026, or in the version that `client` names; `source` names its repository, file and function.
 *
 * Alice is always the sender. Echo and Guide are agents, `$of_agent` is Echo's message, `$of_human` is Bob's.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as z from "zod/v4";

const PAYLOADS_FILE = join(import.meta.dirname, "payloads.json");

const Author = z.enum(["agent", "human"]).nullable();

const ClientPayload = z.strictObject({
  client: z.string().min(1),
  source: z.string().min(1),
  name: z.string().min(1),
  content: z.record(z.string(), z.json()),
  /** Who wrote the event in `m.in_reply_to`, even if that is only the fallback of a thread. */
  repliesTo: Author,
  /** Who wrote `$thread`, the root of the thread the message is in. */
  threadRootOf: Author,
  /**
   * The agents it mentions. If there is `m.mentions`, even an empty one, only that counts. Otherwise pills of the
   * formatted body count; without any, full user ids in the body; without any, a name and `:` or `,` at the very start.
   * Code and the quotation of a reply do not count. Edits and notices mention no one.
   */
  addresses: z.array(z.enum(["echo", "guide"])),
});
export type ClientPayload = z.infer<typeof ClientPayload>;

export const CLIENT_PAYLOADS: readonly ClientPayload[] = z
  .array(ClientPayload)
  .parse(JSON.parse(readFileSync(PAYLOADS_FILE, "utf8")));
