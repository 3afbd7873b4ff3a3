/** Settings of topics, brokers, groups and clients' metrics: changed, described, listed and refused. */
import { alterConfigs } from "../../../../src/protocol/apis/alter-configs.ts";
import { describeConfigs } from "../../../../src/protocol/apis/describe-configs.ts";
import { incrementalAlterConfigs } from "../../../../src/protocol/apis/incremental-alter-configs.ts";
import { listConfigResources } from "../../../../src/protocol/apis/list-config-resources.ts";
import type { Script } from "../compare.ts";
import type { Side } from "../side.ts";

const TOPIC = 2;
const BROKER = 4;
const CLIENT_METRICS = 16;
const GROUP = 32;

const SET = 0;
const DELETE = 1;
const APPEND = 2;
const SUBTRACT = 3;

const DEFAULT_SOURCE = 5;
/** The source of a setting that the resource has itself (DescribeConfigs); for all brokers, that of their common ones. */
const ALL_BROKERS_SOURCE = 3;
const OWN_SOURCES: ReadonlyMap<number, number> = new Map([
  [TOPIC, 1],
  [BROKER, 2],
  [CLIENT_METRICS, 7],
  [GROUP, 8],
]);

type Resource = readonly [type: number, name: string];
type Change = readonly [name: string, operation: number, value: string | null];

async function change(
  side: Side,
  [resourceType, resourceName]: Resource,
  changes: readonly Change[],
  validateOnly = false,
): Promise<void> {
  const configs = changes.map(([name, configOperation, value]) => ({ name, configOperation, value }));
  const note = `${resourceType} ${side.plain(resourceName)} ${changes.join("; ")}`;
  const resources = [{ resourceType, resourceName, configs }];
  const { responses } = await side.ask(incrementalAlterConfigs, 1, { resources, validateOnly }, { note });
  if (responses[0]?.errorCode !== 0 || validateOnly) return;
  for (const each of changes) await untilShown(side, [resourceType, resourceName], each);
}

/** Apache Kafka shows a change a moment later. */
async function untilShown(side: Side, resource: Resource, [changed, operation, given]: Change): Promise<void> {
  const value = given?.trim() ?? "";
  await untilConfigs(side, resource, `${changed} ${operation} ${value}`, (configs) => {
    const shown = configs.find(({ name }) => name === changed);
    if (operation === SET) return shown?.value === value;
    if (operation === DELETE) return !shown?.isOwn;
    return shown?.value?.split(",").includes(value) === (operation === APPEND);
  });
}

interface ShownConfig {
  readonly name: string;
  readonly value: string | null;
  /** Whether the resource has it itself. */
  readonly isOwn: boolean;
}

async function untilConfigs(
  side: Side,
  [resourceType, resourceName]: Resource,
  what: string,
  isTrue: (configs: readonly ShownConfig[]) => boolean,
): Promise<void> {
  const resources = [{ resourceType, resourceName, configurationKeys: null }];
  const isOfAllBrokers = resourceType === BROKER && resourceName === "";
  const ownSource = isOfAllBrokers ? ALL_BROKERS_SOURCE : OWN_SOURCES.get(resourceType);
  await side.until(what, async () => {
    const { results } = await side.peek(describeConfigs, 4, { resources, includeSynonyms: false });
    const configs = results[0]?.configs ?? [];
    return isTrue(configs.map(({ name, value, configSource }) => ({ name, value, isOwn: configSource === ownSource })));
  });
}

async function replace(
  side: Side,
  [resourceType, resourceName]: Resource,
  configs: Readonly<Record<string, string | null>>,
  validateOnly = false,
): Promise<void> {
  const list = Object.entries(configs).map(([name, value]) => ({ name, value }));
  const note = `${resourceType} ${side.plain(resourceName)} ${JSON.stringify(configs)}`;
  const resources = [{ resourceType, resourceName, configs: list }];
  const { responses } = await side.ask(alterConfigs, 2, { resources, validateOnly }, { note });
  if (responses[0]?.errorCode !== 0 || validateOnly) return;
  for (const { name, value } of list) await untilShown(side, [resourceType, resourceName], [name, SET, value]);
  await untilConfigs(side, [resourceType, resourceName], "nothing else", (shown) =>
    shown.every(({ name, isOwn }) => !isOwn || name in configs),
  );
}

