/** How a command fails: what is the person's to mend is a sentence, what is ours is a stack trace. */
import { styleText } from "node:util";
import { SettingsError } from "../host/settings.ts";
import { UserError } from "../playground/synapse.ts";

export function complain(error: unknown): never {
  const mendable = error instanceof UserError || error instanceof SettingsError;
  const text = error instanceof Error ? (mendable ? error.message : (error.stack ?? error.message)) : String(error);
  const coloured = process.stderr.isTTY && !process.env["NO_COLOR"];
  process.stderr.write(`${coloured ? styleText("red", text) : text}\n`);
  process.exit(1);
}
