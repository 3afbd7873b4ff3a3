// The Python clients, each in a virtual environment of its own.

import { createHash } from "node:crypto";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { commonSuite } from "./common-suite.ts";
import type { Launch } from "./driver.ts";
import { codecs } from "./records.ts";
import { need } from "./requirements.ts";
import { NotRun, type Suite } from "./session.ts";
import { cacheDir, clientsDir, run } from "./toolchain.ts";

/** Installs exactly what requirements.txt names, when it has changed. */
async function prepare(name: string): Promise<Launch> {
  await need("python3");
  const folder = join(clientsDir, name);
  const requirements = join(folder, "requirements.txt");
  const hash = createHash("sha256").update(readFileSync(requirements)).digest("hex").slice(0, 12);
  const environment = join(cacheDir(), `${name}-${hash}`);
  const done = join(environment, "installed");
  const python = join(environment, "bin", "python");
  if (!existsSync(done)) {
    rmSync(environment, { recursive: true, force: true });
    await step("python3", ["-m", "venv", environment]);
    await step(python, ["-m", "pip", "install", "--quiet", "--only-binary", ":all:", "--no-deps", "-r", requirements]);
    writeFileSync(done, "");
  }
  return { command: python, args: ["-u", join(folder, "driver.py")] };
}

async function step(command: string, args: readonly string[]): Promise<void> {
  const finished = await run(command, args, { timeoutMs: 300_000 });
  if (finished.code === 0) return;
  throw new NotRun(`${command} ${args.join(" ")} ended with ${finished.code}: ${finished.stdout}${finished.stderr}`);
}

export const confluentKafkaSuite: Suite = commonSuite({
  name: "confluent-kafka-python",
  about: "Confluent's Python client (librdkafka)",
  prepare: () => prepare("confluent-kafka-python"),
  codecs,
  groups: {
    "range assignor": { protocol: "classic", assignor: "range" },
    "cooperative assignor": { protocol: "classic", assignor: "cooperative-sticky" },
    "consumer protocol (KIP-848)": { protocol: "consumer", assignor: "uniform" },
  },
});

export const aiokafkaSuite: Suite = commonSuite({
  name: "aiokafka",
  about: "the asyncio client for Python",
  prepare: () => prepare("aiokafka"),
  codecs,
  groups: {
    "range assignor": { protocol: "classic", assignor: "range" },
    "sticky assignor": { protocol: "classic", assignor: "sticky" },
  },
});
