/** Ends a command with a sentence about its error. With TROUPE_DEBUG the stack is printed too. */
import { styleText } from "node:util";
import { secretsOf } from "#core/configuration/environment.ts";
import { withoutSecrets } from "#core/configuration/url-secrets.ts";
import { EnvironmentError } from "../../host/environment.ts";

/** The command line is invalid: exit code 2. */
export class UsageError extends EnvironmentError {}

export function complain(error: unknown): never {
  // A library may repeat the address it was given, with the token in it.
  const text = withoutSecrets(sentence(error), secretsOf(process.env));
  const coloured = process.stderr.isTTY && !process.env["NO_COLOR"];
  process.stderr.write(`${coloured ? styleText("red", text) : text}\n`);
  process.exit(error instanceof UsageError ? 2 : 1);
}

function sentence(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return (process.env["TROUPE_DEBUG"] && error.stack) || error.message;
}
