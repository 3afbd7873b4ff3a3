/**
 * The partition of an internal topic whose coordinator looks after `key`: a group id in `__consumer_offsets`, a
 * transactional id in `__transaction_state`. As in Kafka: the magnitude of Java's String.hashCode, of -2^31 that of 0.
 */
export function coordinatorPartitionFor(key: string, partitionCount: number): number {
  let hash = 0;
  for (let i = 0; i < key.length; i++) hash = (Math.imul(hash, 31) + key.charCodeAt(i)) | 0;
  return hash === -0x80000000 ? 0 : Math.abs(hash) % partitionCount;
}
