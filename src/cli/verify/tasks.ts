/** What the processes of a run are given to do. */

export const workloadNames = ["idempotent", "transactions", "pipeline", "word-count", "sink"] as const;
export type WorkloadName = (typeof workloadNames)[number];

/** Ways to use the client that give up a guarantee, to see that the check notices. */
export const flaws = ["no-idempotence", "no-transactions", "dirty-reads", "no-positions"] as const;
export type Flaw = (typeof flaws)[number];

export interface TopicPlan {
  readonly topic: string;
  readonly partitions: number;
}

export type Task = ProduceTask | TransactTask | InvoiceTask | CountTask | StoreTask | WatchTask;

export interface ProduceTask extends TopicPlan {
  readonly program: "produce";
  readonly inTransactions: boolean;
  /** Values of a few words each; otherwise some filling. */
  readonly inWords: boolean;
}

export interface TransactTask {
  readonly program: "transact";
  readonly transactionalId: string;
  readonly topics: readonly TopicPlan[];
}

export interface InvoiceTask {
  readonly program: "invoice";
  readonly input: string;
  readonly output: TopicPlan;
  readonly group: string;
  readonly transactionalId: string;
}

export interface CountTask {
  readonly program: "count";
  readonly lines: string;
  readonly counts: string;
  readonly application: string;
  readonly stateDir: string;
}

export interface StoreTask {
  readonly program: "store";
  readonly topic: string;
  readonly group: string;
  readonly database: string;
}

export interface WatchTask {
  readonly program: "watch";
  readonly topics: readonly TopicPlan[];
}

/** All that a process needs to know, given to it as its one argument. */
export interface ProcessConfig {
  readonly name: string;
  readonly life: number;
  readonly seed: number;
  readonly brokers: string;
  readonly task: Task;
  readonly journals: string;
  readonly flaw: Flaw | undefined;
  /** The faults are over. */
  readonly isCalm: boolean;
}

export type ParentMessage =
  /** The faults are over. */
  | { readonly type: "calm" }
  /** Stand still, as in a long garbage collection. */
  | { readonly type: "stall"; readonly forMs: number };
