/** The command line that breaks the code in one place after the other: `npm run faults -- --help`. */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Command, InvalidArgumentError } from "commander";
import { withTables } from "./tables.ts";
import { type Fault, faults, type Variant } from "./variants.ts";

const root = resolve(import.meta.dirname, "../..");
const vitest = join(root, "node_modules/vitest/vitest.mjs");

interface Report {
  readonly testResults: readonly {
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[];
  }[];
}

interface Choice {
  readonly fault: Fault;
  readonly variant: Variant;
}

type Verdict = "caught" | "SURVIVES" | "NO SUCH TEST";

async function judge(variant: Variant, folder: string, index: number): Promise<Verdict> {
  const report = join(folder, `${index}.json`);
  const { file, name } = variant.test;
  const args = ["run", file, "--config", "test/faults/vitest.config.ts", "-t", escapeRegExp(name)];
  const env = { ...process.env, ONCILLA_VARIANT: variant.breaks };
  await new Promise<void>((done) => {
    const child = spawn(process.execPath, [vitest, ...args, "--reporter=json", `--outputFile=${report}`], {
      cwd: root,
      env,
      stdio: "ignore",
    });
    child.once("close", () => done());
  });
  const { testResults } = JSON.parse(readFileSync(report, "utf8")) as Report;
  const tests = testResults.flatMap(({ assertionResults }) => assertionResults);
  const ran = tests.filter(
    ({ fullName, status }) => fullName.includes(name.replaceAll(" > ", " ")) && status !== "skipped",
  );
  if (ran.length === 0) return "NO SUCH TEST";
  return ran.some(({ status }) => status === "failed") ? "caught" : "SURVIVES";
}

function escapeRegExp(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

interface Options {
  readonly only: string;
  readonly jobs: number;
  readonly list?: true;
  readonly write?: true;
}

const command = new Command("npm run faults --")
  .description("Breaks the code in one place after the other, and sees that the test which guards it fails.")
  .option("--only <text>", "only variants whose fault number, description or test contains the text", "")
  .option("--jobs <count>", "variants at the same time", positive, 2)
  .option("--list", "only tells which variants there are")
  .option("--write", "only brings the tables in docs/exactly-once.md up to date")
  .allowExcessArguments(false)
  .parse();
const options = command.opts<Options>();

process.exitCode = (await dispatch(options)) ? 0 : 1;

async function dispatch({ only, jobs, list, write }: Options): Promise<boolean> {
  if (write) {
    const page = join(root, "docs/exactly-once.md");
    writeFileSync(page, withTables(readFileSync(page, "utf8")));
    return true;
  }
  const all = faults.flatMap((fault) => fault.variants.map((variant) => ({ fault, variant })));
  const chosen = all.filter(({ fault, variant }) => textOf(fault, variant).includes(only));
  if (chosen.length === 0) command.error(`error: no variant contains "${only}"`);
  if (!list) return judgeAll(chosen, jobs);
  for (const choice of chosen) console.log(line(choice));
  return true;
}

async function judgeAll(choices: readonly Choice[], jobs: number): Promise<boolean> {
  const folder = mkdtempSync(join(tmpdir(), "oncilla-faults-"));
  let next = 0;
  let caught = 0;
  const work = async (): Promise<void> => {
    for (let index = next++; index < choices.length; index = next++) {
      const choice = choices[index] as Choice;
      const verdict = await judge(choice.variant, folder, index);
      if (verdict === "caught") caught++;
      console.log(line(choice, verdict));
    }
  };
  await Promise.all(Array.from({ length: jobs }, work));
  rmSync(folder, { recursive: true });
  console.log(`${caught} of ${choices.length} broken variants were caught`);
  return caught === choices.length;
}

function line({ fault, variant }: Choice, verdict = ""): string {
  return `${String(fault.number).padStart(2)}  ${verdict.padEnd(13)} ${variant.breaks}\n${" ".repeat(6)}${variant.test.name}`;
}

function textOf(fault: Fault, { breaks, test }: Variant): string {
  return `${fault.number} ${breaks} ${test.file} ${test.name}`;
}

function positive(text: string): number {
  if (!/^[1-9]\d{0,3}$/.test(text)) throw new InvalidArgumentError("A whole number above 0 is needed.");
  return Number(text);
}
