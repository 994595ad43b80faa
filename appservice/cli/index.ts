/** The `troupe` command. What a command needs is loaded when it is given: most of them need little. */
import { Command, InvalidArgumentError } from "commander";
import { loadDotEnv } from "../host/environment.ts";
import { operatorCommands } from "./operator/commands.ts";
import { complain } from "./terminal/complain.ts";

loadDotEnv();
const program = new Command("troupe").description("AI agents on a Matrix homeserver.").exitOverride((error) => {
  process.exit(error.exitCode === 0 ? 0 : 2);
});

program
  .command("chat")
  .description("Talk to an agent of the running playground.")
  .argument("<agent>", "the agent's id, such as guide")
  .argument("[text...]", "what to say; without it a small chat opens")
  .option("--timeout <seconds>", "give up after so long without any news", seconds, 120)
  .addHelpText("after", '\nExample:\n  npx troupe chat guide "hello"')
  .action(async (agent: string, text: string[], { timeout }: { timeout: number }) => {
    const { chat } = await import("./chat.ts");
    await chat(agent, text.join(" "), timeout);
  });

operatorCommands(program);

program
  .command("registration")
  .description("Write a registration with fresh tokens for a homeserver.")
  .requiredOption("--url <url>", "where the homeserver reaches the bridge")
  .requiredOption("--server-name <name>", "the homeserver's server_name")
  .option("--out <file>", "where to write it; an existing file is kept", "data/registration.yaml")
  .option("--ghost-prefix <prefix>", "what an agent's user id begins with", "agent_")
  .option("--bot-localpart <localpart>", "the bot's name", "troupe")
  .addHelpText("after", "\nExample:\n  npx troupe registration --url http://127.0.0.1:9993 --server-name example.org")
  .action(async (options) => (await import("./registration.ts")).registration(options));

program
  .command("schema")
  .description("Print the JSON Schema of troupe.yaml, for editors.")
  .option("--out <file>", "where to write it; an existing file is kept")
  .addHelpText("after", "\nExample:\n  npx troupe schema --out troupe.schema.json")
  .action(async (options) => (await import("./schema.ts")).schema(options));

program
  .command("serve")
  .description("Run the bridge on this machine, set up by the environment or .env.")
  .addHelpText("after", "\nExample:\n  npx troupe serve\n\nThe settings are in the README.")
  .action(async () => (await import("./serve.ts")).serveConfigured());

function seconds(text: string): number {
  const given = Number(text);
  if (given > 0) return given;
  throw new InvalidArgumentError("It is a number of seconds.");
}

await program.parseAsync().catch(complain);
