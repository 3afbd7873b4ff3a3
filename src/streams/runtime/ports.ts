/** What a worker needs of the cluster: a part of oncilla's client, so that tests can stand in between. */
import type { Admin, CloseOptions, Consumer, ConsumerOptions, Producer, ProducerOptions } from "../../client/index.ts";

export type StreamsProducer = Pick<
  Producer,
  | "enqueue"
  | "ready"
  | "flush"
  | "partitionsFor"
  | "initTransactions"
  | "beginTransaction"
  | "sendOffsetsToTransaction"
  | "commitTransaction"
  | "abortTransaction"
  | "close"
>;

export type StreamsConsumer = Pick<
  Consumer,
  | "subscribe"
  | "assign"
  | "assignment"
  | "poll"
  | "wakeup"
  | "position"
  | "seek"
  | "pause"
  | "resume"
  | "commit"
  | "committed"
  | "beginningOffsets"
  | "endOffsets"
  | "groupMetadata"
  | "close"
>;

export type StreamsAdmin = Pick<
  Admin,
  "createTopics" | "describeTopics" | "listOffsets" | "deleteRecords" | "isCaughtUp" | "close"
>;

export interface StreamsClient {
  producer(options?: ProducerOptions): StreamsProducer;
  consumer(options?: ConsumerOptions): StreamsConsumer;
  admin(): StreamsAdmin;
  close(options?: CloseOptions): Promise<void>;
}
