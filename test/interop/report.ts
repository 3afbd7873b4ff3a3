// What came of a run: printed client by client, and written to the docs.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ClientFacts, Row } from "./session.ts";

const docsFile = join(import.meta.dirname, "..", "..", "docs", "clients.md");
const begin = "<!-- What follows is written by `npm run interop`. -->";
const end = "<!-- Until here. -->";
const lineWidth = 130;

export function count(rows: readonly Row[], result: Row["result"]): number {
  return rows.filter((row) => row.result === result).length;
}

/** One line for each client. */
export function summary(rows: readonly Row[], clients: ReadonlyMap<string, ClientFacts>): string {
  const lines = [["client", "version", "passed", "failed", "skipped"]];
  for (const [client, own] of Map.groupBy(rows, (row) => row.client)) {
    const [passed, failed] = [count(own, "pass"), count(own, "fail")];
    const version = clients.get(client)?.version ?? "";
    lines.push([client, version, `${passed}`, `${failed}`, `${own.length - passed - failed}`]);
  }
  const widths = [0, 1, 2, 3, 4].map((column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  const padded = lines.map((line) => line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  "));
  return padded.map((line) => `${line.trimEnd()}\n`).join("");
}

/** Writes what the clients went through to docs/clients.md. Rows of no client are left out. */
export function writeDocs(rows: readonly Row[], clients: ReadonlyMap<string, ClientFacts>): void {
  const common = rows.filter(({ client }) => clients.get(client)?.isCommon === true);
  const others = rows.filter(({ client }) => clients.get(client)?.isCommon === false);
  const text = [matrix(common, clients), exceptions(common), list(others, clients)].join("\n\n");
  const page = readFileSync(docsFile, "utf8");
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`${docsFile} does not say where the results go`);
  writeFileSync(docsFile, `${page.slice(0, from + begin.length)}\n\n${text}\n\n${page.slice(to)}`);
}

/** A line for each scenario, a column for each client. */
function matrix(rows: readonly Row[], clients: ReadonlyMap<string, ClientFacts>): string {
  const names = [...new Set(rows.map(({ client }) => client))];
  const heads = names.map((name) => `${name} ${clients.get(name)?.version}`);
  const lines = [`| | ${heads.join(" | ")} |`, `|---|${"---|".repeat(names.length)}`];
  for (const [scenario, own] of Map.groupBy(rows, (row) => row.scenario)) {
    const cells = names.map((name) => own.find(({ client }) => client === name)?.result ?? "");
    lines.push(`| ${scenario} | ${cells.join(" | ")} |`);
  }
  return lines.join("\n");
}

function exceptions(rows: readonly Row[]): string {
  const strange = rows.filter(({ result }) => result !== "pass");
  return strange
    .map(({ client, scenario, detail }) => bullet(`${client}, ${scenario}: ${briefly(detail)}.`))
    .join("\n");
}

/** For the clients that have scenarios of their own. */
function list(rows: readonly Row[], clients: ReadonlyMap<string, ClientFacts>): string {
  const bullets = [...Map.groupBy(rows, (row) => row.client)].map(([client, own]) => {
    const passes = joined(own.filter(({ result }) => result === "pass").map(({ scenario }) => scenario));
    const others = own.filter(({ result }) => result !== "pass");
    const not = others.map(({ scenario, result, detail }) => ` Not ${scenario} (${result}: ${briefly(detail)}).`);
    return bullet(`**${client}** ${clients.get(client)?.version}: ${passes}.${not.join("")}`);
  });
  return bullets.join("\n");
}

/** Scenarios that differ only behind their last comma become one: "produce, gzip" and "produce, lz4" "produce, gzip, lz4". */
function joined(scenarios: readonly string[]): string {
  const groups = Map.groupBy(scenarios, (scenario) => scenario.slice(0, lastComma(scenario)));
  return [...groups]
    .map(([common, all]) => common + all.map((each) => each.slice(lastComma(each))).join(""))
    .join("; ");
}

/** Where the last part begins, if it is a word or two. */
function lastComma(text: string): number {
  const at = text.lastIndexOf(", ");
  const words = text.slice(at + 2).split(" ");
  return at < 0 || words.length > 2 ? text.length : at;
}

function briefly(detail: string): string {
  return (detail.split("\n")[0] ?? "").slice(0, 200);
}

function bullet(text: string): string {
  const lines = ["-"];
  for (const word of text.split(" ")) {
    const line = lines.at(-1) ?? "";
    if (line.length + 1 + word.length > lineWidth) lines.push(`  ${word}`);
    else lines[lines.length - 1] = `${line} ${word}`;
  }
  return lines.join("\n");
}
