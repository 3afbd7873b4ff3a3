/** DeleteRecords: moves the start of partitions up. */
import { deleteRecords } from "../../protocol/apis/delete-records.ts";
import { type ErrorName, errorCodes } from "../../protocol/errors.ts";
import type { ResponseBody } from "../../protocol/schema.ts";
import type { BrokerServices } from "../broker-services.ts";
import { isInternalTopic } from "../metadata/topic-name.ts";
import type { Handler } from "../router.ts";

type Answer = ResponseBody<typeof deleteRecords>["topics"][number]["partitions"][number];

const HIGH_WATERMARK = -1;

export function deleteRecordsHandler({ partitions }: BrokerServices): Handler<typeof deleteRecords> {
  const answer = async (topic: string, index: number, offset: number): Promise<Answer> => {
    const failed = (error: ErrorName): Answer => ({
      partitionIndex: index,
      lowWatermark: -1,
      errorCode: errorCodes[error],
    });
    if (isInternalTopic(topic)) return failed("INVALID_TOPIC_EXCEPTION");
    const partition = partitions.find(topic, index);
    if (typeof partition === "string") return failed(partition);
    const { log } = partition;
    const policy = log.config.cleanupPolicy;
    if (!policy.includes("delete") && policy.length > 0) return failed("POLICY_VIOLATION");
    if (offset < HIGH_WATERMARK) return failed("OFFSET_OUT_OF_RANGE");
    const outcome = log.deleteRecordsBefore(offset === HIGH_WATERMARK ? log.highWatermark : offset);
    if (!outcome.ok) return failed(outcome.error);
    await partitions.flush([partition]);
    const { logStartOffset } = log;
    // Out of order, or the disk is too full to save where the log starts.
    if (partition.isOffline || logStartOffset < outcome.logStartOffset) return failed("KAFKA_STORAGE_ERROR");
    return { partitionIndex: index, lowWatermark: logStartOffset, errorCode: errorCodes.NONE };
  };
  return {
    api: deleteRecords,
    async handle(request, _context, reply) {
      const topics = request.topics.map(async ({ name, partitions: asked }) => ({
        name,
        partitions: await Promise.all(asked.map(({ partitionIndex, offset }) => answer(name, partitionIndex, offset))),
      }));
      reply({ throttleTimeMs: 0, topics: await Promise.all(topics) });
    },
  };
}
