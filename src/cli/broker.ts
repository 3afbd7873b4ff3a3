import { resolve } from "node:path";
import { type Command, InvalidArgumentError, Option } from "commander";
import type { Broker, BrokerOptions, ListenerOptions } from "../broker/index.ts";
import type { LogLevel } from "../platform/logger.ts";
import { nodeClock } from "../platform/node/clock.ts";
import type { LogFormat } from "../platform/node/logger.ts";
import { wholeNumber } from "./arguments.ts";
import { CliError } from "./cli-error.ts";

/** Flags are the options of `Broker.start` under their names, but for those that a command line writes otherwise. */
interface Flags extends Omit<BrokerOptions, "listeners" | "platform" | "logger"> {
  readonly listeners?: readonly NamedAddress[];
  readonly advertisedListeners?: readonly NamedAddress[];
  readonly stopTimeoutMs: number;
  readonly logLevel: LogLevel;
  readonly logFormat: LogFormat;
}

interface NamedAddress {
  readonly name: string;
  readonly host: string;
  readonly port: number;
}

/** Of `Broker.start`, whose defaults and limits hold. */
const numbers: readonly (readonly [flag: string, description: string])[] = [
  ["--node-id <n>", "the broker's id in the protocol (default: 1)"],
  ["--default-partitions <n>", "partitions of a topic created without a number (default: 1)"],
  ["--offsets-topic-partitions <n>", "partitions of __consumer_offsets, when it is created (default: 4)"],
  ["--transaction-topic-partitions <n>", "partitions of __transaction_state, when it is created (default: 4)"],
  ["--transaction-max-timeout-ms <ms>", "the longest transaction timeout (default: 15 minutes)"],
  ["--transactional-id-expiration-ms <ms>", "how long an unused transactional id is remembered (default: 7 days)"],
  ["--producer-id-expiration-ms <ms>", "how long the state of a silent producer is kept (default: 1 day)"],
  ["--group-initial-rebalance-delay-ms <ms>", "how long a group's first member waits for others (default: 0)"],
  ["--group-min-session-timeout-ms <ms>", "the shortest session timeout (default: 6 seconds)"],
  ["--group-max-session-timeout-ms <ms>", "the longest session timeout (default: 30 minutes)"],
  ["--group-max-size <n>", "the most members of a classic group (default: any number)"],
  ["--group-consumer-max-size <n>", "the most members of a group of the consumer protocol (default: any number)"],
  ["--group-streams-max-size <n>", "the most members of a streams group (default: any number)"],
  [
    "--group-consumer-session-timeout-ms <ms>",
    "how long a member of the consumer protocol may be silent (default: 45 s)",
  ],
  ["--group-consumer-heartbeat-interval-ms <ms>", "how often such members send heartbeats (default: 5 seconds)"],
  ["--group-consumer-assignment-interval-ms <ms>", "how long such a group keeps an assignment (default: 0)"],
  [
    "--group-streams-session-timeout-ms <ms>",
    "how long a member of a streams group may be silent (default: 45 seconds)",
  ],
  ["--group-streams-heartbeat-interval-ms <ms>", "how often such members send heartbeats (default: 5 seconds)"],
  ["--group-streams-assignment-interval-ms <ms>", "how long such a group keeps an assignment (default: 0)"],
  ["--group-streams-num-standby-replicas <n>", "copies of a task's state beside the active one (default: 0)"],
  [
    "--group-streams-initial-rebalance-delay-ms <ms>",
    "how long a streams group's first member waits for others (default: 0)",
  ],
  ["--offsets-retention-ms <ms>", "how long committed offsets outlive their group (default: 7 days)"],
  ["--cleaner-backoff-ms <ms>", "how long the cleaner of compacted topics rests (default: 15 s)"],
  ["--cleaner-dedupe-buffer-bytes <n>", "the most memory for the keys of a log (default: 128 MiB)"],
  ["--cleaner-io-bytes-per-second <n>", "what it reads and writes a second (default: no limit)"],
  ["--retention-check-interval-ms <ms>", "how often is looked for what is past its retention (default: 30 s)"],
  ["--recovery-point-interval-bytes <n>", "how much of a log a start after a crash checks (default: 64 MiB)"],
  ["--max-request-bytes <n>", "larger requests end the connection (default: 100 MiB)"],
  ["--max-connections <n>", "connections at a time; more are refused (default: any number)"],
  ["--max-connections-per-address <n>", "those from one address (default: any number)"],
  ["--connections-max-idle-ms <ms>", "when an idle connection is closed (default: 10 minutes)"],
  ["--queued-max-request-bytes <n>", "what requests may take up together (default: 256 MiB)"],
  ["--queued-max-reply-bytes <n>", "what replies may take up together (default: 512 MiB)"],
  ["--max-fetch-bytes <n>", "the most that one fetch returns (default: 4 MiB)"],
  ["--metrics-port <n>", "show metrics at /metrics, in Prometheus' format (default: none)"],
  ["--max-fetch-sessions <n>", "clients whose fetches the broker remembers (default: 1000)"],
];

