/** Whether the homeserver gives us the bot, kept for `/health` in a mark. Nothing else depends on it. */
import { BOUNDS } from "#core/bounds.ts";
import { parseJson } from "#core/protocol/json.ts";
import type { Refusal } from "#core/strings/health.ts";
import type { Answer } from "#ports/homeserver.ts";
import type { OperatorLedger } from "#ports/operator.ts";

const BOT_MARK = "bot";
const WELL = "well";

/** As much of an error as `/health` needs. Its text is the homeserver's, and stays in the log. */
export const refusalOf = ({ status, errcode }: Refusal): Refusal => ({
  status,
  errcode: errcode.slice(0, BOUNDS.errcode.max),
});

/** Writes nothing where nothing has changed. */
export async function noteBot(ledger: Pick<OperatorLedger, "setMark">, answer: Answer<unknown>): Promise<void> {
  await ledger.setMark(BOT_MARK, answer.ok ? WELL : JSON.stringify(refusalOf(answer.error)));
}

/** Why the homeserver did not give us the bot the last time. */
export async function botRefusal(ledger: Pick<OperatorLedger, "mark">): Promise<Refusal | undefined> {
  return readRefusal(parseJson((await ledger.mark(BOT_MARK)) ?? ""));
}

/** Undefined where it is none, or one of another version. */
export function readRefusal(value: unknown): Refusal | undefined {
  const { status, errcode } = Object(value) as { status?: unknown; errcode?: unknown };
  return typeof status === "number" && typeof errcode === "string" ? refusalOf({ status, errcode }) : undefined;
}
