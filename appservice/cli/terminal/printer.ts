/**
 * Prints an agent's answer as it grows: the draft, its edits and all parts. Printed text cannot be changed, so an edit
 * prints only the text it adds; an edit that changes printed text is printed as a whole on a new line.
 */
import * as z from "zod/v4";
import { CONTENT_KEY, Mark } from "#core/message/mark.ts";
import { plainLines } from "./terminal.ts";

const Content = z.looseObject({ body: z.string(), [CONTENT_KEY]: Mark });
const Event = z.object({
  event_id: z.string(),
  content: z.looseObject({
    "m.new_content": z.unknown().optional(),
    "m.relates_to": z.looseObject({ rel_type: z.string().optional(), event_id: z.string().optional() }).optional(),
  }),
});

export class Printer {
  isWhole = false;
  #write: (piece: string) => void;
  #turn: string | undefined;
  #seen = new Set<string>();
  #printed = new Map<number, string>();
  #final = new Set<number>();

  constructor(write: (piece: string) => void) {
    this.#write = write;
  }

  /** Prints the next event of the agent. Returns true when the answer is complete. */
  take(raw: unknown): boolean {
    const event = Event.safeParse(raw);
    if (!event.success) return this.isWhole;
    const relation = event.data.content["m.relates_to"];
    const isEdit = relation?.rel_type === "m.replace";
    // An edit of an unknown message belongs to an earlier answer that is still being completed.
    if (isEdit && !this.#seen.has(relation?.event_id ?? "")) return this.isWhole;
    const content = Content.safeParse(isEdit ? event.data.content["m.new_content"] : event.data.content);
    if (!content.success) return this.isWhole;
    const { turn, kind, part, parts = 1 } = content.data[CONTENT_KEY];
    if (part === 0) this.#turn ??= turn;
    if (turn !== this.#turn) return this.isWhole;
    this.#seen.add(event.data.event_id);
    this.#print(part, plainLines(content.data.body));
    if (kind !== "draft") this.#final.add(part);
    this.isWhole = kind !== "draft" && this.#final.size >= parts;
    return this.isWhole;
  }

  #print(part: number, body: string): void {
    const before = this.#printed.get(part);
    if (before === undefined) this.#write(this.#printed.size > 0 ? `\n${body}` : body);
    else if (body.startsWith(before)) this.#write(body.slice(before.length));
    else this.#write(`\n${body}`);
    this.#printed.set(part, body);
  }
}
