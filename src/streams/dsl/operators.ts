/** What the DSL's nodes do to a record. Each function here makes a node's factory. */
import { StreamsError } from "../errors.ts";
import { type Change, changed, NO_HEADERS } from "../record.ts";
import type { Process, ProcessorContext, ProcessorFactory } from "../topology/node.ts";

export function map<K, V, K2, V2>(mapper: (value: V, key: K) => readonly [K2, V2]): ProcessorFactory<K, V> {
  return (context) => (record) => {
    const [key, value] = mapper(record.value, record.key);
    context.forward({ key, value, timestamp: record.timestamp, headers: record.headers });
  };
}

export function mapValues<K, V, V2>(mapper: (value: V, key: K) => V2): ProcessorFactory<K, V> {
  return (context) => (record) => {
    const { key, timestamp, headers } = record;
    context.forward({ key, value: mapper(record.value, key), timestamp, headers });
  };
}

export function flatMap<K, V, K2, V2>(
  mapper: (value: V, key: K) => Iterable<readonly [K2, V2]>,
): ProcessorFactory<K, V> {
  return (context) => (record) => {
    for (const [key, value] of mapper(record.value, record.key)) {
      context.forward({ key, value, timestamp: record.timestamp, headers: record.headers });
    }
  };
}

export function flatMapValues<K, V, V2>(mapper: (value: V, key: K) => Iterable<V2>): ProcessorFactory<K, V> {
  return (context) => (record) => {
    const { key, timestamp, headers } = record;
    for (const value of mapper(record.value, key)) context.forward({ key, value, timestamp, headers });
  };
}

export function filter<K, V>(predicate: (value: V, key: K) => boolean): ProcessorFactory<K, V> {
  return (context) => (record) => {
    if (predicate(record.value, record.key)) context.forward(record);
  };
}

export function peek<K, V>(action: (value: V, key: K) => void): ProcessorFactory<K, V> {
  return (context) => (record) => {
    action(record.value, record.key);
    context.forward(record);
  };
}

export function forEach<K, V>(action: (value: V, key: K) => void): ProcessorFactory<K, V> {
  return () => (record) => action(record.value, record.key);
}

export function passOn<K, V>(context: ProcessorContext): Process<K, V> {
  return (record) => context.forward(record);
}

export function split<K, V>(
  targets: readonly { readonly child: string; readonly accepts: (value: V, key: K) => boolean }[],
  rest: string,
): ProcessorFactory<K, V> {
  return (context) => (record) => {
    const target = targets.find(({ accepts }) => accepts(record.value, record.key));
    context.forwardTo(target?.child ?? rest, record);
  };
}

/** Folds each key's records into a row of `storeName`, and forwards the rows' changes at commit. A null value adds nothing. */
export function aggregate<K, V, A>(
  storeName: string,
  fold: (value: V, key: K, aggregate: A | undefined) => A,
): ProcessorFactory<K, V> {
  return (context) => {
    const store = context.store<K, A>(storeName);
    // The records behind a row's change are many: none of their headers speaks for it.
    store.onChange = (key, change, timestamp) =>
      context.forward({ key, value: change, timestamp, headers: NO_HEADERS });
    return ({ key, value, timestamp }) => {
      // As in Kafka Streams.
      if (value === null) return;
      if (key === null || key === undefined) {
        throw new StreamsError(
          "PROCESSING_FAILED",
          `store ${storeName} cannot group a record without a key: filter it out`,
        );
      }
      store.update(key, timestamp, (before) => fold(value, key, before));
    };
  };
}

/** Maps both sides of a table's change, the old one when it is asked for. */
export function mapRows<K, V, V2>(mapper: (value: V, key: K) => V2): ProcessorFactory<K, Change<V>> {
  return (context) =>
    ({ key, value: change, timestamp, headers }) => {
      const mapped = (row: V | null): V2 | null => (row === null ? null : mapper(row, key));
      const value = changed(mapped(change.newValue), () => mapped(change.oldValue));
      context.forward({ key, value, timestamp, headers });
    };
}

/** A row that does not match is no row; nothing is forwarded for one that has not matched before either. */
export function filterRows<K, V>(predicate: (value: V, key: K) => boolean): ProcessorFactory<K, Change<V>> {
  return (context) =>
    ({ key, value: change, timestamp, headers }) => {
      const matching = (row: V | null): V | null => (row !== null && predicate(row, key) ? row : null);
      const value = changed(matching(change.newValue), () => matching(change.oldValue));
      if (value.newValue === null && value.oldValue === null) return;
      context.forward({ key, value, timestamp, headers });
    };
}

/** A table's changes as records with the new rows. */
export function rowsToRecords<K, V>(context: ProcessorContext): Process<K, Change<V>> {
  return ({ key, value, timestamp, headers }) => context.forward({ key, value: value.newValue, timestamp, headers });
}
