/** Where offsets are to be committed, checked against the topics there are. Pure. */
import { type ErrorName, errorCodes } from "../../protocol/errors.ts";
import type { MetadataImage } from "../metadata/image.ts";

interface Target {
  readonly partitionIndex: number;
}

interface TopicTargets<P extends Target> {
  readonly name: string;
  readonly topicId: string;
  readonly partitions: readonly P[];
}

interface PartitionResult {
  readonly partitionIndex: number;
  readonly errorCode: number;
}

interface TopicResult {
  readonly name: string;
  readonly topicId: string;
  readonly partitions: PartitionResult[];
}

/** A commit's targets, split: those that the coordinator may have, and those that there are not. */
export class CommitTargets<P extends Target> {
  /** With names and ids filled in; topics without a valid partition are left out. */
  readonly valid: { name: string; topicId: string; partitions: P[] }[] = [];
  readonly #asked: readonly TopicTargets<P>[];
  /** By the topic's place in the request: its partitions that there are not. */
  readonly #refused: (readonly PartitionResult[])[] = [];

  /** `byId`: topics are named by their id alone. */
  constructor(image: Pick<MetadataImage, "topic" | "topicById">, asked: readonly TopicTargets<P>[], byId: boolean) {
    this.#asked = asked;
    for (const { name, topicId, partitions } of asked) {
      const topic = byId ? image.topicById(topicId) : image.topic(name);
      const errorCode = errorCodes[byId && !topic ? "UNKNOWN_TOPIC_ID" : "UNKNOWN_TOPIC_OR_PARTITION"];
      const refused: PartitionResult[] = [];
      const valid: P[] = [];
      for (const partition of partitions) {
        const { partitionIndex } = partition;
        if (topic && partitionIndex >= 0 && partitionIndex < topic.partitionCount) valid.push(partition);
        else refused.push({ partitionIndex, errorCode });
      }
      this.#refused.push(refused);
      if (topic && valid.length > 0) this.valid.push({ name: topic.name, topicId: topic.id, partitions: valid });
    }
  }

  /** One answer for all, in the order of the request. `results` are the coordinator's for `valid`. */
  merge(results: readonly { readonly partitions: readonly PartitionResult[] }[]): TopicResult[] {
    let next = 0;
    return this.#asked.map(({ name, topicId, partitions }, i) => {
      const refused = this.#refused[i] ?? [];
      const valid = partitions.length > refused.length ? results[next++]?.partitions : undefined;
      return { name, topicId, partitions: [...(valid ?? []), ...refused] };
    });
  }

  /** The same error for everything. */
  refuse(error: ErrorName): TopicResult[] {
    return this.valid.map(({ name, topicId, partitions }) => ({
      name,
      topicId,
      partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode: errorCodes[error] })),
    }));
  }
}
