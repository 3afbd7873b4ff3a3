/** A process that runs the seeds it is sent, one after the other, and sends back what came of each. */
import type { FaultKind } from "../faults/schedule.ts";
import { run } from "./run.ts";
import { summaryOf } from "./summary.ts";

export interface SeedRequest {
  readonly seed: number;
  readonly kinds: readonly FaultKind[] | undefined;
}

process.on("message", ({ seed, kinds }: SeedRequest) => {
  run({ seed, kinds }).then(
    (outcome) => process.send?.(summaryOf(outcome)),
    (error: unknown) => {
      // Not a violation: the simulator itself is broken.
      console.error(`seed ${seed}:`, error);
      process.exit(1);
    },
  );
});
