/** The log of the Node host: one readable line per event, with colours only on a terminal. */
import { styleText } from "node:util";
import { type Environment, secretsOf } from "#core/configuration/environment.ts";
import type { Log } from "#ports/host.ts";
import { createLog, type Level, type Line } from "../../worker/observe/log.ts";

const COLOUR = { debug: "gray", info: "green", warn: "yellow", error: "red" } as const satisfies Record<Level, string>;

const isColoured = (): boolean => process.stdout.isTTY === true && !process.env["NO_COLOR"];

export function consoleLog(
  environment: Environment,
  write: (line: string) => void = (line) => process.stdout.write(`${line}\n`),
): Log {
  const coloured = isColoured();
  return createLog((line) => {
    if (line.level !== "debug" || process.env["TROUPE_DEBUG"]) write(lineOf(line, coloured));
  }, secretsOf(environment));
}

function lineOf({ level, event, fields }: Line, coloured: boolean): string {
  const label = coloured ? styleText(COLOUR[level], event) : event;
  const rest = Object.entries(fields).map(
    ([name, value]) => `${name}=${escaped(typeof value === "string" ? value : JSON.stringify(value))}`,
  );
  return [new Date().toISOString(), level.padEnd(5), label, ...rest].join(" ");
}

const NAMED: Record<string, string> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** A field may quote others, as a server's error: it must neither begin a line of its own nor command the terminal. */
const escaped = (text: string): string =>
  text.replace(
    /[\p{Cc}\p{Cf}\u2028\u2029]/gu,
    (sign) => NAMED[sign] ?? `\\u{${(sign.codePointAt(0) ?? 0).toString(16)}}`,
  );
