/** The same requests to our broker and to Apache Kafka, and every answer compared. */
import { NotRun, type Session, type Suite } from "../session.ts";
import { startBrokers } from "./brokers.ts";
import { differingParts } from "./canonical.ts";
import { type Brokers, type Comparison, compare, type Difference } from "./compare.ts";
import { intendedDifferences } from "./intended-differences.ts";
import type { Subject } from "./random/generator.ts";
import { groupSubject } from "./random/groups.ts";
import { operationsFrom, play, shorten } from "./random/lockstep.ts";
import { transactionSubject } from "./random/transactions.ts";
import { scripts } from "./scripts/index.ts";

/** Of the differences in one script: what follows one often follows from it. */
const SHOWN = 4;
/** Of random operations, for each subject. */
const DEFAULT_STEPS = 200;
/** Of one sequence, which has brokers' names of its own. */
const SEQUENCE_STEPS = 40;

export const differentialSuite: Suite = {
  about: "the same requests to both brokers, every answer compared",
  async run(session) {
    let brokers: (Brokers & { stop(): Promise<void> }) | undefined;
    const start = async (): Promise<Brokers> => {
      brokers ??= await startBrokers(session.options.kafka).catch((error: unknown) => {
        throw new NotRun(`Apache Kafka cannot be started here: ${error instanceof Error ? error.message : error}`);
      });
      return brokers;
    };
    try {
      await runScripts(session, start);
      await runRandom(session, start, transactionSubject);
      await runRandom(session, start, groupSubject);
    } finally {
      await brokers?.stop();
    }
  },
};

async function runScripts(session: Session, start: () => Promise<Brokers>): Promise<void> {
  const met = new Map<string, number>();
  let unmet = scripts.length;
  for (const script of scripts) {
    await session.check("differential", script.name, async () => {
      const comparison = await compare(script, await start());
      unmet--;
      for (const { intended } of comparison.differences) {
        if (intended) met.set(intended.name, (met.get(intended.name) ?? 0) + 1);
      }
      return verdict(comparison);
    });
  }
  await session.check("differential", "the intended differences", async () => {
    const stale = intendedDifferences.filter(({ name }) => !met.has(name));
    if (unmet === 0 && stale.length > 0) throw new Error(`not met: ${stale.map(({ name }) => name).join(", ")}`);
    return [...met].map(([name, times]) => `${name} (${times})`).join(", ");
  });
}

async function runRandom<Operation, World>(
  session: Session,
  start: () => Promise<Brokers>,
  subject: Subject<Operation, World>,
): Promise<void> {
  const { seed: firstSeed = Date.now() % 1_000_000, steps = DEFAULT_STEPS } = session.options;
  for (let left = steps, seed = firstSeed; left > 0; left -= SEQUENCE_STEPS, seed++) {
    const count = Math.min(left, SEQUENCE_STEPS);
    await session.check("differential", `random ${subject.name}: --seed ${seed} --steps ${count}`, async () => {
      const brokers = await start();
      const operations = operationsFrom(subject, seed, count);
      const comparison = await play(subject, operations, brokers);
      if (comparison.differences.every(({ intended }) => intended)) return verdict(comparison);
      const short = await shorten(subject, operations.slice(0, comparison.played), brokers);
      const shortened = await play(subject, short, brokers);
      const asked = shortened.transcript.map(({ question, answer }) => `  ${question}\n    ${JSON.stringify(answer)}`);
      process.stdout.write(`${asked.join("\n")}\n`);
      return verdict(shortened);
    });
  }
}

function verdict({ steps, differences }: Comparison): string {
  const unintended = differences.filter(({ intended }) => !intended);
  if (unintended.length > 0) {
    const shown = unintended.slice(0, SHOWN).map(describe);
    throw new Error(`${unintended.length} of ${steps} answers differ\n${shown.join("\n")}`);
  }
  return `${steps} steps${differences.length > 0 ? `, ${differences.length} differ as intended` : ""}`;
}

function describe({ step, question, oncilla, apache }: Difference): string {
  const parts = differingParts(oncilla, apache).map(
    ({ path, ours, theirs }) =>
      `    ${path}\n      oncilla  ${JSON.stringify(ours)}\n      apache   ${JSON.stringify(theirs)}`,
  );
  return `  step ${step}, ${question}\n${parts.join("\n")}`;
}
