/**
 * `npm run faults`: breaks the code in one place after the other, and sees that the test which guards it fails.
 *
 *   --only TEXT   only variants whose fault number, test or description contains TEXT
 *   --jobs N      at the same time; default 2
 *   --write       only brings the tables in docs/exactly-once.md up to date
 */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { withTables } from "./tables.ts";
import { type Fault, faults, type Variant } from "./variants.ts";

const root = resolve(import.meta.dirname, "../..");
const vitest = join(root, "node_modules/vitest/vitest.mjs");

interface Report {
  readonly testResults: readonly {
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[];
  }[];
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

const { values } = parseArgs({
  options: {
    only: { type: "string", default: "" },
    jobs: { type: "string", default: "2" },
    write: { type: "boolean", default: false },
  },
});
if (values.write) {
  const page = join(root, "docs/exactly-once.md");
  writeFileSync(page, withTables(readFileSync(page, "utf8")));
  process.exit();
}
const all = faults.flatMap((fault) => fault.variants.map((variant) => ({ fault, variant })));
const chosen = all.filter(({ fault, variant }) => textOf(fault, variant).includes(values.only));
const folder = mkdtempSync(join(tmpdir(), "oncilla-faults-"));
let next = 0;
let survivors = 0;

async function work(): Promise<void> {
  for (let index = next++; index < chosen.length; index = next++) {
    const { fault, variant } = chosen[index] as (typeof chosen)[number];
    const verdict = await judge(variant, folder, index);
    if (verdict !== "caught") survivors++;
    console.log(
      `${String(fault.number).padStart(2)}  ${verdict.padEnd(13)} ${variant.breaks}\n      ${variant.test.name}`,
    );
  }
}

function textOf(fault: Fault, { breaks, test }: Variant): string {
  return `${fault.number} ${breaks} ${test.file} ${test.name}`;
}

await Promise.all(Array.from({ length: Number(values.jobs) }, work));
rmSync(folder, { recursive: true });
console.log(`${chosen.length - survivors} of ${chosen.length} broken variants were caught`);
process.exitCode = survivors === 0 && chosen.length > 0 ? 0 : 1;
