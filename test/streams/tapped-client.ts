/** A way to the cluster with somebody standing in between, who can lead the steps of a commit and of a restore astray. */
import { Client, type ClientOptions, type ConsumerOptions, type ConsumerRecord } from "../../src/client/index.ts";
import type { StreamsClient, StreamsConsumer, StreamsProducer } from "../../src/streams/index.ts";

export interface Taps {
  /** Stands in for a step of a commit; `real` does it. */
  readonly commitStep?: (step: "flush" | "offsets" | "commit", real: () => Promise<void>) => Promise<void>;
  /** Comes between the input's records and the worker. */
  readonly onInput?: (records: readonly ConsumerRecord[]) => Promise<void>;
  /** Whether the changelogs seem to have nothing. */
  readonly isRestoreHeld?: () => boolean;
}

export function tappedClient(taps: Taps): (options: ClientOptions) => StreamsClient {
  return (options) => {
    const client = new Client(options);
    return {
      consumer: (consumerOptions) => tappedConsumer(client, consumerOptions, taps),
      admin: () => client.admin(),
      close: (closeOptions) => client.close(closeOptions),
      producer: (producerOptions) => tappedProducer(client.producer(producerOptions), taps),
    };
  };
}

/** The method stays the real one's, whatever the stand-in is asked. */
export function standIn<T extends object>(real: T, replaced: Partial<T>): T {
  return new Proxy(real, {
    get(_target, name) {
      const value = replaced[name as keyof T] ?? real[name as keyof T];
      return typeof value === "function" ? value.bind(real) : value;
    },
  });
}

function tappedProducer(producer: StreamsProducer, { commitStep = (_step, real) => real() }: Taps): StreamsProducer {
  return standIn(producer, {
    flush: () => commitStep("flush", () => producer.flush()),
    sendOffsetsToTransaction: (offsets, group) =>
      commitStep("offsets", () => producer.sendOffsetsToTransaction(offsets, group)),
    commitTransaction: () => commitStep("commit", () => producer.commitTransaction()),
  });
}

function tappedConsumer(client: Client, options: ConsumerOptions | undefined, taps: Taps): StreamsConsumer {
  const consumer = client.consumer(options);
  // The one that restores is in no group.
  const isRestoring = options?.groupId === undefined;
  return standIn<StreamsConsumer>(consumer, {
    async poll(pollOptions) {
      if (isRestoring && taps.isRestoreHeld?.()) return [];
      const records = await consumer.poll(pollOptions);
      if (!isRestoring) await taps.onInput?.(records);
      return records;
    },
  });
}
