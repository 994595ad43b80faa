/** The commands for an operator of a running bridge. */
import type { Command } from "commander";
import { addAgent, listAgents, removeAgent } from "./agents.ts";
import { apply } from "./apply.ts";
import { deadLetters, replay } from "./dead-letters.ts";
import { exportConfiguration } from "./export.ts";
import { allow, approve, deny, inviteCode, listPairings } from "./people.ts";
import { why } from "./why.ts";

const NEEDS =
  "The bridge knows its operator by ADMIN_TOKEN. In the folder of a running playground neither it nor --url is needed.";

/** A command that asks a bridge. */
const asking = (parent: Command, name: string, description: string, example: string): Command =>
  parent
    .command(name)
    .description(description)
    .option("--url <url>", "where the bridge is (default: http://127.0.0.1:9993, or the playground)")
    .addHelpText("after", `\nExample:\n${example.replace(/^/gm, "  ")}\n\n${NEEDS}`);

const collected = (value: string, before: string[] = []): string[] => [...before, value];

export function operatorCommands(program: Command): void {
  asking(
    program,
    "apply",
    "Make a file the configuration of a running bridge, after a look at what it changes.",
    "npx troupe apply troupe.yaml\nADMIN_TOKEN=… npx troupe apply troupe.yaml --yes --url https://troupe.example.workers.dev",
  )
    .argument("<file>", "a troupe.yaml")
    .option("-y, --yes", "apply without asking")
    .option("--dry-run", "show the changes and leave it at that")
    .action(apply);
  asking(
    program,
    "export",
    "Write what a running bridge holds as a troupe.yaml; secrets are masked, and stay when it is applied again.",
    "npx troupe export --out troupe.yaml",
  )
    .option("--out <file>", "where to write it; an existing file is kept")
    .action(exportConfiguration);
  asking(
    program,
    "why",
    "Why an event was answered or not, or the latest ones of a room.",
    "npx troupe why '$Rqnc-F-dvnEYJTyHq_iKxU2bZ1CI92-kuZq3a5lr5Zg'\nnpx troupe why --room '!OGEhHVWSdvArJzumhm:example.org'",
  )
    .argument("[event]", "its id; a shell wants quotes around it")
    .option("--room <room>", "a room's id: its latest decisions, the latest first")
    .option("--limit <number>", "how many of them")
    .action(why);
  asking(program, "dead-letters", "What could not be read, answered or sent.", "npx troupe dead-letters").action(
    deadLetters,
  );
  asking(program, "replay", "Put a turn that was given up in line again.", "npx troupe replay 5f3a…")
    .argument("<turn>", "its id, as `troupe dead-letters` shows it")
    .action(replay);
  agentCommands(program.command("agent").description("Agents one at a time: list, add, remove."));
  pairCommands(program.command("pair").description("Who is let in: list, approve, allow, deny, code."));
}

function agentCommands(agent: Command): void {
  asking(agent, "list", "The agents there are.", "npx troupe agent list").action(listAgents);
  asking(
    agent,
    "add",
    "Make an agent. Values are YAML or JSON; keys may go deeper with dots.",
    `npx troupe agent add echo2 --backend echo
npx troupe agent add helper --name Helper --backend openai \\
  --backend-set 'baseUrl=$OPENAI_BASE_URL' --backend-set model=gpt-5 \\
  --set mention=false --set turns.queue=5 --set 'users=["@alice:example.org"]'`,
  )
    .argument("<id>", "made of a-z 0-9 _ . = -; with a * it is a family")
    .requiredOption("--backend <use>", "which backend, such as echo or openai")
    .option("--name <name>", "what people see; without it the id")
    .option("--set <key=value>", "a setting, any number of times", collected)
    .option("--backend-set <key=value>", "a setting of the backend, any number of times", collected)
    .option("--replace", "write an agent anew that is there already")
    .action(addAgent);
  asking(agent, "remove", "Retire an agent; its conversations stay in the rooms.", "npx troupe agent remove echo2")
    .argument("<id>")
    .action(removeAgent);
}

function pairCommands(pair: Command): void {
  asking(pair, "list", "Who waits with a code, and who was let in.", "npx troupe pair list").action(listPairings);
  asking(pair, "approve", "Let in whoever was given a code.", "npx troupe pair approve K7M2XQ4T")
    .argument("<code>")
    .action(approve);
  asking(pair, "allow", "Let somebody talk to an agent.", "npx troupe pair allow helper @alice:example.org")
    .argument("<agent>")
    .argument("<user>", "a whole user id")
    .action(allow);
  asking(pair, "deny", "Take that back, or void a code.", "npx troupe pair deny helper @alice:example.org")
    .argument("<agent>")
    .argument("<user-or-code>")
    .action(deny);
  asking(pair, "code", "Make a code that lets in the first who says it within a week.", "npx troupe pair code helper")
    .argument("<agent>")
    .action(inviteCode);
}
