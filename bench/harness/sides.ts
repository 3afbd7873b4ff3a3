/** The brokers that are compared, each a process of its own. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { resolve as absolute, join } from "node:path";
import { startApacheKafka } from "../../test/interop/apache-kafka.ts";
import { freePort } from "../../test/interop/toolchain.ts";
import { bind } from "./child.ts";

const projectRoot = join(import.meta.dirname, "..", "..");

/** `os`: acknowledged when the operating system has it. `synced`: when it is on the disk. */
export type Durability = "os" | "synced";

/** "oncilla", "kafka", or the folder of another checkout of oncilla. */
export type SideName = string;

export interface Side {
  readonly label: string;
  readonly bootstrap: string;
  readonly pid: number;
  readonly dataDir: string;
  /** On the clock of `performance`. */
  readonly spawnedAtMs: number;
  /** Ends the process, asked to (SIGTERM) or killed, and starts another one with the same data. */
  restart(signal: "SIGTERM" | "SIGKILL"): Promise<Side>;
  /** Its data is gone afterwards. */
  stop(): Promise<void>;
}

export interface SideOptions {
  readonly durability: Durability;
  /** Where the broker's folder is made. */
  readonly root: string;
  /** oncilla only: writes a CPU profile into this folder when it stops. */
  readonly profileInto?: string | undefined;
  /** oncilla only: the built package instead of the sources. */
  readonly built?: boolean | undefined;
}

export async function startSide(name: SideName, options: SideOptions): Promise<Side> {
  const dataDir = mkdtempSync(join(options.root, `${name === "kafka" ? "kafka" : "oncilla"}-`));
  return name === "kafka" ? startKafka(dataDir, options) : startOncilla(name, dataDir, options);
}

/** Says what is wrong with a name; undefined when nothing is. */
export function wrongSide(name: SideName): string | undefined {
  if (name === "kafka" || name === "oncilla" || existsSync(join(name, "src/cli/main.ts"))) return undefined;
  return `${name} is none of: oncilla, kafka, the folder of a checkout of oncilla`;
}

async function startKafka(dataDir: string, options: SideOptions): Promise<Side> {
  const synced = {
    // Wherever the broker writes: without this the log of the transactions would not be synced.
    "log.flush.interval.messages": "1",
  };
  const kafka = await startApacheKafka({
    port: await freePort(),
    dataDir,
    overrides: {
      // A deleted topic is gone from the disk before the next run.
      "log.segment.delete.delay.ms": "100",
      ...(options.durability === "synced" ? synced : {}),
    },
  });
  const { bootstrap, pid, spawnedAtMs } = kafka;
  return {
    label: "kafka",
    bootstrap,
    pid,
    spawnedAtMs,
    dataDir: join(dataDir, "logs"),
    async restart(signal) {
      if (signal === "SIGKILL") process.kill(pid, signal);
      await (signal === "SIGKILL" ? kafka.exited : kafka.stop());
      return startKafka(dataDir, options);
    },
    async stop() {
      await kafka.stop();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

async function startOncilla(name: SideName, dataDir: string, options: SideOptions): Promise<Side> {
  const root = name === "oncilla" ? projectRoot : absolute(name);
  const entry = join(root, options.built ? "dist/cli/main.js" : "src/cli/main.ts");
  if (!existsSync(entry)) throw new Error(`${entry} is missing: npm run build`);
  const node = options.profileInto === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${options.profileInto}`];
  if (options.profileInto !== undefined) mkdirSync(options.profileInto, { recursive: true });
  const durability = options.durability === "os" ? "os" : "fsync";
  const args = ["broker", "--data-dir", dataDir, "--port", "0", "--durability", durability, "--log-level", "warn"];
  const spawnedAtMs = performance.now();
  const child = spawn(process.execPath, [...node, entry, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  const closed = bind(child);
  const bootstrap = await listening(child);
  const end = async (signal: "SIGTERM" | "SIGKILL"): Promise<void> => {
    child.kill(signal);
    const timer = setTimeout(() => child.kill("SIGKILL"), 20_000);
    await closed;
    clearTimeout(timer);
  };
  return {
    label: name,
    bootstrap,
    pid: child.pid ?? -1,
    dataDir,
    spawnedAtMs,
    async restart(signal) {
      await end(signal);
      return startOncilla(name, dataDir, options);
    },
    async stop() {
      await end("SIGTERM");
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

function listening(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let printed = "";
    child.stdout?.on("data", (chunk: Buffer) => {
      printed += chunk.toString();
      const address = /listening on (\S+)\n/.exec(printed)?.[1];
      if (address !== undefined) resolve(address);
    });
    child.once("exit", (code) => reject(new Error(`the broker ended with ${code} before it was listening`)));
  });
}
