// The clients that are compiled: Rust's and Go's.

import { join } from "node:path";
import { commonSuite } from "./common-suite.ts";
import { goFor } from "./go-toolchain.ts";
import { codecs } from "./records.ts";
import { need } from "./requirements.ts";
import { NotRun, type Suite } from "./session.ts";
import { cacheDir, clientsDir, run } from "./toolchain.ts";

const buildTimeoutMs = 20 * 60_000;

async function build(command: string, args: readonly string[], cwd: string): Promise<void> {
  const finished = await run(command, args, { cwd, timeoutMs: buildTimeoutMs });
  if (finished.code === 0) return;
  throw new NotRun(`${command} ${args.join(" ")} ended with ${finished.code}: ${finished.stderr.slice(-2000)}`);
}

const groups = {
  "range assignor": { protocol: "classic", assignor: "range" },
  "cooperative assignor": { protocol: "classic", assignor: "cooperative-sticky" },
  "consumer protocol (KIP-848)": { protocol: "consumer", assignor: "uniform" },
} as const;

export const rdkafkaSuite: Suite = commonSuite({
  name: "rdkafka",
  about: "the Rust crate, with librdkafka built in",
  async prepare() {
    await need("cargo", "cc", "make");
    const target = join(cacheDir(), "rdkafka");
    await build("cargo", ["build", "--release", "--locked", "--target-dir", target], join(clientsDir, "rdkafka"));
    return { command: join(target, "release", "interop-rdkafka"), args: [] };
  },
  codecs,
  groups,
});

export const franzGoSuite: Suite = commonSuite({
  name: "franz-go",
  about: "the Go client",
  async prepare() {
    await need("go");
    const program = join(cacheDir(), "franz-go");
    const folder = join(clientsDir, "franz-go");
    await build(await goFor(folder), ["build", "-o", program, "."], folder);
    return { command: program, args: [] };
  },
  codecs,
  groups,
});
