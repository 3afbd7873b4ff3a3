/** Every ```ts fence of the README and the pages in docs/ is a program: it compiles, runs, ends, and prints what the page says. */
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { topicConfigDefinitions } from "../src/broker/configs/topic-configs.ts";
import { Broker } from "../src/broker/index.ts";
import { brokerOptionNames } from "../src/broker/options.ts";

const root = join(import.meta.dirname, "..");
const pages = ["README.md", ...readdirSync(join(root, "docs")).filter((name) => name.endsWith(".md"))];
/** Inside the project, so that types and packages are found, and not in node_modules, where Node does not strip types. */
const folder = join(root, ".docs-examples", String(process.pid));
/** For a machine that has much else to do. */
const TIMEOUT_MS = 45_000;

interface Example {
  readonly page: string;
  /** Of the fence's first line in its page. */
  readonly line: number;
  readonly file: string;
  readonly source: string;
  /** What the page says that it prints: the `text` fence under the words "It prints". */
  readonly prints: string | undefined;
}

function readPage(page: string): string {
  return readFileSync(join(root, page === "README.md" ? "" : "docs", page), "utf8");
}

function examplesOf(page: string): Example[] {
  const text = readPage(page);
  return [...text.matchAll(/^```ts\n(.*?)^```$(?:\s+It prints[^\n]*:\n\n```text\n(.*?)^```$)?/gms)].map((match) => {
    const line = text.slice(0, match.index).split("\n").length + 1;
    const source = (match[1] ?? "").replaceAll(/(from ")oncilla\/(\w+)"/g, '$1../../src/$2/index.ts"');
    return { page, line, file: `${page.replace(/\.md$/, "")}-${line}.ts`, source, prints: match[2] };
  });
}

const examples = pages.flatMap(examplesOf);
mkdirSync(folder, { recursive: true });
for (const { file, line, source } of examples) {
  // Errors then tell the line in the page.
  writeFileSync(join(folder, file), "\n".repeat(line - 1) + source);
}
afterAll(() => rmSync(folder, { recursive: true }));

interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs an example in an empty folder of its own. One that does not end is killed. */
async function run({ file }: Example): Promise<Outcome> {
  const cwd = mkdtempSync(join(tmpdir(), "oncilla-docs-"));
  const child = spawn(process.execPath, ["--no-warnings", join(folder, file)], {
    cwd,
    timeout: TIMEOUT_MS,
    killSignal: "SIGKILL",
    // Our sources are the same for all of them: they are stripped and compiled once.
    env: { ...process.env, NODE_COMPILE_CACHE: join(root, "node_modules/.cache/oncilla-docs"), FORCE_COLOR: "0" },
  });
  const output = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (chunk: string) => {
      output[name] += chunk;
    });
  }
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  rmSync(cwd, { recursive: true, force: true });
  return { code, ...output };
}

describe("the examples in the docs", () => {
  it.each(pages)("%s: every output that is shown belongs to an example", (page) => {
    const shown = readPage(page).match(/^It prints[^\n]*:$/gm) ?? [];
    expect(examples.filter((example) => example.page === page && example.prints !== undefined)).toHaveLength(
      shown.length,
    );
  });

  it("compile", () => {
    const options = { noEmit: true, rootDir: root };
    const config = { extends: "../../tsconfig.json", compilerOptions: options, include: ["*.ts"] };
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(config));
    const { stdout } = spawnSync(process.execPath, [join(root, "node_modules/.bin/tsc"), "-p", folder], {
      encoding: "utf8",
    });
    expect(stdout).toBe("");
  });

  it.concurrent.each(examples)(
    "$page, line $line",
    async (example) => {
      const { code, stdout, stderr } = await run(example);
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      if (example.prints !== undefined) expect(stdout).toBe(example.prints);
    },
    2 * TIMEOUT_MS,
  );
});

/** The rows of a page's table whose head begins with `firstColumn`: the code in the first cell, and the other cells. */
function tableRows(page: string, firstColumn: string): Map<string, string[]> {
  const lines = readPage(page).split("\n");
  const head = lines.findIndex((line) => line.startsWith(`| ${firstColumn} |`));
  const end = lines.findIndex((line, index) => index > head && !line.startsWith("|"));
  return new Map(
    lines.slice(head + 2, end).map((line) => {
      const [first = "", ...others] = line
        .split("|")
        .slice(1, -1)
        .map((cell) => cell.trim());
      return [first.replaceAll("`", ""), others];
    }),
  );
}

describe("the tables in the docs", () => {
  it("broker options: every one, and no other", () => {
    expect([...tableRows("broker.md", "option").keys()].sort()).toEqual([...brokerOptionNames].sort());
  });

  it("topic settings: every one with its default, and whether another value is taken", () => {
    const documented = [...tableRows("broker.md", "topic setting")].map(([name, [defaultValue, effect = ""]]) => ({
      name,
      defaultValue: defaultValue?.replaceAll("`", ""),
      isFixed: effect.startsWith("default only"),
    }));
    const inCode = topicConfigDefinitions.map(({ name, defaultValue, fixed }) => ({
      name,
      defaultValue,
      isFixed: fixed !== undefined,
    }));
    expect(documented).toEqual(inCode);
  });

  it("metrics: every one, and no other", async () => {
    const table = /^\| metric \|.*?\n\n/ms.exec(readPage("broker.md"))?.[0] ?? "";
    const cells = [...table.matchAll(/^\| (`.*?) \|/gm)].flatMap(([, cell = ""]) =>
      cell.replaceAll("`", "").split(/, (?![^{]*\})/),
    );
    await using broker = await Broker.start({ metricsPort: 0 });
    const response = await fetch(`http://${broker.metricsAddress}/metrics`);
    const shown = [...(await response.text()).matchAll(/^# TYPE ((?:kafka|oncilla)_\w+)/gm)].map(([, name]) => name);
    expect(
      cells
        .flatMap(namesOf)
        .filter((name) => !name.endsWith("_…"))
        .sort(),
    ).toEqual(shown.sort());
  });
});

/** "a_{b,c}_d" stands for two names. */
function namesOf(text: string): string[] {
  const [, start = "", parts, end = ""] = /^(.*)\{(.*)\}(.*)$/.exec(text) ?? [];
  return parts === undefined ? [text] : parts.split(",").map((part) => start + part + end);
}
