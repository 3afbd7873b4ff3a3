/** Puts a worker together: its way to the cluster, its place in the state directory, its parts. */
import { type Assignor, OncillaError } from "../../client/index.ts";
import { closeInTurn } from "../../platform/closing.ts";
import { StreamsError } from "../errors.ts";
import type { StreamsConfig } from "../options.ts";
import type { Topology } from "../topology/topology.ts";
import type { TaskEnvironment } from "./assigned-task.ts";
import { streamsAssignor } from "./assignor.ts";
import { ensureInternalTopics, type Topics } from "./internal-topics.ts";
import { MAX_RECORD_BYTES, Output } from "./output.ts";
import type { StreamsClient, StreamsConsumer, StreamsProducer } from "./ports.ts";
import { RepartitionPurger } from "./repartition-purger.ts";
import { Restorer } from "./restorer.ts";
import { newWorkerId, StateDirectory, type WorkerPlace } from "./state-directory.ts";
import { TaskManager } from "./task-manager.ts";
import { Worker } from "./worker.ts";

/** What all stores of a worker may keep of what they have read and written, beside what is not committed. */
const READ_CACHE_BYTES = 64 * 1024 * 1024;

/** Changelog records that are replayed in one go, which takes some 30 ms. Between two the input is polled, and has 10 ms for it. */
const RESTORED_AT_A_TIME = 5_000;

export interface WorkerAssembly {
  readonly client: StreamsClient;
  readonly worker: Worker;
  readonly tasks: TaskManager;
  readonly restorer: Restorer;
  /** In the order in which the data goes through them. */
  readonly inputs: readonly string[];
  /** Lets go of everything. What is not committed by now is aborted. Each part is given `timeoutMs` for what needs the cluster. */
  close(options: { readonly leaveGroup: boolean; readonly timeoutMs: number }): Promise<void>;
}

/** Makes the application's own topics. Throws when the topology's topics are not to be had. */
export async function prepareTopics(topology: Topology, config: StreamsConfig, client: StreamsClient): Promise<Topics> {
  const { clock } = config.platform;
  const topics = await ensureInternalTopics({ ...config, topology, clock, admin: client.admin() });
  await requireOutputs(topology, client);
  return topics;
}

/** `onTurn`: see Worker. */
export function assembleWorker(
  topology: Topology,
  config: StreamsConfig,
  client: StreamsClient,
  topics: Topics,
  onTurn: (allRun: boolean) => void,
): WorkerAssembly {
  const { applicationId, stateDir, groupInstanceId, platform } = config;
  const { disk, random } = platform;
  const folder = stateDir === undefined ? undefined : new StateDirectory(stateDir, applicationId, disk, random);
  const place = groupInstanceId === undefined ? folder?.takePlace() : undefined;
  try {
    return assembleIn({ folder, place }, topology, config, client, topics, onTurn);
  } catch (error) {
    // The client may refuse an option.
    place?.release();
    throw error;
  }
}

function assembleIn(
  { folder, place }: { readonly folder: StateDirectory | undefined; readonly place: WorkerPlace | undefined },
  topology: Topology,
  config: StreamsConfig,
  client: StreamsClient,
  topics: Topics,
  onTurn: (allRun: boolean) => void,
): WorkerAssembly {
  const { applicationId, engines, handlers, logger, guarantee, commitIntervalMs } = config;
  const { clock, random } = config.platform;
  const stateDirectory = engines.persistent ? folder : undefined;
  const groupInstanceId = config.groupInstanceId ?? place?.id;
  const transactionalId = `${applicationId}-${groupInstanceId ?? newWorkerId(random)}`;
  const output = new Output({
    createProducer: () => createProducer(client, config, transactionalId),
    isTransactional: guarantee === "exactly_once_v2",
    handlers,
    onDropped(failure) {
      worker.counters.recordsDropped++;
      logger.log("warn", `skipped: ${failure.message}`);
    },
  });
  const assignor = streamsAssignor({
    topology,
    applicationId,
    inputs: topics.inputs,
    ownTasks: () => ({
      activeTasks: tasks.tasks.map(({ id }) => id),
      localTasks: stateDirectory?.localTasks() ?? [],
      rejoins: worker.rejoins,
    }),
    onAssignment: (share) => worker.onShare(share),
  });
  const consumer = createConsumer(client, config, assignor, groupInstanceId);
  const changelogs = client.consumer({
    isolationLevel: "read_committed",
    autoOffsetReset: "none",
    maxPollRecords: RESTORED_AT_A_TIME,
  });
  const restorer = new Restorer(changelogs, clock);
  const internalTopics = topics.internal;
  const environment: TaskEnvironment = {
    topology,
    applicationId,
    internalTopics,
    engines,
    stateDirectory,
    readCacheBytes: () => READ_CACHE_BYTES / Math.max(1, tasks.storeCount),
    output,
    handlers,
    logger,
  };
  const tasks: TaskManager = new TaskManager({ environment, consumer, restorer, admin: client.admin(), clock });
  const purger = new RepartitionPurger(client.admin(), clock, logger, (topic) => internalTopics.has(topic));
  const worker: Worker = new Worker({
    guarantee,
    commitIntervalMs,
    consumer,
    tasks,
    output,
    purger,
    clock,
    logger,
    onTurn,
  });
  return {
    client,
    worker,
    tasks,
    restorer,
    inputs: [...topics.inputs.keys()],
    close: ({ leaveGroup, timeoutMs }) =>
      closeInTurn([
        () => tasks.closeAll(),
        () => consumer.close({ leaveGroup, timeoutMs }),
        () => output.close({ timeoutMs }),
        () => restorer.close(),
        () => client.close({ timeoutMs }),
        () => place?.release(),
      ]),
  };
}

/** Brokers that create topics when asked for them may do so. Throws MISSING_TOPIC. */
async function requireOutputs(topology: Topology, client: StreamsClient): Promise<void> {
  const producer = client.producer();
  try {
    await Promise.all(topology.outputTopics.map((topic) => producer.partitionsFor(topic)));
  } catch (error) {
    if (!(error instanceof OncillaError) || error.code !== "UNKNOWN_TOPIC_OR_PARTITION") throw error;
    throw new StreamsError("MISSING_TOPIC", `a topic that the topology writes does not exist: ${error.message}`, {
      cause: error,
    });
  } finally {
    await producer.close();
  }
}

function createProducer(client: StreamsClient, config: StreamsConfig, transactionalId: string): StreamsProducer {
  const { guarantee, transactionTimeoutMs } = config;
  const maxRequestBytes = MAX_RECORD_BYTES;
  if (guarantee === "at_least_once") return client.producer({ maxRequestBytes });
  return client.producer({ transactionalId, transactionTimeoutMs, maxRequestBytes });
}

function createConsumer(
  client: StreamsClient,
  { applicationId, sessionTimeoutMs, maxPollRecords }: StreamsConfig,
  assignor: Assignor,
  groupInstanceId: string | undefined,
): StreamsConsumer {
  return client.consumer({
    groupId: applicationId,
    ...(groupInstanceId === undefined ? {} : { groupInstanceId }),
    isolationLevel: "read_committed",
    // Positions are set by the tasks. Records that are gone before they were read must not be jumped over in silence.
    autoOffsetReset: "none",
    assignors: [assignor],
    sessionTimeoutMs,
    // How soon a worker hears of a rebalance, for which all others wait.
    heartbeatIntervalMs: Math.ceil(Math.min(500, sessionTimeoutMs / 10)),
    maxPollRecords,
  });
}
