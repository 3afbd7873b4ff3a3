/** The commands, and what becomes of their errors. */
import { readFileSync } from "node:fs";
import { enableCompileCache } from "node:module";
import { Command } from "commander";
import { addBrokerCommand } from "./broker.ts";
import { CliError } from "./cli-error.ts";
import { addDemoCommand } from "./demo/command.ts";
import { addLogCommand } from "./log/command.ts";
import { addTxnCommand } from "./txn/command.ts";
import { addVerifyCommand } from "./verify/command.ts";

// What a command imports then starts in a third of the time from the second run on: 0.1 s instead of 0.35 s for the broker.
enableCompileCache();

const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
const program = new Command("oncilla")
  .description(
    "Exactly-once streaming for TypeScript: a broker that speaks Apache Kafka's protocol, and what runs on it.",
  )
  .version(version);

addBrokerCommand(program);
addDemoCommand(program);
addTxnCommand(program);
addLogCommand(program);
addVerifyCommand(program);

try {
  await program.parseAsync();
} catch (error) {
  // Anything else is a bug, and its stack helps to find it.
  if (!(error instanceof CliError)) throw error;
  console.error(`oncilla: ${error.message}`);
  process.exitCode = 1;
}
