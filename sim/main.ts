import { describeFault } from "./faults/schedule.ts";
import { run } from "./runner/run.ts";

const from = Number(process.argv[2] ?? 1);
const to = Number(process.argv[3] ?? from);
const traced = process.argv[4] === "trace";
let simulated = 0;
let events = 0;
const t0 = performance.now();
for (let seed = from; seed <= to; seed++) {
  const t = performance.now();
  const outcome = await run({
    seed,
    ...(traced ? { trace: { keep: 50, print: (line: string) => console.log(line) } } : {}),
  });
  simulated += outcome.simulatedMs;
  events += outcome.events;
  if (outcome.violations.length > 0 || from === to) {
    console.log(
      `seed ${seed}: ${outcome.workloads.join(", ")}; ${(performance.now() - t).toFixed(0)} ms, ${(outcome.simulatedMs / 1000).toFixed(1)} s`,
    );
    for (const { invariant, message } of outcome.violations.slice(0, from === to ? 20 : 2))
      console.log(`   ${invariant}: ${message}`.slice(0, from === to ? 2000 : 250));
    if (from === to) {
      console.log(outcome.faults.map(describeFault).join("\n"));
      console.log(outcome.coverage.entries());
    }
  }
}
console.log(
  `${to - from + 1} seeds, ${(performance.now() - t0).toFixed(0)} ms, ${(simulated / 3600e3).toFixed(2)} simulated hours, ${events} events`,
);
