/** WriteTxnMarkers: ends a transaction in partitions without its coordinator, for operators that found one hanging
 * (KIP-664). */
import { writeTxnMarkers } from "../../protocol/apis/write-txn-markers.ts";
import { type ErrorName, errorCodes } from "../../protocol/errors.ts";
import type { RequestOf, ResponseBody } from "../../protocol/schema.ts";
import type { BrokerServices } from "../broker-services.ts";
import type { Marker } from "../marker-writer.ts";
import type { Handler } from "../router.ts";
import { eachOnce } from "./duplicates.ts";

type MarkerRequest = RequestOf<typeof writeTxnMarkers>["markers"][number];
type MarkerResult = ResponseBody<typeof writeTxnMarkers>["markers"][number];
type PartitionResult = MarkerResult["topics"][number]["partitions"][number];

export function writeTxnMarkersHandler(services: BrokerServices): Handler<typeof writeTxnMarkers> {
  return {
    api: writeTxnMarkers,
    async handle(request, _context, reply) {
      reply({ markers: await Promise.all(request.markers.map((marker) => write(services, marker))) });
    },
  };
}

async function write(services: BrokerServices, request: MarkerRequest): Promise<MarkerResult> {
  const { producerId, producerEpoch, coordinatorEpoch, transactionVersion, transactionResult } = request;
  const type = transactionResult ? "commit" : "abort";
  const marker: Marker = { type, producerId, producerEpoch, coordinatorEpoch, transactionVersion };
  const topics = request.topics.map(async ({ name, partitionIndexes }) => ({
    name,
    partitions: await Promise.all(eachOnce(partitionIndexes).map((index) => writeOne(services, name, index, marker))),
  }));
  return { producerId, topics: await Promise.all(topics) };
}

function writeOne(
  { markers, image }: BrokerServices,
  topic: string,
  partition: number,
  marker: Marker,
): Promise<PartitionResult> {
  return new Promise((resolve) => {
    const done = (error: ErrorName): void => resolve({ partitionIndex: partition, errorCode: errorCodes[error] });
    // Of no coordinator that there was. The partition would refuse the markers of the one that there is, which tries for ever.
    if (marker.coordinatorEpoch > image.leaderEpoch) done("TRANSACTION_COORDINATOR_FENCED");
    else markers.write({ topic, partition }, marker, done);
  });
}
