/** The `troupe` command. The modules of a command are loaded when it is given, so that every command starts fast. */
import { Command, InvalidArgumentError } from "commander";
import { loadDotEnv } from "../host/environment.ts";
import { createPrivately } from "../host/private-files.ts";
import { listenForClosedOutput } from "../host/process/output.ts";
import { operatorCommands } from "./operator/commands.ts";
import { complain } from "./terminal/complain.ts";

loadDotEnv();
createPrivately();
listenForClosedOutput();
const program = new Command("troupe").description("AI agents on a Matrix homeserver.").exitOverride((error) => {
  process.exit(error.exitCode === 0 ? 0 : 2);
});

program
  .command("chat")
  .description("Talk to an agent of the running playground.")
  .argument("<agent>", "the agent's id, such as guide")
  .argument("[text...]", "the message; without it an interactive chat starts")
  .option("--timeout <seconds>", "give up after this long without a new message", seconds, 120)
  .addHelpText("after", '\nExample:\n  npx troupe chat guide "hello"')
  .action(async (agent: string, text: string[], { timeout }: { timeout: number }) => {
    const { chat } = await import("./chat.ts");
    await chat(agent, text.join(" "), timeout);
  });

operatorCommands(program);

program
  .command("registration")
  .description("Write a registration with fresh tokens for a homeserver.")
  .requiredOption("--url <url>", "the address at which the homeserver reaches the bridge")
  .requiredOption("--server-name <name>", "the homeserver's server_name")
  .option("--out <file>", "where to write it; an existing file is never overwritten", "data/registration.yaml")
  .option("--ghost-prefix <prefix>", "prefix of the agents' localparts", "agent_")
  .option("--bot-localpart <localpart>", "localpart of the bot", "troupe")
  .addHelpText("after", "\nExample:\n  npx troupe registration --url http://127.0.0.1:9993 --server-name example.org")
  .action(async (options) => (await import("./registration.ts")).registration(options));

program
  .command("schema")
  .description("Print the JSON Schema of troupe.yaml, for editors.")
  .option("--out <file>", "where to write it; an existing file is never overwritten")
  .addHelpText("after", "\nExample:\n  npx troupe schema --out troupe.schema.json")
  .action(async (options) => (await import("./schema.ts")).schema(options));

program
  .command("serve")
  .description("Run the bridge on this machine, configured by environment variables or .env.")
  .addHelpText("after", "\nExample:\n  npx troupe serve\n\nThe README lists the environment variables.")
  .action(async () => (await import("./serve.ts")).serveConfigured());

function seconds(text: string): number {
  const given = Number(text);
  if (given > 0) return given;
  throw new InvalidArgumentError("Give a number of seconds above 0.");
}

await program.parseAsync().catch(complain);
