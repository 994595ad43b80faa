/** `npm run chaos`: a long run, started by hand. A short one is among the live tests. */
import { parseArgs } from "node:util";
import { chaos } from "../appservice/live/chaos.ts";

const HELP = `npm run chaos -- [--host node|worker|both] [--kills 500] [--sessions 200] [--messages 4000] [--seed 1] [--json]

Sessions talk to an agent while Troupe is killed at random moments, and on Node the homeserver too. Every message must
be answered once and in order. The Worker starts slowly: give it fewer kills.
`;
const { values } = parseArgs({
  options: {
    host: { type: "string", default: "node" },
    kills: { type: "string", default: "500" },
    sessions: { type: "string", default: "200" },
    messages: { type: "string", default: "4000" },
    seed: { type: "string", default: "1" },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  process.stdout.write(HELP);
  process.exit(0);
}
const kinds =
  values.host === "both" ? (["node", "worker"] as const) : ([values.host === "worker" ? "worker" : "node"] as const);
let failed = false;
for (const kind of kinds) {
  const report = await chaos({
    kind,
    kills: Number(values.kills),
    sessions: Number(values.sessions),
    messages: Number(values.messages),
    seed: Number(values.seed),
    progress: (line) => process.stderr.write(process.stderr.isTTY ? `\r\x1b[K${line}` : `${line}\n`),
  });
  if (process.stderr.isTTY) process.stderr.write("\n");
  failed ||= report.exceptions.length > 0;
  if (values.json) {
    process.stdout.write(`${JSON.stringify({ kind, ...report })}\n`);
    continue;
  }
  const { exceptions, ...figures } = report;
  process.stdout.write(
    `${kind}: ${Object.entries(figures)
      .map(([name, value]) => `${name} ${value}`)
      .join(", ")}\n`,
  );
  process.stdout.write(
    exceptions.length === 0 ? "no exception\n" : `${exceptions.length} exceptions:\n${exceptions.join("\n")}\n`,
  );
}
process.exitCode = failed ? 1 : 0;
