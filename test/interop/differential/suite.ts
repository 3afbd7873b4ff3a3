/** The same requests to our broker and to Apache Kafka, and every answer compared. */
import { NotRun, type Session, type Suite } from "../session.ts";
import { type BrokersKind, type RunningBrokers, startBrokers } from "./brokers.ts";
import { differingParts } from "./canonical.ts";
import { type Brokers, type Comparison, compare, type Difference } from "./compare.ts";
import { intendedDifferences } from "./intended-differences.ts";
import { consumerGroupSubject } from "./random/consumer-groups.ts";
import type { Subject } from "./random/generator.ts";
import { groupSubject, silenceSubject } from "./random/groups.ts";
import { hasUnintended, operationsFrom, play, shorten } from "./random/lockstep.ts";
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
    const stage = new Stage(session.options.kafka);
    try {
      await runRandom(session, stage, transactionSubject);
      await runRandom(session, stage, groupSubject);
      await runRandom(session, stage, silenceSubject);
      await runRandom(session, stage, consumerGroupSubject);
      await runScripts(session, stage);
    } finally {
      await stage.clear();
    }
  },
};

/** The brokers that are asked, one kind at a time. */
class Stage {
  readonly #kafka: string | undefined;
  #present: { readonly kind: BrokersKind; readonly brokers: RunningBrokers } | undefined;

  constructor(kafka: string | undefined) {
    this.#kafka = kafka;
  }

  async brokers(kind: BrokersKind = "ordinary"): Promise<Brokers> {
    if (this.#present?.kind !== kind) {
      await this.clear();
      const brokers = await startBrokers(kind, kind === "ordinary" ? this.#kafka : undefined).catch(
        (error: unknown) => {
          throw new NotRun(`Apache Kafka cannot be started here: ${error instanceof Error ? error.message : error}`);
        },
      );
      this.#present = { kind, brokers };
    }
    return this.#present.brokers;
  }

  async clear(): Promise<void> {
    await this.#present?.brokers.stop();
    this.#present = undefined;
  }
}

async function runScripts(session: Session, stage: Stage): Promise<void> {
  const met = new Map<string, number>();
  let unmet = scripts.length;
  for (const script of scripts) {
    await session.check("differential", script.name, async () => {
      const comparison = await compare(script, await stage.brokers(script.brokers));
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
  stage: Stage,
  subject: Subject<Operation, World>,
): Promise<void> {
  const { seed: firstSeed = 1, steps = DEFAULT_STEPS } = session.options;
  for (let left = steps, seed = firstSeed; left > 0; left -= SEQUENCE_STEPS, seed++) {
    const count = Math.min(left, SEQUENCE_STEPS);
    await session.check("differential", `random ${subject.name}: --seed ${seed} --steps ${count}`, async () => {
      const brokers = await stage.brokers();
      const operations = operationsFrom(subject, seed, count);
      const comparison = await play(subject, operations, brokers);
      if (!hasUnintended(comparison)) return verdict(comparison);
      const short = await shorten(subject, operations.slice(0, comparison.played), brokers);
      const shortened = await play(subject, short, brokers);
      // What came once counts, though it does not come again.
      const shown = hasUnintended(shortened) ? shortened : comparison;
      const asked = shown.transcript.map(({ question, answer }) => `  ${question}\n    ${JSON.stringify(answer)}`);
      process.stdout.write(`${asked.join("\n")}\n`);
      return verdict(shown);
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
