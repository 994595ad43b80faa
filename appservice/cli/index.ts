/** The `troupe` command. */
import { Command, InvalidArgumentError } from "commander";
import { loadDotEnv } from "../host/settings.ts";
import { apply } from "./apply.ts";
import { chat } from "./chat.ts";
import { complain } from "./complain.ts";
import { deadLetters, replay } from "./dead-letters.ts";
import { registration } from "./registration.ts";
import { serveConfigured } from "./serve.ts";

loadDotEnv();
const bridgeUrl = ["--url <url>", "where the bridge is", "http://127.0.0.1:9993"] as const;
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
  .action((agent: string, text: string[], { timeout }: { timeout: number }) => chat(agent, text.join(" "), timeout));

program
  .command("apply")
  .description("Make the agents of a file the agents of a running bridge; ADMIN_TOKEN must be set.")
  .argument("<file>", "a troupe.yaml")
  .option(...bridgeUrl)
  .addHelpText(
    "after",
    "\nExample:\n  ADMIN_TOKEN=… npx troupe apply troupe.yaml --url https://troupe.example.workers.dev",
  )
  .action((file: string, { url }: { url: string }) => apply(file, url));

program
  .command("dead-letters")
  .description("What a running bridge could not read, answer or send; ADMIN_TOKEN must be set.")
  .option(...bridgeUrl)
  .action(({ url }: { url: string }) => deadLetters(url));

program
  .command("replay")
  .description("Put a turn that was given up in line again; ADMIN_TOKEN must be set.")
  .argument("<turn>", "its id, as `troupe dead-letters` shows it")
  .option(...bridgeUrl)
  .action((turn: string, { url }: { url: string }) => replay(turn, url));

program
  .command("registration")
  .description("Write a registration with fresh tokens for a homeserver.")
  .requiredOption("--url <url>", "where the homeserver reaches the bridge")
  .requiredOption("--server-name <name>", "the homeserver's server_name")
  .option("--out <file>", "where to write it; an existing file is kept", "data/registration.yaml")
  .option("--ghost-prefix <prefix>", "what an agent's user id begins with", "agent_")
  .option("--bot-localpart <localpart>", "the bot's name", "troupe")
  .addHelpText("after", "\nExample:\n  npx troupe registration --url http://127.0.0.1:9993 --server-name example.org")
  .action(registration);

program
  .command("serve")
  .description("Run the bridge on this machine, set up by the environment or .env.")
  .addHelpText("after", "\nExample:\n  npx troupe serve\n\nThe settings are in the README.")
  .action(serveConfigured);

function seconds(text: string): number {
  const given = Number(text);
  if (given > 0) return given;
  throw new InvalidArgumentError("It is a number of seconds.");
}

await program.parseAsync().catch(complain);