export function addBrokerCommand(program: Command): void {
  const command = program
    .command("broker")
    .summary("run a broker that any Kafka client can use")
    .description(
      "Runs a broker until it is told to stop (SIGTERM, Ctrl-C). It prints one line on standard output when clients can " +
        "connect; its log goes to standard error. A second signal, or --stop-timeout-ms, ends it at once with exit code 1: " +
        "nothing acknowledged is lost, but the next start has more to check.",
    )
    .option("--data-dir <folder>", "where the logs are kept, made when missing (default: in memory, gone at the end)")
    .option("--host <address>", "the address to listen on (default: 127.0.0.1)")
    .option("--port <n>", "the port to listen on, 0 for any free one (default: 9092)", wholeNumber(0, 65_535))
    .option("--advertised-host <name>", "what clients are told to connect to (default: --host)")
    .option("--advertised-port <n>", "what clients are told to connect to (default: the port)", wholeNumber(1, 65_535))
    .addOption(
      new Option(
        "--listeners <NAME://host:port,...>",
        "several addresses to listen on, in place of the four flags above",
      )
        .argParser(addresses)
        .conflicts(["host", "port", "advertisedHost", "advertisedPort"]),
    )
    .option(
      "--advertised-listeners <NAME://host:port,...>",
      "what clients of a listener are told to connect to, where that is another address",
      addresses,
    )
    .addOption(
      new Option("--durability <mode>", "fsync: acknowledged means on the disk; os: handed to the operating system")
        .choices(["fsync", "os"])
        .default("fsync"),
    )
    .addOption(
      new Option(
        "--group-consumer-migration-policy <policy>",
        "whether groups with members may change between the classic and the consumer protocol (default: bidirectional)",
      ).choices(["disabled", "upgrade", "downgrade", "bidirectional"]),
    )
    .option(
      "--recreate-lost-logs",
      "begin partitions anew, empty, whose folder was there and is gone (default: offline)",
    )
    .option("--no-auto-create-topics", "do not create a topic because a client asks for it")
    .option("--no-cleaner-enabled", "do not compact topics with cleanup.policy=compact")
    .option(
      "--topic-defaults <name=value>",
      "a setting of topics that do not have their own; may be repeated",
      setting,
    );
  for (const [flag, description] of numbers) command.option(flag, description, wholeNumber(0));
  command
    .option("--metrics-host <address>", "where to show metrics (default: 127.0.0.1)")
    .option("--stop-timeout-ms <ms>", "how long a clean stop may take", wholeNumber(0), 25_000)
    .addOption(
      new Option("--log-level <level>", "the least important lines to log")
        .choices(["debug", "info", "warn", "error"])
        .default("info"),
    )
    .addOption(
      new Option("--log-format <format>", "text: time, level, message, name=value; json: an object a line")
        .choices(["text", "json"])
        .default("text"),
    )
    .action(runBroker);
}

