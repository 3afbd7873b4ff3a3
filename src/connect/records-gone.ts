import type { Consumer, OffsetOutOfRangeError } from "../client/index.ts";
import { ConnectError } from "./errors.ts";

type OffsetsConsumer = Pick<Consumer, "beginningOffsets" | "endOffsets">;

/** What the client says of a position that is not in the log, for those who have no consumer to seek with. `position`: what has to be
 * set by hand. */
export async function recordsGone(
  consumer: OffsetsConsumer,
  error: OffsetOutOfRangeError,
  position: string,
): Promise<ConnectError> {
  const { topic, partition, offset } = error;
  const found = await Promise.all([
    consumer.beginningOffsets([{ topic, partition }]),
    consumer.endOffsets([{ topic, partition }]),
  ]).catch(() => []); // an outage: the rest is true all the same
  const [start, end] = found.map((offsets) => offsets[0]?.offset ?? 0);
  const extent =
    start !== undefined && offset < start
      ? `the log begins at ${start}: what lay between was deleted before it was written`
      : `the log ends at ${end ?? "another one"}: what was written is no longer in it`;
  const message = `${topic}-${partition}: it stands at offset ${offset}, and ${extent}. To go on without, set ${position}`;
  return new ConnectError("RECORDS_GONE", message, { cause: error });
}
