/**
 * A broker's metrics at one moment, under the names that Apache Kafka's have in Prometheus: those that the JMX exporter makes
 * of its beans, for groups and topics those of kafka_exporter, and `oncilla_` for what Kafka does not have.
 */
import type { Metric, Sample } from "../../platform/metrics.ts";
import type { BrokerServices } from "../broker-services.ts";
import type { Connections } from "../connections.ts";
import type { Topic } from "../metadata/image.ts";
import type { Partition } from "../partition.ts";

/** Running, in Kafka's BrokerState. */
const RUNNING = 3;

export interface MetricSources extends BrokerServices {
  readonly connections: Connections;
}

export function collectMetrics(sources: MetricSources): Metric[] {
  const { image, metrics, connections } = sources;
  const flush = "kafka_log_logflushstats_logflushrateandtimems";
  return [
    ...metrics.topics.collect((topic) => image.topic(topic) !== undefined),
    ...metrics.requests.collect(),
    { name: flush, help: "Syncs of logs, ms.", type: "histogram", values: metrics.flushTime.samples(flush, {}) },
    ...connections.collect(),
    ...brokerGauges(sources),
    ...partitionGauges(sources),
    ...groupGauges(sources),
    ...transactionGauges(sources),
  ];
}

function brokerGauges({ image, partitions, waitingFetches, fetchSessions, config }: MetricSources): Metric[] {
  const topics = image.topics();
  const total = topics.reduce((sum, { partitionCount }) => sum + partitionCount, 0);
  const online = partitions.online().length;
  return [
    gauge("kafka_server_kafkaserver_brokerstate", "3: running.", RUNNING),
    gauge("kafka_brokers", "Brokers of the cluster.", 1),
    gauge("kafka_controller_kafkacontroller_activecontrollercount", "Controllers here.", 1),
    gauge("kafka_controller_kafkacontroller_globaltopiccount", "Topics.", topics.length),
    gauge("kafka_controller_kafkacontroller_globalpartitioncount", "Partitions.", total),
    gauge("kafka_controller_kafkacontroller_offlinepartitionscount", "Partitions without a leader.", total - online),
    gauge("kafka_server_replicamanager_partitioncount", "Partitions here.", total),
    gauge("kafka_server_replicamanager_leadercount", "Partitions led from here.", online),
    gauge("kafka_server_replicamanager_offlinereplicacount", "Partitions whose log is broken.", total - online),
    gauge("kafka_server_replicamanager_underreplicatedpartitions", "Always 0: one replica each.", 0),
    gauge("kafka_server_replicamanager_underminisrpartitioncount", "Always 0: one replica each.", 0),
    {
      name: "kafka_server_delayedoperationpurgatory_purgatorysize",
      help: "Requests that wait.",
      type: "gauge",
      values: [{ labels: { delayedOperation: "Fetch" }, value: waitingFetches.size }],
    },
    gauge("kafka_server_fetchsessioncache_numincrementalfetchsessions", "Fetch sessions.", fetchSessions.count),
    {
      name: "oncilla_broker_info",
      help: "Always 1; its labels tell which broker this is.",
      type: "gauge",
      values: [
        { labels: { cluster: image.clusterId, node: String(config.nodeId), durability: config.durability }, value: 1 },
      ],
    },
  ];
}

type PartitionGauge = readonly [name: string, help: string, value: (partition: Partition) => number];

const partitionGaugeList: readonly PartitionGauge[] = [
  ["kafka_log_log_size", "Bytes of a partition's segments.", ({ log }) => log.sizeBytes],
  ["kafka_log_log_numlogsegments", "Segments of a partition.", ({ log }) => log.segmentCount],
  ["kafka_log_log_logstartoffset", "The first offset.", ({ log }) => log.logStartOffset],
  ["kafka_log_log_logendoffset", "The offset of the next record.", ({ log }) => log.logEndOffset],
  ["kafka_topic_partition_oldest_offset", "The first offset that consumers see.", ({ log }) => log.logStartOffset],
  ["kafka_topic_partition_current_offset", "The high watermark.", ({ log }) => log.highWatermark],
  [
    "kafka_cluster_partition_laststableoffsetlag",
    "Offsets between the last stable offset and the high watermark: those of open transactions and what lies behind.",
    ({ log }) => log.highWatermark - log.lastStableOffset,
  ],
];

