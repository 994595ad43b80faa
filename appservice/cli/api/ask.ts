/** Client of the operator API of a running bridge, on either host. */
import * as z from "zod/v4";
import { EnvironmentError } from "../../host/environment.ts";
import type { Where } from "./where.ts";

const Refusal = z.object({ errors: z.array(z.string()) });

/** The bridge rejected the request. Each of its sentences says what to correct. */
export class Refused extends EnvironmentError {
  readonly sentences: readonly string[];
  constructor(sentences: readonly string[]) {
    super(sentences.join("\n"));
    this.sentences = sentences;
  }
}

/** The bridge rejected the request because the stored configuration has changed since this command read it. */
export class ChangedMeanwhile extends Refused {}

const Next = z.object({ next: z.string().optional() });

/** The pages of a list, one after the other. */
export async function* pagesOf(where: Where, path: string): AsyncGenerator<unknown> {
  let next: string | undefined = "";
  while (next !== undefined) {
    const page = await askBridge(where, "GET", next === "" ? path : `${path}?after=${encodeURIComponent(next)}`);
    yield page;
    next = Next.parse(page).next;
  }
}

/** Resolves to the JSON of the answer. Rejects with sentences that say what to correct. */
export async function askBridge(
  { url, token }: Where,
  method: "GET" | "PUT" | "POST" | "DELETE",
  path: string,
  body?: object,
): Promise<unknown> {
  const answer = await fetch(`${url}/admin/${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: body ? JSON.stringify(body) : null,
  }).catch(() => undefined);
  if (!answer) throw new EnvironmentError(`Nothing answers at ${url}; is the bridge running?`);
  const json: unknown = await answer.json().catch(() => undefined);
  if (answer.ok) return json;
  const refusal = Refusal.safeParse(json);
  const Reason = answer.status === 409 ? ChangedMeanwhile : Refused;
  throw new Reason(refusal.success ? refusal.data.errors : [`The bridge answered ${answer.status}.`]);
}
