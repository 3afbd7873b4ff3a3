// Runs the clients of others (Java, kcat) against a broker and checks all they see; `npm run interop`.
//
//   node test/interop/run.ts                       against our own broker, in a process and a folder of its own
//   node test/interop/run.ts --brokers HOST:PORT   against a cluster that runs already
//   node test/interop/run.ts --apache              against Apache Kafka itself, which proves the scenarios
//   node test/interop/run.ts --dump DIR            only lets Apache Kafka's log dumper read a stopped broker's folder
//   --only TEXT                                    only scenarios whose client or name contains TEXT
//
// Ends with 1 when anything failed, and in CI also when anything could not run.

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { permissiveAuthorizer, startApacheKafka } from "./apache-kafka.ts";
import { type DumpReport, dumpLogs } from "./dump-logs.ts";
import { javaClient } from "./java-client.ts";
import { openContext, type Scenario, scenarios } from "./scenarios.ts";
import { freePort, hasProgram } from "./toolchain.ts";

const { values } = parseArgs({
  options: {
    brokers: { type: "string" },
    apache: { type: "boolean", default: false },
    dump: { type: "string" },
    only: { type: "string", default: "" },
  },
});

interface Row {
  client: string;
  scenario: string;
  result: "pass" | "fail" | "not run" | "unsupported";
  detail: string;
}

interface Broker {
  bootstrap: string;
  /** Known only for brokers that this run started; the check of the files needs it. */
  dataDir?: string;
  stop(): Promise<void>;
}

async function startOwnBroker(dataDir: string): Promise<Broker> {
  const main = join(import.meta.dirname, "..", "..", "src", "cli", "main.ts");
  const args = [main, "broker", "--data-dir", dataDir, "--port", "0"];
  const child: ChildProcess = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  const exited = new Promise<number | null>((resolve) => child.once("close", resolve));
  process.once("exit", () => child.kill("SIGKILL"));
  const port = await new Promise<string>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("the broker was not ready in 30 seconds")), 30_000);
    let printed = "";
    child.stdout?.on("data", (chunk: Buffer) => {
      printed += chunk.toString("utf8");
      const match = /oncilla broker listening on 127\.0\.0\.1:(\d+)/.exec(printed);
      if (match?.[1] === undefined) return;
      clearTimeout(timer);
      resolve(match[1]);
    });
    void exited.then((code) => {
      clearTimeout(timer);
      reject(new Error(`the broker ended with ${code} before it was ready\n${printed}`));
    });
  });
  return {
    bootstrap: `127.0.0.1:${port}`,
    dataDir,
    async stop() {
      child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), 20_000);
      const code = await exited;
      clearTimeout(timer);
      if (code !== 0) throw new Error(`the broker ended with ${code} after SIGTERM`);
    },
  };
}

/** The programs that the clients need, and the Debian packages that have them. */
const programs = {
  java: { versionFlag: "-version", debianPackage: "default-jdk-headless" },
  mvn: { versionFlag: "-version", debianPackage: "maven" },
  kcat: { versionFlag: "-V", debianPackage: "kcat" },
} as const;

type Program = keyof typeof programs;

function absent(names: readonly Program[]): Program[] {
  return names.filter((name) => !hasProgram(name, programs[name].versionFlag));
}

function debianPackages(names: readonly Program[]): string[] {
  return names.map((name) => programs[name].debianPackage);
}

/** On a machine of one's own (root on Debian), what is missing is simply installed. */
function installMissing(): void {
  const wanted = debianPackages(absent(["java", "mvn", "kcat"]));
  if (wanted.length === 0 || process.getuid?.() !== 0 || !hasProgram("apt-get", "--version")) return;
  console.log(`Installing ${wanted.join(", ")} …`);
  spawnSync("apt-get", ["update", "-qq"], { stdio: "ignore" });
  spawnSync("apt-get", ["install", "-y", "-qq", ...wanted], { stdio: "ignore" });
}

/** Why a client cannot run here, or undefined. */
function missing(): { java: string | undefined; kcat: string | undefined } {
  const reason = (names: readonly Program[]): string | undefined => {
    const lacking = absent(names);
    if (lacking.length === 0) return undefined;
    return `no ${lacking.join(" and ")} here; on Debian: apt-get install ${debianPackages(lacking).join(" ")}`;
  };
  return { java: reason(["java", "mvn"]), kcat: reason(["kcat"]) };
}

