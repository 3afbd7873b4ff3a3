/** OffsetForLeaderEpoch: where an epoch ended, so that a client finds out whether its log was cut (KIP-320). */
import { offsetForLeaderEpoch } from "../../protocol/apis/offset-for-leader-epoch.ts";
import { errorCodes } from "../../protocol/errors.ts";
import type { RequestOf, ResponseBody } from "../../protocol/schema.ts";
import type { BrokerServices } from "../broker-services.ts";
import { leaderEpochProblem } from "../leader-epoch.ts";
import type { Handler } from "../router.ts";

type Asked = RequestOf<typeof offsetForLeaderEpoch>["topics"][number]["partitions"][number];
type Answer = ResponseBody<typeof offsetForLeaderEpoch>["topics"][number]["partitions"][number];

export function offsetForLeaderEpochHandler({ partitions }: BrokerServices): Handler<typeof offsetForLeaderEpoch> {
  const answer = (topic: string, asked: Asked): Answer => {
    const found = partitions.find(topic, asked.partition);
    if (typeof found === "string") return { partition: asked.partition, errorCode: errorCodes[found] };
    const { log } = found;
    const error = leaderEpochProblem(asked.currentLeaderEpoch, log.leaderEpoch);
    const end = error ? undefined : log.offsetForLeaderEpoch(asked.leaderEpoch);
    return { partition: asked.partition, errorCode: errorCodes[error ?? "NONE"], ...end };
  };
  return {
    api: offsetForLeaderEpoch,
    handle(request, _context, reply) {
      reply({
        throttleTimeMs: 0,
        topics: request.topics.map(({ topic, partitions: asked }) => ({
          topic,
          partitions: asked.map((each) => answer(topic, each)),
        })),
      });
    },
  };
}
