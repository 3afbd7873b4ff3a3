/** Produce: appends batches, and answers once they are as safe as `acks` asks. */
import { produceError } from "../../coordinator/transaction/answers.ts";
import { validateBatches } from "../../log/batch-validation.ts";
import type { AppendOutcome, LogRefusal } from "../../log/types.ts";
import { produce } from "../../protocol/apis/produce.ts";
import { type ErrorName, errorCodes } from "../../protocol/errors.ts";
import type { RecordBatch } from "../../protocol/records/batch.ts";
import type { RequestOf, ResponseBody } from "../../protocol/schema.ts";
import type { BrokerServices } from "../broker-services.ts";
import type { Topic } from "../metadata/image.ts";
import { isInternalTopic } from "../metadata/topic-name.ts";
import type { Partition } from "../partition.ts";
import type { Handler, Reply, RequestContext } from "../router.ts";
import { ProduceVerifier } from "./produce-verifier.ts";

type ProduceRequest = RequestOf<typeof produce>;
type ProduceTopic = ProduceRequest["topicData"][number];
type PartitionData = ProduceTopic["partitionData"][number];
type PartitionResponse = ResponseBody<typeof produce>["responses"][number]["partitionResponses"][number];

type CheckedData = { readonly ok: true; readonly partition: Partition; readonly batch: RecordBatch } | Refusal;

type Refusal = Omit<LogRefusal, "message"> & { readonly message: string | null };

const ACKS_NONE = 0;
const ACKS_WRITTEN = 1;
const ACKS_DURABLE = -1;

/** Topics by id, not by name. */
const TOPIC_ID_VERSION = 13;

export function produceHandler(services: BrokerServices): Handler<typeof produce> {
  return {
    api: produce,
    readsInPlace: true,
    handle: (request, context, reply) => new ProduceCall(services, request, context, reply).run(),
  };
}

/** One request on its way. */
class ProduceCall {
  readonly #services: BrokerServices;
  readonly #request: ProduceRequest;
  readonly #context: RequestContext;
  readonly #reply: Reply<typeof produce>;
  readonly #verifier: ProduceVerifier;
  /** Partitions without an answer, and one for the call itself while it runs. */
  #missing = 1;
  #responses: { name: string; topicId: string; partitionResponses: PartitionResponse[] }[] = [];
  #hasError = false;

  constructor(
    services: BrokerServices,
    request: ProduceRequest,
    context: RequestContext,
    reply: Reply<typeof produce>,
  ) {
    this.#services = services;
    this.#request = request;
    this.#context = context;
    this.#reply = reply;
    this.#verifier = new ProduceVerifier(services.transactions, request.transactionalId, context.apiVersion);
  }

  run(): void {
    for (const { name, topicId, partitionData } of this.#request.topicData) {
      const topic = this.#topicOf(name, topicId);
      const partitionResponses = new Array<PartitionResponse>(partitionData.length);
      this.#responses.push({ name, topicId, partitionResponses });
      for (let i = 0; i < partitionData.length; i++) {
        const data = partitionData[i];
        if (!data) continue;
        this.#missing++;
        this.#append(topic, data, (response) => {
          partitionResponses[i] = response;
          this.#countDown();
        });
      }
    }
    this.#verifier.send();
    this.#countDown();
  }

  #topicOf(name: string, topicId: string): Topic | ErrorName {
    const { image } = this.#services;
    if (this.#context.apiVersion >= TOPIC_ID_VERSION) return image.topicById(topicId) ?? "UNKNOWN_TOPIC_ID";
    return image.topic(name) ?? "UNKNOWN_TOPIC_OR_PARTITION";
  }

  #append(topic: Topic | ErrorName, data: PartitionData, done: (response: PartitionResponse) => void): void {
    const checked = this.#check(topic, data);
    if (!checked.ok) {
      this.#services.metrics.topics.produceFailed(typeof topic === "string" ? undefined : topic.name);
      done(this.#failed(data.index, checked));
      return;
    }
    const { partition, batch } = checked;
    const { recordCount, sizeBytes } = batch;
    const verification = batch.isTransactional ? this.#verifier.verification(partition, batch) : undefined;
    partition.append(batch, verification, (outcome) => {
      const { topics } = this.#services.metrics;
      if (!outcome.ok) topics.produceFailed(partition.topic);
      else if (!outcome.isDuplicate) topics.produced(partition.topic, recordCount, sizeBytes);
      if (outcome.ok) this.#appended(partition, outcome, done);
      else done(this.#failed(data.index, outcome));
    });
  }

  #check(topic: Topic | ErrorName, { index, records }: PartitionData): CheckedData {
    const { acks } = this.#request;
    if (acks !== ACKS_DURABLE && acks !== ACKS_WRITTEN && acks !== ACKS_NONE) return refuse("INVALID_REQUIRED_ACKS");
    if (typeof topic === "string") return refuse(topic);
    if (isInternalTopic(topic.name)) {
      return refuse("INVALID_TOPIC_EXCEPTION", `Cannot append to internal topic ${topic.name}`);
    }
    const partition = this.#services.partitions.findById(topic.id, index);
    if (typeof partition === "string") return refuse(partition);
    if (records === null) return refuse("INVALID_RECORD", "no records");
    const validated = validateBatches(records, partition.log.config, this.#services.clock.now());
    if (!validated.ok) return validated;
    const [batch] = validated.batches;
    if (!batch || validated.batches.length > 1) {
      return refuse("INVALID_RECORD", "Produce requests must have exactly one record batch per partition");
    }
    // Without its owner's name nobody could be asked whether the transaction is the producer's.
    if (batch.isTransactional && this.#request.transactionalId === null) {
      return refuse("TRANSACTIONAL_ID_AUTHORIZATION_FAILED", "a transactional batch without a transactional id");
    }
    return { ok: true, partition, batch };
  }

  #appended(
    partition: Partition,
    outcome: AppendOutcome & { readonly ok: true },
    done: (response: PartitionResponse) => void,
  ): void {
    const { baseOffset, lastOffset, logAppendTimeMs, logStartOffset } = outcome;
    const index = partition.index;
    const response = { index, errorCode: errorCodes.NONE, baseOffset, logAppendTimeMs, logStartOffset };
    if (this.#request.acks !== ACKS_DURABLE) {
      done(response);
      return;
    }
    partition.log.whenDurable(lastOffset + 1, (error) =>
      done(error ? this.#failed(index, refuse("KAFKA_STORAGE_ERROR", error.message)) : response),
    );
  }

  #failed(index: number, { error, message, recordErrors }: Refusal): PartitionResponse {
    this.#hasError = true;
    const known = produceError(error, this.#context.apiVersion);
    return {
      index,
      errorCode: errorCodes[known],
      baseOffset: -1,
      recordErrors: recordErrors ?? [],
      errorMessage: message,
    };
  }

  #countDown(): void {
    this.#missing--;
    if (this.#missing > 0) return;
    const { clientId, sizeBytes, peer } = this.#context;
    const throttleTimeMs = this.#services.quotas.produced(clientId, sizeBytes);
    if (this.#request.acks !== ACKS_NONE) {
      this.#reply({ responses: this.#responses, throttleTimeMs });
      return;
    }
    this.#reply();
    if (throttleTimeMs > 0) peer.mute(throttleTimeMs);
    // Without a response, the end of the connection tells the producer that its metadata may be old, as in Kafka.
    if (this.#hasError) peer.end();
  }
}

function refuse(error: ErrorName, message: string | null = null): Refusal {
  return { ok: false, error, message };
}
