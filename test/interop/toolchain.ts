// What the interop suite needs from the machine: Java, Maven and the Kafka jars that the pom names.

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { delimiter, join } from "node:path";
import { killGroup, start } from "./children.ts";

const projectRoot: string = join(import.meta.dirname, "..", "..");
export const javaDir: string = join(import.meta.dirname, "java");
/** The programs of the clients that are driven, a folder for each. */
export const clientsDir: string = join(import.meta.dirname, "clients");
const pomFile: string = join(javaDir, "pom.xml");
export const log4jConfig: string = join(javaDir, "log4j2.xml");

/** What was installed and built for the clients. Git ignores it, and it survives `npm ci`. */
export function cacheDir(): string {
  const dir = join(projectRoot, ".cache");
  mkdirSync(dir, { recursive: true });
  return dir;
}

/** Whether a program can be started at all; what it prints does not matter. */
export function hasProgram(name: string, versionFlag: string): boolean {
  return spawnSync(name, [versionFlag], { stdio: "ignore" }).error === undefined;
}

export interface Finished {
  code: number;
  stdout: string;
  stderr: string;
}

export interface RunOptions {
  input?: string;
  timeoutMs?: number;
  cwd?: string;
}

/** Runs a program to its end and collects what it printed. A program that overstays is killed, and that is an error. */
export function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<Finished> {
  const timeoutMs = options.timeoutMs ?? 120_000;
  return new Promise((resolve, reject) => {
    const child = start(command, args, { stdio: "pipe", ...(options.cwd === undefined ? {} : { cwd: options.cwd }) });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout?.on("data", (chunk: Buffer) => stdout.push(chunk));
    child.stderr?.on("data", (chunk: Buffer) => stderr.push(chunk));
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      killGroup(child);
    }, timeoutMs);
    child.on("error", (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.on("close", (code) => {
      clearTimeout(timer);
      const finished = {
        code: code ?? -1,
        stdout: Buffer.concat(stdout).toString("utf8"),
        stderr: Buffer.concat(stderr).toString("utf8"),
      };
      if (timedOut) reject(new Error(`${command} did not finish in ${timeoutMs} ms\n${finished.stderr}`));
      else resolve(finished);
    });
    // A program may exit before it reads its input; its exit code tells the story, not the broken pipe.
    child.stdin?.on("error", () => {});
    child.stdin?.end(options.input ?? "");
  });
}

async function maven(goals: readonly string[]): Promise<void> {
  const finished = await run("mvn", ["-q", "-B", "-f", pomFile, ...goals], { timeoutMs: 600_000 });
  if (finished.code !== 0) {
    throw new Error(`mvn ${goals.join(" ")} failed (${finished.code})\n${finished.stdout}${finished.stderr}`);
  }
}

/** The jars of Apache Kafka and its clients. Maven resolves them once for each version of the pom. */
export async function kafkaClasspath(): Promise<string> {
  const hash = createHash("sha256").update(readFileSync(pomFile)).digest("hex").slice(0, 12);
  const file = join(cacheDir(), `classpath-${hash}.txt`);
  if (existsSync(file)) {
    const cached = readFileSync(file, "utf8").trim();
    if (cached.split(delimiter).every((jar) => existsSync(jar))) return cached;
  }
  // Several programs may ask at once: each resolves into a file of its own and renames it into place.
  const partial = `${file}.${process.pid}`;
  await maven(["dependency:build-classpath", `-Dmdep.outputFile=${partial}`]);
  const classpath = readFileSync(partial, "utf8").trim();
  writeFileSync(partial, `${classpath}\n`);
  renameSync(partial, file);
  return classpath;
}

/** Of Apache Kafka and its clients, as the pom has it. */
export function kafkaVersion(): string {
  return /<kafka\.version>(.+)<\/kafka\.version>/.exec(readFileSync(pomFile, "utf8"))?.[1] ?? "?";
}

/** Compiles the Java client of this suite to java/target/classes. */
export async function compileJava(): Promise<void> {
  await maven(["compile"]);
}

/** A port that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => {
        if (address === null || typeof address === "string") reject(new Error("no port"));
        else resolve(address.port);
      });
    });
  });
}
