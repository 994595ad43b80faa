import { expect, test } from "vitest";
import { Environment } from "#core/configuration/environment.ts";
import { consoleLog } from "./console-log.ts";

const environment = Environment.parse({
  HOMESERVER_URL: "http://hs.test",
  SERVER_NAME: "hs.test",
  AS_TOKEN: "as-token-of-the-tests",
  HS_TOKEN: "hs-token-of-the-tests",
});

test("what others wrote forges no line of the log, and commands no terminal", () => {
  const lines: string[] = [];
  const log = consoleLog(environment, (line) => lines.push(line));
  const detail = "no\n2026-01-01T00:00:00.000Z info  started\r\u2028x \u001b[2J\u001b]0;title\u0007\u009b1m \u202e";
  log("turn_failed", { code: "auth", detail, list: ["\u009b"] });
  expect(lines).toHaveLength(1);
  expect(lines[0]).not.toMatch(/[\p{Cc}\p{Cf}\u2028\u2029]/u);
  expect(lines[0]).toContain(
    String.raw`code=auth detail=no\n2026-01-01T00:00:00.000Z info  started\r\u{2028}x \u{1b}[2J`,
  );
});