async function runScenarios(
  selected: readonly Scenario[],
  bootstrap: string,
): Promise<{ rows: Row[]; expected: ReadonlyMap<string, number> }> {
  installMissing();
  const lacks = missing();
  if (lacks.java === undefined) {
    // Maven may be there and its repository out of reach.
    await javaClient().catch((error: unknown) => {
      lacks.java = `the Java client cannot be built: ${String(error)}`;
    });
  }
  const context = await openContext(bootstrap);
  const rows: Row[] = [];
  for (const scenario of selected) {
    const row: Row = { client: scenario.client, scenario: scenario.name, result: "not run", detail: "" };
    rows.push(row);
    const reason = scenario.needs.map((client) => lacks[client]).find((text) => text !== undefined);
    if (reason !== undefined) {
      row.detail = reason;
    } else {
      const start = performance.now();
      try {
        row.detail = await scenario.run(context);
        row.result = "pass";
      } catch (error) {
        row.detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
        const refused = /UnsupportedVersionException|SecurityDisabledException/.test(row.detail);
        const unsupported = scenario.optional === true && refused;
        row.result = unsupported ? "unsupported" : "fail";
        if (unsupported) row.detail = "the broker does not serve this yet";
      }
      row.detail = `${((performance.now() - start) / 1000).toFixed(1)} s  ${row.detail}`;
    }
    print(row);
  }
  // Somebody else's cluster is left as it was; our own folder is still to be read by the log dumper.
  if (values.brokers !== undefined) await context.cleanUp();
  await context.close();
  return { rows, expected: context.expected };
}

function print(row: Row): void {
  const cells = [row.client.padEnd(13), row.scenario.padEnd(52), row.result.padEnd(12)];
  process.stdout.write(`${cells.join("")}${row.detail}\n`);
}

/** The dumper's opinion of a folder, as one row; topics whose number of records is known must have that many. */
function dumpRow(report: DumpReport, expected: ReadonlyMap<string, number>): Row {
  const problems = [...report.complaints];
  // A selection of scenarios may write nothing at all.
  if (report.files === 0 && values.only === "") problems.push("no log files found");
  for (const [topic, count] of expected) {
    let found = 0;
    for (const [partition, records] of report.records) {
      if (partition.replace(/-\d+$/, "") === topic) found += records;
    }
    if (found !== count) problems.push(`${topic} holds ${found} records, not ${count}`);
  }
  const result = problems.length === 0 ? "pass" : "fail";
  const detail = problems.length === 0 ? `${report.files} files` : problems.slice(0, 20).join("\n");
  return { client: "log dumper", scenario: "reads the data folder", result, detail };
}

const rows: Row[] = [];
const dump = async (dataDir: string, expected: ReadonlyMap<string, number>): Promise<void> => {
  const row = dumpRow(await dumpLogs(dataDir), expected);
  print(row);
  rows.push(row);
};

if (values.dump !== undefined) {
  await dump(values.dump, new Map());
} else {
  const selected = scenarios.filter(({ client, name }) => `${client} ${name}`.includes(values.only));
  if (selected.length === 0) throw new Error(`--only ${values.only}: no such scenario`);
  const scratch = mkdtempSync(join(tmpdir(), "oncilla-interop-"));
  let broker: Broker;
  if (values.brokers !== undefined) broker = { bootstrap: values.brokers, stop: async () => {} };
  else if (values.apache)
    broker = await startApacheKafka({ port: await freePort(), dataDir: scratch, overrides: permissiveAuthorizer });
  else broker = await startOwnBroker(scratch);
  const { rows: results, expected } = await runScenarios(selected, broker.bootstrap);
  rows.push(...results);
  await broker.stop();
  if (broker.dataDir !== undefined) {
    const java = missing().java;
    if (java === undefined) {
      await dump(broker.dataDir, expected);
    } else {
      const row: Row = { client: "log dumper", scenario: "reads the data folder", result: "not run", detail: java };
      print(row);
      rows.push(row);
    }
  }
  if (rows.some((row) => row.result === "fail")) process.stdout.write(`the broker's folder is kept in ${scratch}\n`);
  else rmSync(scratch, { recursive: true, force: true });
}

const counted = (result: Row["result"]): number => rows.filter((row) => row.result === result).length;
process.stdout.write(
  `${counted("pass")} passed, ${counted("fail")} failed, ${counted("not run")} not run, ${counted("unsupported")} unsupported\n`,
);
const ci = process.env.CI === "true";
process.exitCode = counted("fail") > 0 || (ci && counted("not run") > 0) ? 1 : 0;
