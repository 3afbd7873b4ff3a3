/** DescribeLogDirs: how much each partition takes up in the data folder (KIP-113). */
import { describeLogDirs } from "../../protocol/apis/describe-log-dirs.ts";
import { errorCodes } from "../../protocol/errors.ts";
import type { RequestOf, ResponseBody } from "../../protocol/schema.ts";
import type { BrokerServices } from "../broker-services.ts";
import type { Handler } from "../router.ts";

type Asked = NonNullable<RequestOf<typeof describeLogDirs>["topics"]>[number];
type TopicSizes = ResponseBody<typeof describeLogDirs>["results"][number]["topics"][number];

/** What the data folder is called when there is none. */
const IN_MEMORY = "memory";

export function describeLogDirsHandler(services: BrokerServices): Handler<typeof describeLogDirs> {
  const { config, image } = services;
  return {
    api: describeLogDirs,
    handle(request, _context, reply) {
      const asked = request.topics ?? image.topics().map(allOf);
      const topics = asked.map((topic) => sizesOf(services, topic)).filter(({ partitions }) => partitions.length > 0);
      const logDir = config.dataDir ?? IN_MEMORY;
      const errorCode = errorCodes.NONE;
      reply({ throttleTimeMs: 0, errorCode, results: [{ errorCode, logDir, topics }] });
    },
  };
}

function allOf({ name, partitionCount }: { readonly name: string; readonly partitionCount: number }): Asked {
  return { topic: name, partitions: Array.from({ length: partitionCount }, (_, index) => index) };
}

/** As in Kafka, partitions that are not in the folder, or not readable, are left out. */
function sizesOf({ partitions }: BrokerServices, asked: Asked): TopicSizes {
  return {
    name: asked.topic,
    partitions: asked.partitions.flatMap((partitionIndex) => {
      const found = partitions.find(asked.topic, partitionIndex);
      if (typeof found === "string") return [];
      return [{ partitionIndex, partitionSize: found.log.sizeBytes, offsetLag: 0, isFutureKey: false }];
    }),
  };
}