async function describe(
  side: Side,
  [resourceType, resourceName]: Resource,
  keys: readonly string[] | null,
): Promise<void> {
  const body = {
    resources: [{ resourceType, resourceName, configurationKeys: keys }],
    includeSynonyms: true,
    includeDocumentation: false,
  };
  const note = `${resourceType} ${side.plain(resourceName)} ${keys}`;
  await side.ask(describeConfigs, 4, body, { note }, ({ results }) =>
    results.map(({ configs: described, ...result }) => ({
      ...result,
      // Apache Kafka leaves out defaults that it puts together from several settings.
      configs: described.filter(isComparable).map(({ synonyms, ...config }) => ({
        ...config,
        synonyms: synonyms.filter(({ source }) => source !== DEFAULT_SOURCE),
      })),
    })),
  );
}

/** With eligible leader replicas (KIP-966), Apache Kafka gives this one a value for all brokers, and may not be asked to. */
function isComparable({ name }: { readonly name: string }): boolean {
  return name !== "min.insync.replicas";
}

export const configs: readonly Script[] = [
  {
    name: "configs: of topics",
    async run(side) {
      const { name } = await side.createTopic("t", 1, { "retention.ms": "1000" });
      const topic: Resource = [TOPIC, name];
      const keys = ["retention.ms", "cleanup.policy", "max.message.bytes", "segment.bytes"];
      await describe(side, topic, keys);
      await change(side, topic, [
        ["retention.ms", SET, "2000"],
        ["max.message.bytes", SET, " 5000 "],
      ]);
      await change(side, topic, [["cleanup.policy", APPEND, "compact"]]);
      await change(side, topic, [["cleanup.policy", APPEND, "compact"]]);
      await describe(side, topic, keys);
      await change(side, topic, [["cleanup.policy", SUBTRACT, "delete"]]);
      await change(side, topic, [["retention.ms", DELETE, null]]);
      await change(side, topic, [["retention.ms", DELETE, null]]);
      await change(side, topic, [["retention.ms", SET, "7"]], true);
      await describe(side, topic, keys);
      await replace(side, topic, { "segment.bytes": "2000000" });
      await describe(side, topic, keys);
      await replace(side, topic, {}, true);
      await describe(side, topic, keys);
      const refused: readonly Change[] = [
        ["unknown", SET, "1"],
        ["unknown", DELETE, null],
        ["unknown", APPEND, "1"],
        ["retention.ms", SET, null],
        ["retention.ms", SET, ""],
        ["retention.ms", SET, "x"],
        ["retention.ms", SET, "1.5"],
        ["retention.ms", SET, "-2"],
        ["retention.ms", APPEND, "1"],
        ["retention.ms", SUBTRACT, "1"],
        ["retention.ms", 4, "1"],
        ["cleanup.policy", SET, "none"],
        ["cleanup.policy", APPEND, "none"],
        ["cleanup.policy", SET, ""],
        ["cleanup.policy", SET, "delete,delete"],
        ["max.message.bytes", SET, "2147483648"],
        ["max.message.bytes", SET, "-1"],
        ["min.cleanable.dirty.ratio", SET, "1.1"],
        ["segment.bytes", SET, "1048575"],
        ["message.timestamp.type", SET, "never"],
        ["preallocate", SET, "maybe"],
        ["compression.type", SET, "best"],
      ];
      for (const each of refused) await change(side, topic, [each], true);
      for (const value of ["*", "*,", "", "0:1", " 0:1 , 1:1,", "foo", "0:", "-1:0", "0:1:2", "0:1,*"]) {
        await change(side, topic, [["leader.replication.throttled.replicas", SET, value]], true);
        await change(side, topic, [["follower.replication.throttled.replicas", SET, value]], true);
      }
      await change(side, topic, [["min.compaction.lag.ms", SET, "1000"]]);
      await change(side, topic, [["max.compaction.lag.ms", SET, "999"]], true);
      await change(side, topic, [["max.compaction.lag.ms", SET, "1000"]], true);
      await replace(side, topic, { "min.compaction.lag.ms": "6", "max.compaction.lag.ms": "5" }, true);
      await change(side, topic, [["min.compaction.lag.ms", DELETE, null]]);
      await change(side, topic, [
        ["retention.ms", SET, "1"],
        ["retention.ms", SET, "2"],
      ]);
      await change(side, [TOPIC, side.unique("missing")], [["retention.ms", SET, "1"]]);
      await change(side, [TOPIC, "in valid"], [["retention.ms", SET, "1"]]);
      await replace(side, topic, { unknown: "1" });
      await replace(side, topic, { "retention.ms": null });
      await describe(side, [TOPIC, side.unique("missing")], null);
      await describe(side, [TOPIC, "in valid"], null);
      await describe(side, topic, []);
      const resources = [1, 2].map((value) => ({
        resourceType: TOPIC,
        resourceName: name,
        configs: [{ name: "retention.ms", configOperation: SET, value: String(value) }],
      }));
      await side.ask(incrementalAlterConfigs, 1, { resources, validateOnly: false }, { note: "one topic twice" });
    },
  },
  {
    name: "configs: of brokers, looked at only",
    async run(side) {
      for (const name of ["", "1"]) {
        const broker: Resource = [BROKER, name];
        const changes: readonly Change[] = [
          ["log.retention.ms", SET, "5000"],
          ["log.retention.ms", SET, "-5"],
          ["log.retention.ms", SET, "x"],
          ["log.cleanup.policy", APPEND, "compact"],
          ["log.cleanup.policy", SET, "none"],
          ["message.max.bytes", SET, "1000"],
          ["max.connections", SET, "100"],
          ["max.connections", SET, "-1"],
          ["max.connections.per.ip", DELETE, null],
          ["log.cleaner.backoff.ms", SET, "1000"],
          ["producer.id.expiration.ms", SET, "1000"],
          ["producer.id.expiration.ms", SET, "0"],
          ["num.partitions", SET, "2"],
          ["log.dirs", SET, "/elsewhere"],
          ["max.connections", APPEND, "1"],
        ];
        for (const each of changes) await change(side, broker, [each], true);
        await change(
          side,
          broker,
          [
            ["log.cleaner.min.compaction.lag.ms", SET, "6"],
            ["log.cleaner.max.compaction.lag.ms", SET, "5"],
          ],
          true,
        );
      }
      await change(side, [BROKER, "2"], [["log.retention.ms", SET, "5000"]], true);
      await change(side, [BROKER, "x"], [["log.retention.ms", SET, "5000"]], true);
      await describe(side, [BROKER, "2"], []);
      await describe(side, [BROKER, "x"], []);
      const keys = ["log.retention.bytes", "max.connections", "num.partitions", "unknown"];
      await describe(side, [BROKER, "1"], keys);
    },
  },
  {
    name: "configs: of clients' metrics and groups",
    async run(side) {
      const metrics: Resource = [CLIENT_METRICS, side.unique("m")];
      await describe(side, metrics, null);
      await change(side, metrics, [
        ["metrics", SET, "a.,b."],
        ["interval.ms", SET, "1000"],
        ["match", SET, "client_id=x.*"],
      ]);
      await describe(side, metrics, null);
      await change(side, metrics, [["interval.ms", DELETE, null]]);
      await describe(side, metrics, ["metrics", "interval.ms"]);
      const refused: readonly Change[] = [
        ["unknown", SET, "1"],
        ["interval.ms", SET, "99"],
        ["interval.ms", SET, "3600001"],
        ["interval.ms", SET, "x"],
        ["match", SET, "client_id"],
        ["match", SET, "host=x"],
        ["match", SET, "client_id=("],
        ["match", SET, "client_id="],
        ["match", SET, "client_id=a,,client_id=b"],
        ["metrics", SET, "a,,b"],
        ["metrics", SET, null],
      ];
      for (const each of refused) await change(side, metrics, [each], true);
      await change(side, [CLIENT_METRICS, ""], [["metrics", SET, "a"]]);
      await describe(side, [CLIENT_METRICS, ""], null);
      await change(side, [GROUP, side.unique("g")], [["consumer.session.timeout.ms", SET, "50000"]]);
      for (const version of [0, 1])
        for (const types of version === 0 ? [[]] : [[], [CLIENT_METRICS], [GROUP], [BROKER], [8], [99]])
          await side.ask(
            listConfigResources,
            version,
            { resourceTypes: types },
            { note: `${types}` },
            ({ errorCode, configResources }) => ({
              errorCode,
              resources: configResources.filter(
                ({ resourceName, resourceType }) => side.owns(resourceName) || resourceType === BROKER,
              ),
            }),
          );
      await change(side, metrics, [
        ["metrics", DELETE, null],
        ["match", DELETE, null],
      ]);
      await describe(side, metrics, null);
      await change(side, [64, "x"], [["a", SET, "b"]]);
      await describe(side, [64, "x"], null);
      await describe(side, [8, "x"], null);
    },
  },
];
