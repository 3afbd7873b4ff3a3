/** Load from librdkafka: the current one, as confluent-kafka-python ships it, under a small C program. */
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { cacheDir, hasProgram, run } from "../../test/interop/toolchain.ts";
import { compileNative, hasCompiler } from "./native.ts";

const PACKAGE = "confluent-kafka==2.16.1";

/** What this machine lacks for librdkafka, in words; undefined when it has all. */
export function missingForRdkafka(): string | undefined {
  if (process.platform !== "linux") return "the library is taken from the Linux wheel of confluent-kafka";
  if (!hasCompiler()) return "a C compiler (cc) must be installed";
  if (!hasProgram("pip", "--version")) return "pip must be installed: librdkafka comes with confluent-kafka";
  return undefined;
}

export class RdkafkaLoad {
  readonly #program: string;

  private constructor(program: string) {
    this.#program = program;
  }

  static async prepare(): Promise<RdkafkaLoad> {
    const folder = await libraryFolder();
    const library = readdirSync(folder).find((name) => name.startsWith("librdkafka"));
    if (library === undefined) throw new Error(`${PACKAGE} came without librdkafka`);
    return new RdkafkaLoad(await compileNative("rdkafka-load", [join(folder, library), `-Wl,-rpath,${folder}`]));
  }

  /** Gives the seconds that it took. */
  async run(verb: "produce" | "consume", args: RdkafkaArguments): Promise<number> {
    const words = [verb, args.bootstrap, args.topic, args.partitions, args.records, args.sizeBytes].map(String);
    const finished = await run(this.#program, words, { timeoutMs: 600_000 });
    if (finished.code !== 0) throw new Error(finished.stderr);
    return Number(finished.stdout);
  }
}

export interface RdkafkaArguments {
  readonly bootstrap: string;
  readonly topic: string;
  readonly partitions: number;
  readonly records: number;
  readonly sizeBytes: number;
}

async function libraryFolder(): Promise<string> {
  const target = join(cacheDir(), "bench", PACKAGE.replace("==", "-"));
  const folder = join(target, "confluent_kafka.libs");
  if (existsSync(folder)) return folder;
  mkdirSync(target, { recursive: true });
  const args = ["install", "--quiet", "--no-deps", "--only-binary", ":all:", "--target", target, PACKAGE];
  const finished = await run("pip", args, { timeoutMs: 300_000 });
  if (finished.code !== 0) throw new Error(`pip install ${PACKAGE} failed\n${finished.stderr}`);
  return folder;
}
