/** DescribeProducers: who writes to a partition, and which of them have a transaction open (KIP-664). */
import { describeProducers } from "../../protocol/apis/describe-producers.ts";
import { errorCodes } from "../../protocol/errors.ts";
import type { RequestOf, ResponseBody } from "../../protocol/schema.ts";
import type { BrokerServices } from "../broker-services.ts";
import type { Handler } from "../router.ts";

type Answer = ResponseBody<typeof describeProducers>["topics"][number]["partitions"][number];

export function describeProducersHandler({ partitions }: BrokerServices): Handler<typeof describeProducers> {
  const answer = (topic: string, partitionIndex: number): Answer => {
    const partition = partitions.find(topic, partitionIndex);
    if (typeof partition === "string") return { partitionIndex, errorCode: errorCodes[partition], activeProducers: [] };
    return { partitionIndex, errorCode: errorCodes.NONE, activeProducers: partition.log.activeProducers() };
  };
  return {
    api: describeProducers,
    handle(request, _context, reply) {
      reply({
        throttleTimeMs: 0,
        topics: Array.from(askedFor(request), ([name, indexes]) => ({
          name,
          partitions: Array.from(indexes, (index) => answer(name, index)),
        })),
      });
    },
  };
}

/** Each partition once: it may have thousands of producers to tell of. */
function askedFor({ topics }: RequestOf<typeof describeProducers>): ReadonlyMap<string, ReadonlySet<number>> {
  const asked = new Map<string, Set<number>>();
  for (const { name, partitionIndexes } of topics) {
    const indexes = asked.get(name) ?? new Set();
    asked.set(name, indexes);
    for (const index of partitionIndexes) indexes.add(index);
  }
  return asked;
}