async function runBroker(flags: Flags): Promise<void> {
  let broker: Broker | undefined;
  // First of all: what a start has to recover can take minutes.
  stopOnSignals(() => broker, flags.stopTimeoutMs);
  // Syncs that run at the same time share the file system's commits: with four threads, the default, a transaction over 50
  // partitions took 10 ms, with 16 it takes 6.
  process.env.UV_THREADPOOL_SIZE ??= "16";
  // Loaded here, so that other commands start without it.
  const [{ Broker, BrokerError }, { stderrLogger }] = await Promise.all([
    import("../broker/index.ts"),
    import("../platform/node/logger.ts"),
  ]);
  const logger = stderrLogger(flags.logLevel, flags.logFormat);
  broker = await Broker.start({ ...optionsOf(flags), logger }).catch((error: unknown) => {
    throw error instanceof BrokerError ? new CliError(error.message) : error;
  });
  console.log(`oncilla broker listening on ${broker.addresses.join(",")}`);
}

/** The first signal asks the broker to stop. A second one, or too long a wait, ends the process as it is. So does the first while
 * the broker starts: it leaves what a crash would, which every start can deal with, and nobody is owed an answer. */
function stopOnSignals(running: () => Broker | undefined, timeoutMs: number): void {
  let isStopping = false;
  const giveUp = (reason: string): void => {
    console.error(`oncilla: the broker did not stop cleanly: ${reason}`);
    process.exit(1);
  };
  const stop = (): void => {
    if (isStopping) giveUp("it was told to stop at once");
    isStopping = true;
    const broker = running();
    if (!broker) process.exit(0);
    const timer = nodeClock.setTimer(timeoutMs, () => giveUp(`it took longer than ${timeoutMs} ms`));
    broker.stop().then(
      () => timer.cancel(),
      (error: unknown) => giveUp(error instanceof Error ? error.message : String(error)),
    );
  };
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
  // Started with a channel to its parent, it ends with it: nobody would know of it any more.
  process.once("disconnect", stop);
  // The channel alone does not keep a stopped broker alive.
  process.channel?.unref();
}

function optionsOf(flags: Flags): BrokerOptions {
  const { listeners, advertisedListeners = [], stopTimeoutMs: _, logLevel: __, logFormat: ___, ...options } = flags;
  if (!listeners && advertisedListeners.length > 0) throw new CliError("--advertised-listeners goes with --listeners");
  return {
    ...options,
    // An empty one is for the broker to refuse, and not the folder that this process happens to be in.
    ...(options.dataDir ? { dataDir: resolve(options.dataDir) } : {}),
    ...(listeners ? { listeners: withAdvertised(listeners, advertisedListeners) } : { port: options.port ?? 9092 }),
  };
}

function withAdvertised(listeners: readonly NamedAddress[], advertised: readonly NamedAddress[]): ListenerOptions[] {
  const strange = advertised.find(({ name }) => !listeners.some((listener) => listener.name === name));
  if (strange) throw new CliError(`--advertised-listeners: there is no listener ${strange.name}`);
  return listeners.map((listener) => {
    const told = advertised.find(({ name }) => name === listener.name);
    return told ? { ...listener, advertisedHost: told.host, advertisedPort: told.port } : listener;
  });
}

function addresses(text: string): NamedAddress[] {
  return text.split(",").map((part) => {
    const match = /^(?<name>[\w.-]+):\/\/(?:\[(?<v6>[^\]]+)\]|(?<v4>[^:\s]+)):(?<port>\d{1,5})$/.exec(part.trim());
    const { name, v6, v4 = v6, port } = match?.groups ?? {};
    if (name === undefined || v4 === undefined)
      throw new InvalidArgumentError("It must be of the form NAME://host:port.");
    return { name, host: v4, port: Number(port) };
  });
}

function setting(text: string, previous: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> {
  const at = text.indexOf("=");
  if (at < 1) throw new InvalidArgumentError("It must be of the form name=value.");
  return { ...previous, [text.slice(0, at)]: text.slice(at + 1) };
}
