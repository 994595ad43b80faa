/** The commands for the operator of a running bridge. */
import type { Command } from "commander";
import { addAgent, listAgents, removeAgent } from "./agents.ts";
import { apply } from "./apply.ts";
import { deadLetters, replay } from "./dead-letters.ts";
import { exportConfiguration } from "./export.ts";
import { allow, approve, deny, inviteCode, listPairings } from "./people.ts";
import { repair } from "./repair.ts";
import { showAgent } from "./show-agent.ts";
import { why } from "./why.ts";

const NEEDS =
  "Set ADMIN_TOKEN to the ADMIN_TOKEN of the bridge. In the folder of a running playground neither ADMIN_TOKEN nor --url is needed.";

/** Adds a command that calls the operator API. */
const addCommand = (parent: Command, name: string, description: string, example: string): Command =>
  parent
    .command(name)
    .description(description)
    .option("--url <url>", "URL of the bridge (default: http://127.0.0.1:9993, or the playground's)")
    .addHelpText("after", `\nExample:\n${example.replace(/^/gm, "  ")}\n\n${NEEDS}`);

const collect = (value: string, before: string[] = []): string[] => [...before, value];

export function operatorCommands(program: Command): void {
  addCommand(
    program,
    "apply",
    "Show what a file changes on a running bridge, ask, and apply it.",
    "npx troupe apply troupe.yaml\nADMIN_TOKEN=… npx troupe apply troupe.yaml --yes --url https://troupe.example.workers.dev",
  )
    .argument("<file>", "a troupe.yaml")
    .option("-y, --yes", "apply without asking")
    .option("--dry-run", "show the changes only")
    .action(apply);
  addCommand(
    program,
    "export",
    "Write the configuration of a running bridge as a troupe.yaml. Secrets are masked, and kept when it is applied again.",
    "npx troupe export --out troupe.yaml",
  )
    .option("--out <file>", "where to write it; an existing file is never overwritten")
    .action(exportConfiguration);
  addCommand(
    program,
    "why",
    "Explain why an event was answered or not, or the latest events of a room.",
    "npx troupe why '$Rqnc-F-dvnEYJTyHq_iKxU2bZ1CI92-kuZq3a5lr5Zg'\nnpx troupe why --room '!OGEhHVWSdvArJzumhm:example.org'",
  )
    .argument("[event]", "an event id, in quotes")
    .option("--room <room>", "a room id: explain its latest events, newest first")
    .option("--limit <number>", "how many events of the room")
    .action(why);
  addCommand(
    program,
    "dead-letters",
    "List what could not be read, answered or sent.",
    "npx troupe dead-letters",
  ).action(deadLetters);
  addCommand(program, "replay", "Queue a turn again that was given up.", "npx troupe replay 5f3a…")
    .argument("<turn>", "its id, as shown by `troupe dead-letters`")
    .action(replay);
  addCommand(
    program,
    "repair",
    "List the rows of the database that cannot be read, with what becomes of each, and mend them.",
    "npx troupe repair\nnpx troupe repair --apply",
  )
    .option("--apply", "mend them, after a question")
    .option("-y, --yes", "mend them without asking")
    .option("--json", "print JSON")
    .action(repair);
  agentCommands(program.command("agent").description("List, show, add and remove single agents."));
  pairCommands(program.command("pair").description("Let single users in and out: list, approve, allow, deny, code."));
}

function agentCommands(agent: Command): void {
  addCommand(agent, "list", "List the agents.", "npx troupe agent list").action(listAgents);
  addCommand(
    agent,
    "add",
    "Add an agent. Values are YAML or JSON; dots in a key go deeper.",
    `npx troupe agent add echo2 --backend echo
npx troupe agent add helper --name Helper --backend openai \\
  --backend-set 'baseUrl=$OPENAI_BASE_URL' --backend-set model=gpt-5 \\
  --set mention=false --set turns.queue=5 --set 'users=["@alice:example.org"]'`,
  )
    .argument("<id>", "made of a-z 0-9 _ . = -; an id with a * is a family")
    .requiredOption("--backend <use>", "the backend, such as echo or openai")
    .option("--name <name>", "the display name (default: the id)")
    .option("--set <key=value>", "a setting; may be repeated", collect)
    .option("--backend-set <key=value>", "a setting of the backend; may be repeated", collect)
    .option("--replace", "replace an agent that exists")
    .action(addAgent);
  addCommand(
    agent,
    "show",
    "Show an agent's settings with the layer that each comes from, what was learnt about its server, and its last error.",
    "npx troupe agent show helper\nnpx troupe agent show helper --room '!OGEhHVWSdvArJzumhm:example.org'",
  )
    .argument("<agent>")
    .option("--room <room>", "a room id: as they hold there")
    .action(showAgent);
  addCommand(agent, "remove", "Retire an agent. Its messages stay in the rooms.", "npx troupe agent remove echo2")
    .argument("<id>")
    .action(removeAgent);
}

function pairCommands(pair: Command): void {
  addCommand(
    pair,
    "list",
    "List the users who wait with a code, and those who were let in.",
    "npx troupe pair list",
  ).action(listPairings);
  addCommand(pair, "approve", "Let the user in who was given this code.", "npx troupe pair approve K7M2XQ4T")
    .argument("<code>")
    .action(approve);
  addCommand(pair, "allow", "Let a user talk to an agent.", "npx troupe pair allow helper @alice:example.org")
    .argument("<agent>")
    .argument("<user>", "a whole user id")
    .action(allow);
  addCommand(pair, "deny", "Undo allow or approve, or void a code.", "npx troupe pair deny helper @alice:example.org")
    .argument("<agent>")
    .argument("<user-or-code>")
    .action(deny);
  addCommand(
    pair,
    "code",
    "Make a code that lets in the first user who sends it within a week.",
    "npx troupe pair code helper",
  )
    .argument("<agent>")
    .action(inviteCode);
}
