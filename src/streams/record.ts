import type { RecordHeader } from "../client/index.ts";

/** A record on its way through a topology. Nodes never change one: they pass on a new one. */
export interface StreamRecord<K, V> {
  readonly key: K;
  readonly value: V;
  /** Ms since 1970. */
  readonly timestamp: number;
  readonly headers: readonly RecordHeader[];
}

export const NO_HEADERS: readonly RecordHeader[] = [];

/** A table's row before and after a change. Null: no such row. */
export interface Change<V> {
  readonly newValue: V | null;
  /** Made anew each time: hardly anybody needs it, and a function that fails on the row of then has been told of already. */
  readonly oldValue: V | null;
}

export function changed<V>(newValue: V | null, oldValue: () => V | null): Change<V> {
  return {
    newValue,
    get oldValue() {
      return oldValue();
    },
  };
}
