/** The transaction coordinator's settings. Names and defaults are Kafka's, with the unit in the name. */
export interface TransactionCoordinatorConfig {
  /** The longest timeout that a producer may ask for: `transaction.max.timeout.ms`. */
  readonly maxTransactionTimeoutMs: number;
  /** How long a transactional id without an open transaction is remembered: `transactional.id.expiration.ms`. */
  readonly transactionalIdExpirationMs: number;
  /** How long a request that needs the previous transaction to be complete is kept waiting for that, before it is
   * answered CONCURRENT_TRANSACTIONS: clients back off for longer than a completion takes. 0: not at all.
   * Compare `add.partitions.to.txn.retry.backoff.max.ms`. */
  readonly completionWaitMs: number;
}

export const defaultTransactionCoordinatorConfig: TransactionCoordinatorConfig = {
  maxTransactionTimeoutMs: 900_000,
  transactionalIdExpirationMs: 7 * 24 * 60 * 60 * 1000,
  completionWaitMs: 100,
};
