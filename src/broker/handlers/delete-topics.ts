/** DeleteTopics, by name or by id. */
import { deleteTopics } from "../../protocol/apis/delete-topics.ts";
import { ZERO_UUID } from "../../protocol/codec.ts";
import { errorCodes } from "../../protocol/errors.ts";
import type { RequestOf, ResponseBody } from "../../protocol/schema.ts";
import type { BrokerServices } from "../broker-services.ts";
import type { MetadataImage, Topic } from "../metadata/image.ts";
import { refuse } from "../metadata/refusal.ts";
import type { TopicOutcome } from "../metadata/topic-decisions.ts";
import type { Handler } from "../router.ts";
import { duplicatesOf } from "./duplicates.ts";

type Asked = RequestOf<typeof deleteTopics>["topics"][number];
type Result = ResponseBody<typeof deleteTopics>["responses"][number];

/** The first version that takes ids. */
const TOPIC_ID_VERSION = 6;

/** The first version that may be told THROTTLING_QUOTA_EXCEEDED (KIP-599). */
const STRICT_QUOTA_VERSION = 5;

export function deleteTopicsHandler({ topics, image, groups, quotas }: BrokerServices): Handler<typeof deleteTopics> {
  return {
    api: deleteTopics,
    async handle(request, { clientId, apiVersion }, reply) {
      const asked: Asked[] =
        apiVersion >= TOPIC_ID_VERSION
          ? request.topics
          : request.topicNames.map((name) => ({ name, topicId: ZERO_UUID }));
      const duplicates = duplicatesOf(
        asked.map((each) => find(image, each)).flatMap((found) => (found.ok ? [found.topic.id] : [])),
      );
      const quota = quotas.mutations(clientId, apiVersion >= STRICT_QUOTA_VERSION);
      const found: Topic[] = [];
      const finders = asked.map((each) => (current: MetadataImage) => {
        const outcome = findOnce(current, each, duplicates);
        if (outcome.ok) found.push(outcome.topic);
        return outcome;
      });
      const outcomes = await topics.delete(finders, quota).finally(() => {
        // Also when some of their files could not be removed.
        const names = found.filter(({ id }) => !image.topicById(id)).map(({ name }) => name);
        if (names.length === 0) return;
        // In the turn in which the topics are gone. Another of the name may be made from the next change on, and `forget` is one:
        // behind it, what groups have committed may be the new topic's.
        for (const shard of groups.shards()) shard.notify((machine, now) => machine.topicsDeleted(names, now));
      });
      const deleted = outcomes.flatMap((outcome) => (outcome.ok ? [outcome.topic] : []));
      if (deleted.length > 0) await topics.forget(deleted);
      reply({
        throttleTimeMs: quota.throttleTimeMs,
        responses: asked.map((each, i) => result(each, outcomes[i] ?? refuse("UNKNOWN_SERVER_ERROR", "no outcome"))),
      });
    },
  };
}

function find(image: MetadataImage, { name, topicId }: Asked): TopicOutcome {
  if (topicId !== ZERO_UUID) {
    if (name !== null) return refuse("INVALID_REQUEST", "You may not specify both topic name and topic id.");
    const topic = image.topicById(topicId);
    return topic ? { ok: true, topic } : refuse("UNKNOWN_TOPIC_ID", "This server does not host this topic ID.");
  }
  if (name === null) return refuse("INVALID_REQUEST", "Neither topic name nor id were specified.");
  const topic = image.topic(name);
  return topic
    ? { ok: true, topic }
    : refuse("UNKNOWN_TOPIC_OR_PARTITION", "This server does not host this topic-partition.");
}

function findOnce(image: MetadataImage, asked: Asked, duplicates: ReadonlySet<string>): TopicOutcome {
  const found = find(image, asked);
  if (found.ok && duplicates.has(found.topic.id)) return refuse("INVALID_REQUEST", "Duplicate topic name or id.");
  return found;
}

function result({ name, topicId }: Asked, outcome: TopicOutcome): Result {
  if (outcome.ok) {
    return { name: outcome.topic.name, topicId: outcome.topic.id, errorCode: errorCodes.NONE };
  }
  return { name, topicId, errorCode: errorCodes[outcome.error], errorMessage: outcome.message };
}
