// Runs the clients of others against a broker and checks all they see; `npm run interop`.
//
// Ends with 1 when anything failed, and in CI also when anything could not run.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { permissiveAuthorizer, shortStreamsTimeouts, startApacheKafka } from "./apache-kafka.ts";
import { endOnSignals } from "./children.ts";
import { dumpLogs } from "./dump-logs.ts";
import { startOwnBroker } from "./own-broker.ts";
import { count, summary, writeDocs } from "./report.ts";
import { needJavaClient } from "./scenarios.ts";
import { type Left, Session, type Target } from "./session.ts";
import { suites } from "./suites.ts";
import { freePort, kafkaVersion } from "./toolchain.ts";

const FIXED_SEED = 1;
const isInCi: boolean = process.env.CI === "true";

const usage = `npm run interop -- [NAME …] [options]

Runs the suites of that NAME, or all, against our own broker in a process and a folder of its own. Apache Kafka's log
dumper then reads that folder. A run of all writes what came of it to docs/clients.md (not in CI).

  --only TEXT          only scenarios whose client and name contain TEXT
  --brokers HOST:PORT  against a cluster that runs already
  --apache             against Apache Kafka itself, which proves the scenarios
  --kafka HOST:PORT    for the differential suite: an Apache Kafka that runs already, with the settings that
                       differential/brokers.ts gives its own
  --seed N|fresh       of the differential suite's random sequences; default: ${FIXED_SEED} in CI, so that what no run has
                       seen before fails none, else fresh ones
  --steps N            how many random operations of each kind
  --dump DIR           only lets the log dumper read a stopped broker's folder
  --list               the suites
  --help               this
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: "string", default: "" },
    brokers: { type: "string" },
    apache: { type: "boolean", default: false },
    kafka: { type: "string" },
    seed: { type: "string" },
    steps: { type: "string" },
    dump: { type: "string" },
    list: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

function seed(): number {
  const isFresh = values.seed === "fresh" || (values.seed === undefined && !isInCi);
  return isFresh ? Date.now() % 1_000_000 : (wholeNumber("seed") ?? FIXED_SEED);
}

function wholeNumber(name: "seed" | "steps"): number | undefined {
  const text = values[name];
  if (text === undefined || /^\d+$/.test(text)) return text === undefined ? undefined : Number(text);
  throw new Error(`--${name} ${text}: expected a whole number`);
}

const isOwnBroker: boolean = values.brokers === undefined && !values.apache;

function startTarget(scratch: string): () => Promise<Target> {
  return async () => {
    if (values.brokers !== undefined) return { bootstrap: values.brokers, stop: async () => {} };
    if (!values.apache) return startOwnBroker(scratch);
    return startApacheKafka({
      port: await freePort(),
      dataDir: scratch,
      overrides: { ...permissiveAuthorizer, ...shortStreamsTimeouts },
    });
  };
}

/** The dumper's opinion of a folder. Topics whose number of records is known must have that many. */
async function checkFolder(session: Session, dataDir: string, expected: ReadonlyMap<string, number>): Promise<string> {
  await needJavaClient();
  session.clients.set("log dumper", { version: kafkaVersion(), isCommon: false });
  const report = await dumpLogs(dataDir);
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
  if (problems.length > 0) throw new Error(problems.slice(0, 20).join("\n"));
  return `${report.files} files`;
}

async function runSuites(names: readonly string[]): Promise<Session> {
  const scratch = mkdtempSync(join(tmpdir(), "oncilla-interop-"));
  const drop = (): void => rmSync(scratch, { recursive: true, force: true });
  process.once("exit", drop);
  const session = new Session(startTarget(scratch), values.only, {
    isOwnBroker,
    kafka: values.kafka,
    seed: seed(),
    steps: wholeNumber("steps"),
  });
  for (const name of names) await suites.get(name)?.run(session);
  if (names.length > 0 && session.rows.length === 0) throw new Error(`--only ${values.only}: no such scenario`);
  if (session.isOpen) {
    let left: Left | undefined;
    await session.always("broker", "stops when it is told to", async () => {
      left = await session.stop();
      return "";
    });
    if (left?.dataDir !== undefined) {
      const { dataDir, expected } = left;
      await session.always("log dumper", "reads the data folder", () => checkFolder(session, dataDir, expected));
    }
  }
  if (session.rows.some((row) => row.result === "fail")) process.stdout.write(`kept what was written in ${scratch}\n`);
  else drop();
  process.removeListener("exit", drop);
  return session;
}

async function main(): Promise<void> {
  endOnSignals();
  if (values.help) {
    process.stdout.write(usage);
    return;
  }
  if (values.list) {
    for (const [name, { about }] of suites) process.stdout.write(`${name.padEnd(24)}${about}\n`);
    return;
  }
  const unknown = positionals.filter((name) => !suites.has(name));
  if (unknown.length > 0) {
    process.stderr.write(`no suite is called ${unknown.join(", ")}; there are ${[...suites.keys()].join(", ")}\n`);
    process.exitCode = 2;
    return;
  }
  let session: Session;
  if (values.dump !== undefined) {
    const { dump } = values;
    session = new Session(startTarget(""), "");
    await session.always("log dumper", "reads the data folder", () => checkFolder(session, dump, new Map()));
  } else {
    session = await runSuites(
      [...suites.keys()].filter((name) => positionals.length === 0 || positionals.includes(name)),
    );
  }
  const { rows, clients } = session;
  process.stdout.write(`\n${summary(rows, clients)}\n`);
  const isWhole = positionals.length === 0 && values.only === "" && values.dump === undefined;
  if (isWhole && isOwnBroker && !isInCi) writeDocs(rows, clients);
  const failed = count(rows, "fail");
  const notRun = count(rows, "not run");
  if (notRun > 0) process.stdout.write(`${notRun} could not run here: see above for what is missing\n`);
  const passed = count(rows, "pass");
  process.exitCode = failed > 0 || (isInCi && notRun > 0) ? 1 : 0;
  // Whatever is left open ends here.
  process.stdout.write(`${passed} passed, ${failed} failed, ${rows.length - passed - failed} skipped\n`, () =>
    process.exit(),
  );
}

await main();
