/** DescribeLogDirs and AlterReplicaLogDirs (KIP-113): there is one folder, and all partitions are in it. */
import { alterReplicaLogDirs } from "../../protocol/apis/alter-replica-log-dirs.ts";
import { describeLogDirs } from "../../protocol/apis/describe-log-dirs.ts";
import { type ErrorName, errorCodes } from "../../protocol/errors.ts";
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
      const volume = services.dataVolume();
      reply({ throttleTimeMs: 0, errorCode, results: [{ errorCode, logDir, topics, ...volume }] });
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

export function alterReplicaLogDirsHandler(services: BrokerServices): Handler<typeof alterReplicaLogDirs> {
  return {
    api: alterReplicaLogDirs,
    handle({ dirs }, _context, reply) {
      const results = dirs.flatMap(({ path, topics }) =>
        topics.map(({ name, partitions }) => ({
          topicName: name,
          partitions: partitions.map((partitionIndex) => ({
            partitionIndex,
            errorCode: errorCodes[move(services, name, partitionIndex, path)],
          })),
        })),
      );
      reply({ throttleTimeMs: 0, results });
    },
  };
}

/** A partition can be moved to where it is. */
function move({ config, partitions }: BrokerServices, topic: string, partition: number, path: string): ErrorName {
  if (path !== (config.dataDir ?? IN_MEMORY)) return "LOG_DIR_NOT_FOUND";
  const found = partitions.find(topic, partition);
  return typeof found === "string" ? found : "NONE";
}
