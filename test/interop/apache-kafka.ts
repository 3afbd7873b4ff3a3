// A real single-node Apache Kafka (KRaft, broker and controller in one process) for tests and comparisons.
// As a command: node test/interop/apache-kafka.ts --port 19092 [--data-dir DIR] [--heap 1G] [--set key=value]...

import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { freePort, kafkaClasspath, log4jConfig, run } from "./toolchain.ts";

export interface ApacheKafkaOptions {
  port: number;
  /** Kept on stop when given; a temporary folder that is removed on stop otherwise. */
  dataDir?: string;
  /** Broker properties on top of the ones below. */
  overrides?: Readonly<Record<string, string>>;
  /** Maximum and initial heap; 1G is what Apache Kafka's own start script uses. */
  heap?: string;
  /** Takes what the broker logs once it is ready: warnings and errors. Default: to the error output. */
  onLog?: (text: string) => void;
}

export interface ApacheKafka {
  bootstrap: string;
  pid: number;
  dataDir: string;
  /** When the broker's process was started, on the clock of `performance`. */
  spawnedAtMs: number;
  /** Resolves when the process has gone, whoever ended it. */
  exited: Promise<void>;
  stop(): Promise<void>;
}

/** ACLs can be managed, and everybody may still do everything. */
export const permissiveAuthorizer: Readonly<Record<string, string>> = {
  "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
  "super.users": "User:ANONYMOUS",
};

/** As our own broker has them in the suites: members of streams groups that were killed are soon found out. */
export const shortStreamsTimeouts: Readonly<Record<string, string>> = {
  "group.streams.min.session.timeout.ms": "6000",
  "group.streams.session.timeout.ms": "6000",
  "group.streams.min.heartbeat.interval.ms": "500",
  "group.streams.heartbeat.interval.ms": "500",
};

/** What kafka-run-class.sh gives the JVM. */
const stockJvmOptions = [
  "-server",
  "-XX:+UseG1GC",
  "-XX:MaxGCPauseMillis=20",
  "-XX:InitiatingHeapOccupancyPercent=35",
  "-XX:+ExplicitGCInvokesConcurrent",
  "-XX:MaxInlineLevel=15",
  "-Djava.awt.headless=true",
];

const clusterId = "b25jaWxsYS1pbnRlcm9wMQ";

export async function startApacheKafka(options: ApacheKafkaOptions): Promise<ApacheKafka> {
  const classpath = await kafkaClasspath();
  const dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), "apache-kafka-"));
  const dropData = (): void => {
    if (options.dataDir === undefined) rmSync(dataDir, { recursive: true, force: true });
  };
  mkdirSync(dataDir, { recursive: true });
  const controllerPort = await freePort();
  const properties: Record<string, string> = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.quorum.bootstrap.servers": `127.0.0.1:${controllerPort}`,
    listeners: `PLAINTEXT://127.0.0.1:${options.port},CONTROLLER://127.0.0.1:${controllerPort}`,
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "controller.listener.names": "CONTROLLER",
    "log.dirs": join(dataDir, "logs"),
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    // The default waits three seconds for more members; tests have all of theirs.
    "group.initial.rebalance.delay.ms": "0",
    ...options.overrides,
  };
  const configFile = join(dataDir, "server.properties");
  const lines = Object.entries(properties).map(([key, value]) => `${key}=${value}`);
  writeFileSync(configFile, `${lines.join("\n")}\n`);

  const logging = `-Dlog4j2.configurationFile=${log4jConfig}`;
  if (!existsSync(join(dataDir, "logs", "meta.properties"))) {
    const args = ["format", "--standalone", "-t", clusterId, "-c", configFile];
    const formatted = await run("java", ["-Xmx256m", logging, "-cp", classpath, "kafka.tools.StorageTool", ...args]);
    if (formatted.code !== 0) {
      dropData();
      throw new Error(`formatting ${dataDir} failed\n${formatted.stdout}${formatted.stderr}`);
    }
  }

  const { heap = "1G", onLog = (text) => process.stderr.write(text) } = options;
  const spawnedAtMs = performance.now();
  const child = spawn(
    "java",
    [`-Xmx${heap}`, `-Xms${heap}`, ...stockJvmOptions, logging, "-cp", classpath, "kafka.Kafka", configFile],
    { stdio: ["ignore", "ignore", "pipe"] },
  );
  const exited = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const kill = (): boolean => child.kill("SIGKILL");
  process.once("exit", kill);
  void exited.then(() => process.removeListener("exit", kill));

  let log = "";
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => {
      child.kill("SIGKILL");
      reject(new Error(`Apache Kafka did not start in three minutes\n${log}`));
    }, 180_000);
    child.once("error", (error) => {
      clearTimeout(timer);
      reject(error);
    });
    void exited.then(() => {
      clearTimeout(timer);
      reject(new Error(`Apache Kafka ended before it was ready\n${log}`));
    });
    let ready = false;
    child.stderr.on("data", (chunk: Buffer) => {
      const text = chunk.toString("utf8");
      if (ready) {
        onLog(text);
        return;
      }
      log += text;
      if (log.includes("Kafka Server started")) {
        ready = true;
        clearTimeout(timer);
        resolve();
      }
    });
  }).catch((error: unknown) => {
    dropData();
    throw error;
  });

  return {
    bootstrap: `127.0.0.1:${options.port}`,
    pid: child.pid ?? -1,
    dataDir,
    spawnedAtMs,
    exited,
    async stop() {
      child.kill("SIGTERM");
      // A controlled shutdown that hangs must not hang the tests with it.
      const timer = setTimeout(kill, 20_000);
      await exited;
      clearTimeout(timer);
      dropData();
    },
  };
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      port: { type: "string", default: "19092" },
      "data-dir": { type: "string" },
      heap: { type: "string" },
      set: { type: "string", multiple: true, default: [] },
    },
  });
  const overrides: Record<string, string> = {};
  for (const setting of values.set) {
    const at = setting.indexOf("=");
    if (at < 1) throw new Error(`--set ${setting}: expected key=value`);
    overrides[setting.slice(0, at)] = setting.slice(at + 1);
  }
  const kafka = await startApacheKafka({
    port: Number(values.port),
    overrides,
    ...(values["data-dir"] === undefined ? {} : { dataDir: values["data-dir"] }),
    ...(values.heap === undefined ? {} : { heap: values.heap }),
  });
  process.stdout.write(`READY ${kafka.bootstrap}\n`);
  let stopping = false;
  const stop = (): void => {
    if (stopping) return;
    stopping = true;
    void kafka.stop().then(() => process.exit(0));
  };
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
  await kafka.exited;
  if (!stopping) process.exitCode = 1;
}
