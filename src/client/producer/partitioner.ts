/** Chooses a record's partition. */
export interface Partitioner {
  /** An integer in [0, partitionCount). `key` is as it will be stored. */
  partition(topic: string, key: Uint8Array | null, partitionCount: number): number;
}
