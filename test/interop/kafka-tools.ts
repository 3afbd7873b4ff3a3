// Runs the tools that come with Apache Kafka, as their scripts do, and keeps what they say.

import type { ChildProcess } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, renameSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { killGroup, start } from "./children.ts";
import type { Context } from "./context.ts";
import { need } from "./requirements.ts";
import { NotRun, type Session, type Suite, type SuiteOptions } from "./session.ts";
import { cacheDir, kafkaClasspath, kafkaVersion, log4jConfig, run } from "./toolchain.ts";

/** By the names of their scripts; of those without a script, by their own. */
const mainClasses = {
  EndToEndLatency: "org.apache.kafka.tools.EndToEndLatency",
  "kafka-broker-api-versions": "org.apache.kafka.tools.BrokerApiVersionsCommand",
  "kafka-client-metrics": "org.apache.kafka.tools.ClientMetricsCommand",
  "kafka-cluster": "org.apache.kafka.tools.ClusterTool",
  "kafka-configs": "kafka.admin.ConfigCommand",
  "kafka-console-consumer": "org.apache.kafka.tools.consumer.ConsoleConsumer",
  "kafka-console-producer": "org.apache.kafka.tools.ConsoleProducer",
  "kafka-consumer-groups": "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
  "kafka-consumer-perf-test": "org.apache.kafka.tools.ConsumerPerformance",
  "kafka-delete-records": "org.apache.kafka.tools.DeleteRecordsCommand",
  "kafka-features": "org.apache.kafka.tools.FeatureCommand",
  "kafka-get-offsets": "org.apache.kafka.tools.GetOffsetShell",
  "kafka-groups": "org.apache.kafka.tools.GroupsCommand",
  "kafka-leader-election": "org.apache.kafka.tools.LeaderElectionCommand",
  "kafka-log-dirs": "org.apache.kafka.tools.LogDirsCommand",
  "kafka-metadata-quorum": "org.apache.kafka.tools.MetadataQuorumCommand",
  "kafka-producer-perf-test": "org.apache.kafka.tools.ProducerPerformance",
  "kafka-reassign-partitions": "org.apache.kafka.tools.reassign.ReassignPartitionsCommand",
  "kafka-topics": "org.apache.kafka.tools.TopicCommand",
  "kafka-transactions": "org.apache.kafka.tools.TransactionsCommand",
  LogCompactionTester: "org.apache.kafka.tools.LogCompactionTester",
  TransactionalMessageCopier: "org.apache.kafka.tools.TransactionalMessageCopier",
  VerifiableConsumer: "org.apache.kafka.tools.VerifiableConsumer",
  VerifiableProducer: "org.apache.kafka.tools.VerifiableProducer",
} as const;

export type Tool = keyof typeof mainClasses;

export interface ToolScenario {
  readonly name: string;
  /** What it gives goes into its row, with the number of tools that it ran. */
  run(tools: Tools, context: Context, options: SuiteOptions): Promise<string | undefined>;
}

/** The tools, against one broker. */
export class Tools {
  /** How many were run. */
  runs = 0;
  readonly #java: readonly string[];
  readonly #bootstrap: string;
  readonly #started: RunningTool[] = [];

  /** `java`: what a JVM is given before the class to run. */
  constructor(java: readonly string[], bootstrap: string) {
    this.#java = java;
    this.#bootstrap = bootstrap;
  }

