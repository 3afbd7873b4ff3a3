/** A way to the cluster with somebody standing in between: the producer's calls of a commit can be led astray. */
import { Client, type ClientOptions } from "../../src/client/index.ts";
import type { StreamsClient, StreamsProducer } from "../../src/streams/index.ts";

/** Stand-ins for the producer's methods; each is given the real one. */
export interface ProducerTaps {
  readonly flush?: (real: StreamsProducer["flush"]) => Promise<void>;
  readonly sendOffsets?: (real: () => Promise<void>) => Promise<void>;
  readonly commit?: (real: StreamsProducer["commitTransaction"]) => Promise<void>;
}

export function tappedClient(taps: ProducerTaps): (options: ClientOptions) => StreamsClient {
  return (options) => {
    const client = new Client(options);
    return {
      consumer: (consumerOptions) => client.consumer(consumerOptions),
      admin: () => client.admin(),
      close: () => client.close(),
      producer: (producerOptions) => tapped(client.producer(producerOptions), taps),
    };
  };
}

function tapped(producer: StreamsProducer, taps: ProducerTaps): StreamsProducer {
  const real = { flush: () => producer.flush(), commit: () => producer.commitTransaction() };
  return {
    enqueue: (record, callback) => producer.enqueue(record, callback),
    ready: () => producer.ready(),
    initTransactions: () => producer.initTransactions(),
    beginTransaction: () => producer.beginTransaction(),
    abortTransaction: () => producer.abortTransaction(),
    close: (options) => producer.close(options),
    flush: () => (taps.flush ? taps.flush(real.flush) : real.flush()),
    sendOffsetsToTransaction(offsets, group) {
      const send = (): Promise<void> => producer.sendOffsetsToTransaction(offsets, group);
      return taps.sendOffsets ? taps.sendOffsets(send) : send();
    },
    commitTransaction: () => (taps.commit ? taps.commit(real.commit) : real.commit()),
  };
}
