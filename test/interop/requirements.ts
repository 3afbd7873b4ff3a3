// What the suites need from the machine, and where it comes from.

import { spawnSync } from "node:child_process";
import { NotRun } from "./session.ts";
import { hasProgram, run } from "./toolchain.ts";

interface Requirement {
  readonly versionFlag: string;
  /** The first one that there is: which, depends on the release. */
  readonly debianPackages: readonly [string, ...string[]];
  readonly atLeast?: readonly [major: number, minor: number];
}

export type Program = "java" | "mvn" | "kcat" | "go" | "cargo" | "cc" | "make" | "python3";

/** The programs that the clients need, and the Debian packages that have them. */
const programs: Readonly<Record<Program, Requirement>> = {
  java: { versionFlag: "-version", debianPackages: ["default-jdk-headless"] },
  mvn: { versionFlag: "-version", debianPackages: ["maven"] },
  kcat: { versionFlag: "-V", debianPackages: ["kcat"] },
  // Too old a one gets a new one: see go-toolchain.ts.
  go: { versionFlag: "version", debianPackages: ["golang-go"] },
  // Debian 12 has a newer one for its browsers.
  cargo: { versionFlag: "--version", debianPackages: ["cargo-web", "cargo"], atLeast: [1, 78] },
  cc: { versionFlag: "--version", debianPackages: ["gcc"] },
  make: { versionFlag: "--version", debianPackages: ["make"] },
  python3: { versionFlag: "--version", debianPackages: ["python3-venv"] },
};

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
  const requirement = programs[name];
  const [first] = requirement.debianPackages;
  if (isFit(name, requirement)) return undefined;
  if (process.getuid?.() !== 0 || !hasProgram("apt-get", "--version")) return first;
  lists ??= run("apt-get", ["update", "-qq"]);
  await lists;
  for (const debianPackage of requirement.debianPackages) {
    process.stdout.write(`Installing ${debianPackage} …\n`);
    await run("apt-get", ["install", "-y", "-qq", debianPackage], { timeoutMs: 600_000 });
    if (isFit(name, requirement)) return undefined;
  }
  return first;
}

function isFit(name: Program, { versionFlag, atLeast }: Requirement): boolean {
  if (!hasProgram(name, versionFlag)) return false;
  if (!atLeast) return true;
  const { stdout } = spawnSync(name, [versionFlag], { encoding: "utf8" });
  const [, major = 0, minor = 0] = (/(\d+)\.(\d+)/.exec(stdout) ?? []).map(Number);
  return major > atLeast[0] || (major === atLeast[0] && minor >= atLeast[1]);
}