function partitionGauges({ image, partitions }: MetricSources): Metric[] {
  const online = partitions.online();
  const isOnline = (topic: Topic, index: number): boolean => typeof partitions.findById(topic.id, index) !== "string";
  const topics = image.topics();
  return [
    ...partitionGaugeList.map(
      ([name, help, value]): Metric => ({
        name,
        help,
        type: "gauge",
        values: online.map((partition) => ({
          labels: { topic: partition.topic, partition: String(partition.index) },
          value: value(partition),
        })),
      }),
    ),
    {
      name: "kafka_topic_partitions",
      help: "Partitions of a topic.",
      type: "gauge",
      values: topics.map(({ name, partitionCount }) => ({ labels: { topic: name }, value: partitionCount })),
    },
    {
      name: "kafka_cluster_partition_insyncreplicascount",
      help: "1, or 0 for a partition whose log is broken.",
      type: "gauge",
      values: topics.flatMap((topic) =>
        Array.from({ length: topic.partitionCount }, (_, index) => ({
          labels: { topic: topic.name, partition: String(index) },
          value: isOnline(topic, index) ? 1 : 0,
        })),
      ),
    },
  ];
}

function groupGauges({ groups, partitions }: MetricSources): Metric[] {
  const all = groups.shards().flatMap(({ machine }) => [...machine.summaries()]);
  const count = countBy(all, ({ state }) => state);
  const offsets: Sample[] = [];
  const lags: Sample[] = [];
  for (const { groupId, committed } of all) {
    for (const [topic, index, { offset }] of committed) {
      const labels = { consumergroup: groupId, topic, partition: String(index) };
      const partition = partitions.find(topic, index);
      offsets.push({ labels, value: offset });
      if (typeof partition === "string") continue;
      lags.push({ labels, value: Math.max(0, partition.log.highWatermark - offset) });
    }
  }
  return [
    gauge("kafka_coordinator_group_groupmetadatamanager_numgroups", "Groups.", all.length),
    {
      name: "oncilla_groups",
      help: "Groups by state.",
      type: "gauge",
      values: [...count].map(([state, value]) => ({ labels: { state }, value })),
    },
    {
      name: "kafka_consumergroup_members",
      help: "Members of a group.",
      type: "gauge",
      values: all.map(({ groupId, memberCount }) => ({ labels: { consumergroup: groupId }, value: memberCount })),
    },
    { name: "kafka_consumergroup_current_offset", help: "A group's offset.", type: "gauge", values: offsets },
    {
      name: "kafka_consumergroup_lag",
      help: "Offsets between a group's offset and the high watermark.",
      type: "gauge",
      values: lags,
    },
  ];
}

function transactionGauges({ transactions, partitions }: MetricSources): Metric[] {
  const states = countBy(
    transactions.shards().flatMap(({ machine }) => [...machine.states()]),
    (state) => state,
  );
  const producers = partitions.online().reduce((sum, { log }) => sum + log.producerCount, 0);
  return [
    {
      name: "oncilla_transactional_ids",
      help: "Transactional ids by the state of their transaction.",
      type: "gauge",
      values: [...states].map(([state, value]) => ({ labels: { state }, value })),
    },
    gauge(
      "kafka_server_replicamanager_produceridcount",
      "Producers whose sequences are known, by partition.",
      producers,
    ),
  ];
}

function gauge(name: string, help: string, value: number): Metric {
  return { name, help, type: "gauge", values: [{ labels: {}, value }] };
}

function countBy<T>(items: readonly T[], key: (item: T) => string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const item of items) counts.set(key(item), (counts.get(key(item)) ?? 0) + 1);
  return counts;
}
