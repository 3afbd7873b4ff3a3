/** Reading, working and writing, in one transaction: committed positions and committed output tell of the same prefix. */
import { type Evidence, type Invariant, nameOf, visible } from "./invariant.ts";
import type { StoredPartition, StoredRecord } from "./stored-partition.ts";

export interface PipelinePlan {
  readonly input: string;
  /** Its records have the places of their inputs for keys. */
  readonly output: string;
  readonly group: string;
}

/** Progress with output. */
export class ExactlyOncePipeline implements Invariant {
  readonly name = "progress with output";
  readonly promise =
    "committed positions and committed output tell of the same input, each record of it once, in order";
  readonly #plan: PipelinePlan;

  constructor(plan: PipelinePlan) {
    this.#plan = plan;
  }

  examined({ stored }: Evidence): number {
    return visibleCount(stored, this.#plan.input);
  }

  *violations({ stored, committed }: Evidence): Iterable<string> {
    const { input, output, group } = this.#plan;
    const positions = committed.get(group) ?? new Map<string, number>();
    const outputs = outputsByInput(partitionsOf(stored, output));
    for (const partition of partitionsOf(stored, input)) {
      const position = positions.get(nameOf(partition)) ?? 0;
      for (const { offset } of visible(partition, "read_committed")) {
        const place = `${nameOf(partition)}@${offset}`;
        const found = outputs.get(place) ?? [];
        outputs.delete(place);
        if (found.length > 1) yield `${place} has ${found.length} outputs: ${found.map(({ id }) => id).join(", ")}`;
        if (offset < position && found.length === 0) yield `${place} has no output, and ${group} is at ${position}`;
        if (offset >= position && found.length > 0) yield `${place} has an output, and ${group} is at ${position} only`;
      }
    }
    for (const [place, found] of outputs) yield `${found[0]?.id} is the output of ${place}, which does not count`;
    for (const partition of partitionsOf(stored, output)) yield* outOfOrder(partition);
  }
}

/** Outputs of one input partition stand in its order. */
function* outOfOrder(partition: StoredPartition): Iterable<string> {
  const last = new Map<string, number>();
  for (const { key, offset } of visible(partition, "read_committed")) {
    const [input = "", at] = keyText(key).split("@");
    if ((last.get(input) ?? -1) > Number(at)) {
      yield `${nameOf(partition)} offset ${offset} is the output of ${input}@${at}, behind that of ${input}@${last.get(input)}`;
    }
    last.set(input, Number(at));
  }
}

function outputsByInput(partitions: readonly StoredPartition[]): Map<string, StoredRecord[]> {
  return Map.groupBy(
    partitions.flatMap((partition) => visible(partition, "read_committed")),
    ({ key }) => keyText(key),
  );
}

export function partitionsOf(stored: ReadonlyMap<string, StoredPartition>, topic: string): StoredPartition[] {
  return [...stored.values()].filter((partition) => partition.topic === topic);
}

/** Records of the topic that count. */
export function visibleCount(stored: ReadonlyMap<string, StoredPartition>, topic: string): number {
  return partitionsOf(stored, topic).reduce((sum, each) => sum + visible(each, "read_committed").length, 0);
}

export function keyText(key: Uint8Array | null): string {
  return Buffer.from(key ?? "").toString();
}
