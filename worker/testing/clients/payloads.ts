/**
 * What people's clients put into `m.room.message`, so that who is addressed is decided on what is really sent.
 *
 * A row's `source` says where it comes from. `recorded` rows were sent by the client's own code to a server on the
 * loopback: `record/js.ts` and `record/python.py` say how to record them again, and replace the rows of their clients
 * and no others. Every other row was derived by reading the client's code, of the summer of 2026 unless its `client`
 * says a version; its `source` names repository, file and function to be read again.
 *
 * In all of them Alice speaks. Echo and Guide are agents, `$of_agent` is Echo's, `$of_human` is Bob's.
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
  /** Who wrote what `m.in_reply_to` names; also where that is but a thread's fallback. */
  repliesTo: Author,
  /** Who wrote `$thread`, the root of the thread the message is in. */
  threadRootOf: Author,
  /**
   * Whom it mentions. `m.mentions` counts alone where it is present, even empty. Where it is not: pills of the formatted
   * body; without any, full user ids of the body; without any, a name and `:` or `,` at the very start. Neither code nor
   * what a reply quotes counts, and edits and notices mention nobody.
   */
  addresses: z.array(z.enum(["echo", "guide"])),
});
export type ClientPayload = z.infer<typeof ClientPayload>;

export const CLIENT_PAYLOADS: readonly ClientPayload[] = z
  .array(ClientPayload)
  .parse(JSON.parse(readFileSync(PAYLOADS_FILE, "utf8")));
