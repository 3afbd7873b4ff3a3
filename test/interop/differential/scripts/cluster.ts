/** What operators ask of a cluster that has one broker: features, elections, reassignments, the quorum, topics page by page. */
import { alterPartitionReassignments } from "../../../../src/protocol/apis/alter-partition-reassignments.ts";
import { createPartitions } from "../../../../src/protocol/apis/create-partitions.ts";
import { createTopics } from "../../../../src/protocol/apis/create-topics.ts";
import { describeQuorum } from "../../../../src/protocol/apis/describe-quorum.ts";
import { describeTopicPartitions } from "../../../../src/protocol/apis/describe-topic-partitions.ts";
import { electLeaders } from "../../../../src/protocol/apis/elect-leaders.ts";
import { listPartitionReassignments } from "../../../../src/protocol/apis/list-partition-reassignments.ts";
import { updateFeatures } from "../../../../src/protocol/apis/update-features.ts";
import type { Script } from "../compare.ts";
import type { Side } from "../side.ts";

export const cluster: readonly Script[] = [
  {
    name: "cluster: features, looked at only",
    async run(side) {
      const updates: readonly (readonly [feature: string, level: number, type: number])[] = [
        ["transaction.version", 2, 1],
        ["transaction.version", 2, 2],
        ["transaction.version", 3, 1],
        ["transaction.version", 1, 1],
        ["transaction.version", 1, 2],
        ["transaction.version", 0, 2],
        ["transaction.version", 1, 3],
        ["transaction.version", -1, 2],
        ["transaction.version", 1, 0],
        ["transaction.version", 1, 4],
        ["group.version", 0, 2],
        ["group.version", 2, 1],
        ["metadata.version", 1, 3],
        ["metadata.version", 99, 1],
        ["unknown", 1, 1],
      ];
      for (const [feature, maxVersionLevel, upgradeType] of updates) {
        const featureUpdates = [{ feature, maxVersionLevel, upgradeType }];
        for (const version of [1, 2])
          await side.ask(
            updateFeatures,
            version,
            { featureUpdates, validateOnly: true },
            { note: `${feature} ${maxVersionLevel} ${upgradeType}` },
          );
      }
      const featureUpdates = updates.slice(4, 6).map(([feature, maxVersionLevel, upgradeType]) => {
        return { feature, maxVersionLevel, upgradeType };
      });
      await side.ask(updateFeatures, 1, { featureUpdates, validateOnly: true }, { note: "two of one" });
      await side.ask(updateFeatures, 1, { featureUpdates: [], validateOnly: true }, { note: "nothing" });
    },
  },
  {
    name: "cluster: elections and reassignments",
    async run(side) {
      const topic = await side.createTopic("t", 2);
      const missing = side.unique("missing");
      const topicPartitions = [
        { topic: topic.name, partitions: [0, 1, 2] },
        { topic: missing, partitions: [0] },
      ];
      for (const version of [0, 1, 2])
        for (const electionType of [0, 1, 2])
          await side.ask(electLeaders, version, { electionType, topicPartitions }, { note: `type ${electionType}` });
      await side.ask(electLeaders, 2, { electionType: 0, topicPartitions: [] }, { note: "none" });
      const replicas: readonly (readonly [number, readonly number[] | null])[] = [
        [0, [1]],
        [0, null],
        [0, []],
        [0, [2]],
        [0, [1, 2]],
        [0, [2, 1]],
        [0, [1, 1]],
        [0, [-1]],
        [2, [1]],
        [2, null],
        [-1, [1]],
      ];
      for (const [partitionIndex, list] of replicas) {
        const topics = [{ name: topic.name, partitions: [{ partitionIndex, replicas: list }] }];
        await side.ask(alterPartitionReassignments, 1, { topics }, { note: `${partitionIndex} to ${list}` });
      }
      const topics = [{ name: missing, partitions: [{ partitionIndex: 0, replicas: [1] }] }];
      await side.ask(alterPartitionReassignments, 0, { topics }, { note: "no such topic" });
      await side.ask(listPartitionReassignments, 0, { topics: null });
      await side.ask(listPartitionReassignments, 0, { topics: [{ name: topic.name, partitionIndexes: [0, 5] }] });
    },
  },
  {
    name: "cluster: the quorum",
    async run(side) {
      for (const [topicName, partitionIndex] of [
        ["__cluster_metadata", 0],
        ["__cluster_metadata", 1],
        ["t", 0],
      ] as const)
        for (const version of [0, 1, 2])
          await side.ask(
            describeQuorum,
            version,
            { topics: [{ topicName, partitions: [{ partitionIndex }] }] },
            { note: `${topicName}-${partitionIndex}` },
            // What each broker's own log and clock say is left out.
            ({ errorCode, topics, nodes }) => ({
              errorCode,
              nodes: nodes.length,
              topics: topics.map(({ topicName: name, partitions }) => ({
                name,
                partitions: partitions.map(({ currentVoters, observers, ...partition }) => ({
                  errorCode: partition.errorCode,
                  partitionIndex: partition.partitionIndex,
                  leaderId: partition.leaderId,
                  voters: currentVoters.map(({ replicaId }) => replicaId),
                  observers: observers.length,
                })),
              })),
            }),
          );
      await side.ask(describeQuorum, 2, { topics: [] }, { note: "nothing" });
    },
  },
  {
    name: "cluster: topics, page by page",
    async run(side) {
      const names = ["a", "b", "c"];
      for (const [i, name] of names.entries()) await side.createTopic(name, i + 2);
      const page = async (
        topics: readonly string[],
        responsePartitionLimit: number,
        cursor: readonly [string, number] | null,
      ): Promise<void> => {
        const body = {
          topics: topics.map((name) => ({ name: side.unique(name) })),
          responsePartitionLimit,
          cursor: cursor && { topicName: side.unique(cursor[0]), partitionIndex: cursor[1] },
        };
        await side.ask(describeTopicPartitions, 0, body, {
          note: `${topics} ${responsePartitionLimit} from ${cursor}`,
        });
      };
      await page(names, 100, null);
      await page(["c", "a", "missing", "a"], 100, null);
      for (const limit of [1, 2, 3, 4, 5, 9, 0, -1]) await page(names, limit, null);
      await page(names, 3, ["a", 1]);
      await page(names, 3, ["b", 2]);
      await page(names, 3, ["b", 9]);
      await page(names, 3, ["bb", 0]);
      await page(names, 100, ["missing", 0]);
      await page(["b", "c"], 3, ["a", 1]);
      await page(["in valid"], 3, null);
      await page(names, 3, ["a", -1]);
      await page(["b", "c"], 3, ["a", -1]);
      await page(["a", "missing"], 100, ["missing", -2]);
    },
  },
  {
    name: "cluster: topics whose names are one in metrics",
    async run(side) {
      const create = async (...names: readonly string[]): Promise<void> => {
        const topics = names.map((name) => ({
          name: side.unique(name),
          numPartitions: 1,
          replicationFactor: 1,
          assignments: [],
          configs: [],
        }));
        await side.ask(createTopics, 7, { topics, validateOnly: true }, { note: `${names}` }, (response) =>
          response.topics.map(({ name, errorCode }) => ({ name, errorCode })),
        );
      };
      await side.createTopic("a.b_c");
      for (const name of ["a.b.c", "a_b_c", "a_b.c", "a.b_c", "a.b-c", "abc", "a.b_c_"]) await create(name);
      await create("a_b_c", "a.b.d", "a.b.c");
      await create("x.y", "x_y");
    },
  },
  {
    name: "cluster: more partitions",
    async run(side) {
      const topic = await side.createTopic("t", 2);
      const widen = async (
        count: number,
        assignments: readonly (readonly number[])[] | null = null,
        options: { readonly validateOnly?: boolean; readonly name?: string } = {},
      ): Promise<void> => {
        const { validateOnly = false, name = topic.name } = options;
        const lists = assignments?.map((brokerIds) => ({ brokerIds })) ?? null;
        const topics = [{ name, count, assignments: lists }];
        const note = `to ${count}, ${JSON.stringify(assignments)}${validateOnly ? ", looked at only" : ""}`;
        await side.ask(createPartitions, 3, { topics, timeoutMs: 10_000, validateOnly }, { note });
      };
      await widen(3, null, { validateOnly: true });
      await widen(3);
      for (const count of [3, 2, 0, -1]) await widen(count);
      await widen(5, [[1]]);
      await widen(5, [[1], [2]]);
      await widen(5, [[1], []]);
      await widen(5, [[1], [1, 1]]);
      await widen(5, [[1], [1]]);
      await widen(2, null, { name: side.unique("missing") });
      await side.untilLed(topic, 4);
      await describePartitions(side, topic.name);
      const twice = [6, 7].map((count) => ({ name: topic.name, count, assignments: null }));
      await side.ask(createPartitions, 3, { topics: twice, timeoutMs: 10_000, validateOnly: false }, { note: "twice" });
    },
  },
];

async function describePartitions(side: Side, name: string): Promise<void> {
  await side.ask(describeTopicPartitions, 0, { topics: [{ name }], responsePartitionLimit: 100, cursor: null });
}