  /** The same tools, against another broker. */
  at(bootstrap: string): Tools {
    return new Tools(this.#java, bootstrap);
  }

  /** Runs a tool and gives what it printed; it must print all of `expected`, and end with 0. */
  attempt(tool: Tool, args: string, ...expected: readonly RegExp[]): Promise<string> {
    return this.#run(tool, args, "", expected, false);
  }

  /** The same with a tool that reads its input. */
  feed(tool: Tool, args: string, input: string, ...expected: readonly RegExp[]): Promise<string> {
    return this.#run(tool, args, input, expected, false);
  }

  /** Runs a tool that must not end with 0, and must say all of `expected`. */
  refused(tool: Tool, args: string, ...expected: readonly RegExp[]): Promise<string> {
    return this.#run(tool, args, "", expected, true);
  }

  /** Starts a tool that prints an event a line, as JSON. */
  start(tool: Tool, args: string, bootstrap: string = this.#bootstrap): RunningTool {
    this.runs++;
    const child = start("java", this.#commandLine(tool, args, bootstrap), { stdio: ["ignore", "pipe", "pipe"] });
    const running = new RunningTool(tool, child);
    this.#started.push(running);
    return running;
  }

  /** Whatever was started and has not ended. */
  async killAll(): Promise<void> {
    await Promise.all(this.#started.map((running) => running.kill()));
  }

  async #run(
    tool: Tool,
    args: string,
    input: string,
    expected: readonly RegExp[],
    isRefused: boolean,
  ): Promise<string> {
    this.runs++;
    const { code, stdout, stderr } = await run("java", this.#commandLine(tool, args, this.#bootstrap), { input });
    const said = isRefused ? `${stdout}\n${stderr}` : stdout;
    const missing = expected.filter((pattern) => !pattern.test(said));
    if ((code !== 0) === isRefused && missing.length === 0) return said;
    throw new Error(`${tool} ${args}: ended with ${code}, without ${missing.join(", ")}\n${stdout}\n${stderr}`);
  }

  #commandLine(tool: Tool, args: string, bootstrap: string): string[] {
    const words = args.split(" ").filter((word) => word !== "");
    const address = [tool === "TransactionalMessageCopier" ? "--broker-list" : "--bootstrap-server", bootstrap];
    // There it is an option of each subcommand; elsewhere one before them.
    const options = tool === "kafka-cluster" ? [...words, ...address] : [...address, ...words];
    return [...this.#java, mainClasses[tool], ...options];
  }
}

/** What the tools that print events say; each only some of it. */
export interface ToolEvent {
  readonly name?: string;
  readonly topic?: string;
  readonly partition?: number;
  readonly offset?: number;
  readonly key?: string | null;
  readonly value?: string;
  /** Of commits. */
  readonly success?: boolean;
  /** Of the copier. */
  readonly stage?: string;
  readonly totalProcessed?: number;
  readonly remaining?: number;
}

export class RunningTool {
  readonly events: ToolEvent[] = [];
  readonly #tool: Tool;
  readonly #child: ChildProcess;
  readonly #closed: Promise<void>;
  #said = "";
  #mayEnd = false;

  constructor(tool: Tool, child: ChildProcess) {
    this.#tool = tool;
    this.#child = child;
    this.#closed = new Promise((resolve) => child.once("close", () => resolve()));
    child.stderr?.on("data", (chunk: Buffer) => {
      this.#said += chunk.toString("utf8");
    });
    if (child.stdout === null) throw new Error("no pipe to read from");
    createInterface({ input: child.stdout }).on("line", (line) => {
      if (line.startsWith("{")) this.events.push(JSON.parse(line) as ToolEvent);
      else this.#said += `${line}\n`;
    });
  }

  named(name: string): ToolEvent[] {
    return this.events.filter((event) => event.name === name);
  }

  /** Throws when it has ended by itself. */
  check(): void {
    if (!this.#mayEnd && this.#child.exitCode !== null) throw this.#failure();
  }

  /** Until it ends by itself, which must be with 0. */
  async end(): Promise<void> {
    this.#mayEnd = true;
    await this.#closed;
    if (this.#child.exitCode !== 0) throw this.#failure();
  }

  /** Tells it to stop. It says goodbye to the broker. */
  async stop(): Promise<void> {
    this.check();
    this.#mayEnd = true;
    this.#child.kill("SIGTERM");
    await this.#closed;
  }

  async kill(): Promise<void> {
    this.#mayEnd = true;
    if (this.#child.exitCode === null && this.#child.signalCode === null) killGroup(this.#child);
    await this.#closed;
  }

  #failure(): Error {
    return new Error(`${this.#tool} ended with ${this.#child.exitCode}\n${this.#said.slice(-3000)}`);
  }
}

/**
 * What a JVM is given to run a tool. Half of the time that most tools take would go into loading the same classes: the JVM has
 * them from an archive that it writes once. One that does not fit, or is not there, it passes over.
 */
async function javaOptions(classpath: string, bootstrap: string): Promise<string[]> {
  // The tools are over before a better compiler would pay.
  const java = ["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xlog:disable"];
  java.push(`-Dlog4j2.configurationFile=${log4jConfig}`, "-cp", classpath);
  const hash = createHash("sha256").update(classpath).digest("hex").slice(0, 12);
  const archive = join(cacheDir(), `kafka-tools-${hash}.jsa`);
  if (!existsSync(archive)) {
    const partial = `${archive}.${process.pid}`;
    const writing = [`-XX:ArchiveClassesAtExit=${partial}`, ...java, mainClasses["kafka-consumer-groups"]];
    await run("java", [...writing, "--bootstrap-server", bootstrap, "--list"]);
    if (existsSync(partial)) renameSync(partial, archive);
  }
  return [`-XX:SharedArchiveFile=${archive}`, ...java];
}

export function toolSuite(client: string, about: string, scenarios: readonly ToolScenario[]): Suite {
  return {
    about,
    async run(session: Session) {
      for (const scenario of scenarios) {
        await session.check(client, scenario.name, async () => {
          await need("java", "mvn");
          const classpath = await kafkaClasspath().catch((error: unknown) => {
            const reason = error instanceof Error ? error.message : error;
            throw new NotRun(`Apache Kafka's tools are not to be had: ${reason}`);
          });
          session.clients.set(client, { version: kafkaVersion(), isCommon: false });
          const context = await session.context();
          const tools = new Tools(await javaOptions(classpath, context.bootstrap), context.bootstrap);
          try {
            const found = await scenario.run(tools, context, session.options);
            return found ?? `${tools.runs} commands`;
          } finally {
            await tools.killAll();
          }
        });
      }
    },
  };
}
