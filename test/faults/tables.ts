/** The tables of docs/exactly-once.md. */
import { intendedDifferences } from "../interop/differential/intended-differences.ts";
import { faults } from "./variants.ts";

const tables: Readonly<Record<string, () => string>> = { faults: faultTable, differences: differenceTable };

/** The page with its tables as they should be. */
export function withTables(page: string): string {
  return page.replaceAll(
    /(<!-- (\w+) -->\n)[\s\S]*?(<!-- end -->)/g,
    (_, begin: string, name: string, end: string) => `${begin}${tables[name]?.() ?? ""}${end}`,
  );
}

function faultTable(): string {
  const rows = faults.flatMap(({ number, title, variants }) => [
    `| **${number}** | **${title}** | |`,
    ...variants.map(
      ({ breaks, test }) => `| | ${escaped(test.name)} (\`${test.file.replace(/^src\//, "")}\`) | ${escaped(breaks)} |`,
    ),
  ]);
  return table(["", "fault, and test", "seen to fail when"], rows);
}

function differenceTable(): string {
  const rows = intendedDifferences.map(({ name, reason }) => `| ${escaped(name)} | ${escaped(reason)} |`);
  return table(["what", "why"], rows);
}

function table(head: readonly string[], rows: readonly string[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return `${[line(head), line(head.map(() => "---")), ...rows].join("\n")}\n`;
}

function escaped(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll(">", "→");
}
