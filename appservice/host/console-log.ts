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
    ([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`,
  );
  return [new Date().toISOString(), level.padEnd(5), label, ...rest].join(" ");
}
