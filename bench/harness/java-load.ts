/** Load from Apache Kafka's Java client: bench/java/load, one process for the whole benchmark. */
import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { createInterface } from "node:readline";
import { cacheDir, hasProgram, kafkaClasspath, log4jConfig, run } from "../../test/interop/toolchain.ts";
import { bind } from "./child.ts";

const sourceDir = join(import.meta.dirname, "..", "java", "load");

export type LoadArguments = Readonly<Record<string, string | number>>;
export type LoadAnswer = Readonly<Record<string, unknown>>;

/** What this machine lacks for Apache Kafka and its client, in words; undefined when it has all. */
export function missingForJava(): string | undefined {
  const missing = [];
  if (!hasProgram("java", "-version") || !hasProgram("javac", "-version")) missing.push("a JDK (17 or later)");
  if (!hasProgram("mvn", "-version")) missing.push("Maven (mvn)");
  if (missing.length === 0) return undefined;
  return `${missing.join(" and ")} must be installed: Apache Kafka and its Java client come from Maven Central`;
}

export class JavaLoad {
  readonly #process: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  private constructor(process: ChildProcess, lines: AsyncIterator<string>) {
    this.#process = process;
    this.#lines = lines;
  }

  static async start(): Promise<JavaLoad> {
    const classpath = await kafkaClasspath();
    const classes = await compile(classpath);
    const args = ["-Xmx1g", `-Dlog4j2.configurationFile=${log4jConfig}`, "-cp", `${classes}${delimiter}${classpath}`];
    const child = spawn("java", [...args, "load.Load"], { stdio: ["pipe", "pipe", "inherit"] });
    void bind(child);
    return new JavaLoad(child, createInterface(child.stdout)[Symbol.asyncIterator]());
  }

  /** One command after the other; see Load.java. */
  async ask(verb: string, args: LoadArguments): Promise<LoadAnswer> {
    const words = Object.entries(args).map(([name, value]) => `${name}=${value}`);
    this.#process.stdin?.write(`${[verb, ...words].join(" ")}\n`);
    const { value, done } = await this.#lines.next();
    if (done) throw new Error(`the Java client ended during ${verb}`);
    const answer = JSON.parse(value) as LoadAnswer;
    if (answer.error !== undefined) throw new Error(`${verb} with the Java client: ${String(answer.error)}`);
    return answer;
  }

  stop(): void {
    this.#process.stdin?.end();
  }
}

async function compile(classpath: string): Promise<string> {
  const sources = readdirSync(sourceDir).map((name) => join(sourceDir, name));
  const hash = createHash("sha256").update(classpath);
  for (const source of sources) hash.update(readFileSync(source));
  const classes = join(cacheDir(), "bench", `classes-${hash.digest("hex").slice(0, 12)}`);
  if (existsSync(join(classes, "load", "Load.class"))) return classes;
  mkdirSync(classes, { recursive: true });
  const finished = await run("javac", ["-nowarn", "-cp", classpath, "-d", classes, ...sources]);
  if (finished.code !== 0) throw new Error(`javac failed\n${finished.stderr}`);
  return classes;
}
