// What the suites need from the machine, and where it comes from.

import { NotRun } from "./session.ts";
import { hasProgram, run } from "./toolchain.ts";

/** The programs that the clients need, and the Debian packages that have them. */
const programs = {
  java: { versionFlag: "-version", debianPackage: "default-jdk-headless" },
  mvn: { versionFlag: "-version", debianPackage: "maven" },
  kcat: { versionFlag: "-V", debianPackage: "kcat" },
  go: { versionFlag: "version", debianPackage: "golang-go" },
  cargo: { versionFlag: "--version", debianPackage: "cargo" },
  cc: { versionFlag: "--version", debianPackage: "gcc" },
  make: { versionFlag: "--version", debianPackage: "make" },
  python3: { versionFlag: "--version", debianPackage: "python3-venv" },
} as const;

export type Program = keyof typeof programs;

const settled = new Map<Program, Promise<string | undefined>>();
let lists: Promise<unknown> | undefined;

/**
 * Resolves when the programs are there. On a machine of one's own (root on Debian) what is missing is simply installed.
 * Throws `NotRun` with what to install where that is not to be had.
 */
export async function need(...names: readonly Program[]): Promise<void> {
  const lacking: string[] = [];
  for (const name of names) {
    let outcome = settled.get(name);
    if (outcome === undefined) {
      outcome = find(name);
      settled.set(name, outcome);
    }
    const debianPackage = await outcome;
    if (debianPackage !== undefined) lacking.push(debianPackage);
  }
  if (lacking.length > 0) throw new NotRun(`not here; on Debian: apt-get install ${lacking.join(" ")}`);
}

/** Undefined when the program is there in the end, or else the package that has it. */
async function find(name: Program): Promise<string | undefined> {
  const { versionFlag, debianPackage } = programs[name];
  if (hasProgram(name, versionFlag)) return undefined;
  if (process.getuid?.() !== 0 || !hasProgram("apt-get", "--version")) return debianPackage;
  process.stdout.write(`Installing ${debianPackage} …\n`);
  lists ??= run("apt-get", ["update", "-qq"]);
  await lists;
  await run("apt-get", ["install", "-y", "-qq", debianPackage], { timeoutMs: 600_000 });
  return hasProgram(name, versionFlag) ? undefined : debianPackage;
}
