import { resolve } from "node:path";
import { type Command, InvalidArgumentError, Option } from "commander";
import type { BrokerOptions, Durability } from "../broker/index.ts";
import type { LogLevel } from "../platform/logger.ts";
import { wholeNumber } from "./arguments.ts";
import { CliError } from "./cli-error.ts";

interface Flags {
  readonly dataDir?: string;
  readonly host: string;
  readonly port: number;
  readonly advertisedHost?: string;
  readonly advertisedPort?: number;
  readonly durability: Durability;
  readonly partitions: number;
  readonly autoCreateTopics: boolean;
  readonly topicDefault: Readonly<Record<string, string>>;
  readonly maxRequestBytes?: number;
  readonly maxConnections?: number;
  readonly maxConnectionsPerAddress?: number;
  readonly connectionsMaxIdleMs?: number;
  readonly queuedMaxRequestBytes?: number;
  readonly queuedMaxReplyBytes?: number;
  readonly logLevel: LogLevel;
}

export function addBrokerCommand(program: Command): void {
  program
    .command("broker")
    .summary("run a broker that any Kafka client can use")
    .description(
      "Runs a broker until it is told to stop (SIGTERM, Ctrl-C). It prints one line on standard output when clients can " +
        "connect; its log goes to standard error.",
    )
    .option("--data-dir <folder>", "where the logs are kept, made when missing (default: in memory, gone at the end)")
    .option("--host <address>", "the address to listen on", "127.0.0.1")
    .option("--port <n>", "the port to listen on, 0 for any free one", wholeNumber(0, 65_535), 9092)
    .option("--advertised-host <name>", "what clients are told to connect to (default: --host)")
    .option("--advertised-port <n>", "what clients are told to connect to (default: the port)", wholeNumber(1, 65_535))
    .addOption(
      new Option("--durability <mode>", "fsync: acknowledged means on the disk; os: handed to the operating system")
        .choices(["fsync", "os"])
        .default("fsync"),
    )
    .option("--partitions <n>", "partitions of a topic created without a number", wholeNumber(1, 100_000), 1)
    .option("--no-auto-create-topics", "do not create a topic because a client asks for it")
    .option(
      "--topic-default <name=value>",
      "a setting of topics that do not have their own; may be repeated",
      setting,
      {},
    )
    .option("--max-request-bytes <n>", "larger requests end the connection (default: 100 MiB)", positive)
    .option("--max-connections <n>", "connections at a time; more are refused (default: any number)", positive)
    .option("--max-connections-per-address <n>", "those from one address (default: any number)", positive)
    .option("--connections-max-idle-ms <n>", "when an idle connection is closed (default: 10 minutes)", positive)
    .option("--queued-max-request-bytes <n>", "what requests may take up together (default: 256 MiB)", positive)
    .option("--queued-max-reply-bytes <n>", "what replies may take up together (default: 512 MiB)", positive)
    .addOption(
      new Option("--log-level <level>", "the least important lines to log")
        .choices(["debug", "info", "warn", "error"])
        .default("info"),
    )
    .action(runBroker);
}

async function runBroker(flags: Flags): Promise<void> {
  // Loaded here, so that other commands start without it.
  const [{ Broker, BrokerError }, { stderrLogger }] = await Promise.all([
    import("../broker/index.ts"),
    import("../platform/node/logger.ts"),
  ]);
  const broker = await Broker.start({ ...optionsOf(flags), logger: stderrLogger(flags.logLevel) }).catch(
    (error: unknown) => {
      throw error instanceof BrokerError ? new CliError(error.message) : error;
    },
  );
  const stop = (): void => {
    broker.stop().catch((error: unknown) => {
      console.error(`oncilla: the broker did not stop cleanly: ${error instanceof Error ? error.message : error}`);
      process.exitCode = 1;
    });
  };
  process.once("SIGTERM", stop);
  // Started with a channel to its parent, it ends with it: nobody would know of it any more.
  process.once("disconnect", stop);
  process.once("SIGINT", stop);
  console.log(`oncilla broker listening on ${broker.address}`);
}

/** Flags that are not named here have the names of their options. */
function optionsOf({ dataDir, partitions, topicDefault, logLevel: _, ...options }: Flags): BrokerOptions {
  return {
    ...options,
    ...(dataDir === undefined ? {} : { dataDir: resolve(dataDir) }),
    defaultPartitions: partitions,
    topicDefaults: topicDefault,
  };
}

function positive(text: string): number {
  return wholeNumber(1, Number.MAX_SAFE_INTEGER)(text);
}

function setting(text: string, previous: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const at = text.indexOf("=");
  if (at < 1) throw new InvalidArgumentError("It must be of the form name=value.");
  return { ...previous, [text.slice(0, at)]: text.slice(at + 1) };
}
