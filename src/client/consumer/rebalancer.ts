/** Carries rebalances out on the assignment, and tells the listener. Source: KIP-429 for the cooperative protocol. */
import type { TopicPartition } from "../types.ts";
import { type Assignment, without } from "./assignment.ts";
import type { RebalanceProtocol } from "./assignor.ts";
import type { RebalanceListener } from "./options.ts";

export interface RebalanceHooks {
  /** Before partitions are given up that are still held. */
  beforeRevoke(): Promise<void>;
  /** Partitions are gone. */
  dropped(partitions: readonly TopicPartition[]): void;
  requestRejoin(reason: string): void;
}

export class Rebalancer {
  readonly #assignment: Assignment;
  readonly #hooks: RebalanceHooks;
  #listener: RebalanceListener = {};
  #topics: ReadonlySet<string> = new Set();

  constructor(assignment: Assignment, hooks: RebalanceHooks) {
    this.#assignment = assignment;
    this.#hooks = hooks;
  }

  setSubscription(topics: readonly string[], listener: RebalanceListener): void {
    this.#topics = new Set(topics);
    this.#listener = listener;
  }

  /** Before a join: eager members give everything up, cooperative ones what they no longer subscribe to. */
  async prepare(protocol: RebalanceProtocol): Promise<void> {
    const held = this.#assignment.list();
    await this.revoke(protocol === "eager" ? held : held.filter(({ topic }) => !this.#topics.has(topic)));
  }

  async assigned(protocol: RebalanceProtocol, partitions: readonly TopicPartition[]): Promise<void> {
    const held = this.#assignment.list();
    const gone = without(held, partitions);
    const added = without(partitions, held);
    // The others get these once this member has joined again without them.
    if (gone.length > 0 && protocol === "cooperative") this.#hooks.requestRejoin("partitions were revoked");
    try {
      await this.revoke(gone);
    } finally {
      this.#assignment.set(partitions, "committed");
    }
    await this.#listener.onAssigned?.(added);
  }

  /** Gives up partitions that are still held. They are, whatever the listener throws. */
  async revoke(partitions: readonly TopicPartition[]): Promise<void> {
    if (partitions.length === 0) return;
    try {
      await this.#hooks.beforeRevoke();
      await this.#listener.onRevoked?.(partitions);
    } finally {
      this.#drop(partitions);
    }
  }

  /** The partitions may belong to others already. */
  async lost(): Promise<void> {
    const held = this.#assignment.list();
    if (held.length === 0) return;
    const { onLost, onRevoked } = this.#listener;
    this.#drop(held);
    if (onLost) await onLost.call(this.#listener, held);
    else await onRevoked?.call(this.#listener, held);
  }

  #drop(partitions: readonly TopicPartition[]): void {
    this.#assignment.set(without(this.#assignment.list(), partitions), "committed");
    this.#hooks.dropped(partitions);
  }
}
