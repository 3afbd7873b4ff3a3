import { grouped } from "../live-display.ts";
import type { Verdict } from "./verdict.ts";

export function printVerdict(verdict: Verdict, command: string): void {
  const { findings } = verdict;
  const nameWidth = Math.max(...findings.map(({ name }) => name.length));
  const countWidth = Math.max(...findings.map(({ examined }) => grouped(examined).length));
  console.log();
  for (const { name, promise, examined, violations } of findings) {
    const judgement = violations.length > 0 ? "BROKEN" : examined === 0 ? "no case" : "holds";
    console.log(
      `  ${name.padEnd(nameWidth)}  ${judgement.padEnd(7)}  ${grouped(examined).padStart(countWidth)}  ${promise}`,
    );
    for (const violation of violations.slice(0, 5)) console.log(`  ${" ".repeat(nameWidth)}    ${violation}`);
  }
  console.log(
    verdict.isClean ? "\nEverything holds." : `\nExactly once is broken. The same schedule again: ${command}`,
  );
}
