/** Finds out where to start reading (the group's offsets, the log's ends), and whether the place is still in the log. */
import { defined } from "../../platform/assert.ts";
import type { Clock } from "../../platform/clock.ts";
import { offsetForLeaderEpoch } from "../../protocol/apis/offset-for-leader-epoch.ts";
import { errorName } from "../../protocol/errors.ts";
import { OncillaError } from "../errors.ts";
import { Alarm } from "../network/alarm.ts";
import { askLeaders, type LeaderAnswer } from "../network/ask-leaders.ts";
import { backoffMs } from "../network/backoff.ts";
import { groupByTopic } from "../network/by-topic.ts";
import type { Cluster } from "../network/cluster.ts";
import type { Lane } from "../network/lane.ts";
import { askOffsets, EARLIEST, LATEST, offsetError } from "../network/list-offsets.ts";
import { MissingTopicWatch } from "../network/retry.ts";
import type { TopicPartition, TopicPartitionOffset } from "../types.ts";
import { type AssignedPartition, type Assignment, mayBeTruncated } from "./assignment.ts";
import type { Position } from "./fetched-chunk.ts";
import type { ConsumerSettings } from "./options.ts";

interface EpochQuery extends TopicPartition {
  readonly assigned: AssignedPartition;
  readonly version: number;
  /** What is asked about. */
  readonly position: Position;
  readonly leaderEpoch: number;
}

interface EpochEnd {
  readonly leaderEpoch: number;
  readonly endOffset: number;
}

interface Failure {
  readonly error: OncillaError;
  /** Whose positions were looked for, and where each stood then. */
  readonly concerned: readonly { readonly partition: AssignedPartition; readonly version: number }[];
}

export class PositionFinder {
  readonly #cluster: Cluster;
  readonly #clock: Clock;
  readonly #lane: Lane;
  readonly #assignment: Assignment;
  readonly #settings: ConsumerSettings;
  /** Undefined without a group. */
  readonly #committed: ((partitions: readonly TopicPartition[]) => Promise<TopicPartitionOffset[]>) | undefined;
  readonly #onChange: () => void;
  readonly #alarm: Alarm;
  readonly #asked = new Set<AssignedPartition>();
  #failures = 0;
  #failure: Failure | undefined;
  #obstacle: OncillaError | undefined;
  #isClosed = false;
  readonly #missing: MissingTopicWatch;

  constructor(
    cluster: Cluster,
    lane: Lane,
    assignment: Assignment,
    settings: ConsumerSettings,
    committed: ((partitions: readonly TopicPartition[]) => Promise<TopicPartitionOffset[]>) | undefined,
    onChange: () => void,
  ) {
    this.#cluster = cluster;
    this.#clock = cluster.platform.clock;
    this.#lane = lane;
    this.#assignment = assignment;
    this.#settings = settings;
    this.#committed = committed;
    this.#onChange = onChange;
    this.#alarm = new Alarm(this.#clock, () => this.pump());
    this.#missing = new MissingTopicWatch({ ...cluster.options, clock: this.#clock });
  }

  /** Why positions that were asked for are not known yet. */
  get obstacle(): OncillaError | undefined {
    return this.#obstacle;
  }

  /** Throws what went wrong since the last call, unless the caller has set those positions meanwhile: a listener that finds
   * out where to start takes its time. */
  throwError(): void {
    const failure = this.#failure;
    this.#failure = undefined;
    const isOpen = ({ partition, version }: Failure["concerned"][number]): boolean =>
      this.#assignment.has(partition) && partition.version === version;
    if (failure?.concerned.some(isOpen)) throw failure.error;
  }

  /** Asks for what is not known and not asked for yet. */
  pump(): void {
    if (this.#isClosed) return;
    this.#assignment.follow(this.#cluster.metadata);
    const now = this.#clock.monotonic();
    const open = [...this.#assignment].filter((partition) => this.#isDue(partition, now));
    const committed = open.filter(({ start }) => start === "committed");
    const ends = open.filter(({ start }) => start === "beginning" || start === "end");
    const doubtful = open.filter(({ start }) => start === undefined);
    if (committed.length > 0) this.#run(committed, () => this.#findCommitted(committed));
    if (ends.length > 0) this.#run(ends, () => this.#findEnds(ends));
    if (doubtful.length > 0) this.#run(doubtful, () => this.#validate(doubtful));
  }

  close(): void {
    this.#isClosed = true;
    this.#alarm.cancel();
  }

  #isDue(partition: AssignedPartition, now: number): boolean {
    const isOpen = partition.start !== undefined || mayBeTruncated(partition, this.#cluster.metadata);
    if (!isOpen || this.#asked.has(partition)) return false;
    if (partition.askAt <= now) return true;
    this.#alarm.setBy(partition.askAt);
    return false;
  }

  #run(partitions: readonly AssignedPartition[], task: () => Promise<void>): void {
    for (const partition of partitions) this.#asked.add(partition);
    const failures = this.#failures;
    task()
      .then(
        () => {
          // Else some of the partitions have failed.
          if (this.#failures !== failures) return;
          this.#failures = 0;
          this.#obstacle = undefined;
          this.#missing.note(undefined);
        },
        (error: unknown) => {
          if (!(error instanceof OncillaError)) throw error;
          this.#failed(partitions, error);
        },
      )
      .finally(() => {
        for (const partition of partitions) this.#asked.delete(partition);
        this.pump();
        this.#onChange();
      });
  }

  #failed(partitions: readonly AssignedPartition[], error: OncillaError): void {
    if (this.#isClosed) return;
    this.#failures++;
    this.#obstacle = error;
    const { random } = this.#cluster.platform;
    const askAt = this.#clock.monotonic() + backoffMs(random, this.#cluster.options.backoff, this.#failures);
    for (const partition of partitions) partition.askAt = askAt;
    const fields = { partitions: partitions.map(({ name }) => name).join(), error: error.message };
    this.#cluster.options.logger.log("warn", "positions are not known yet", fields);
    const told = this.#toTell(error);
    if (!told || this.#failure) return;
    const concerned = partitions.map((partition) => ({ partition, version: partition.version }));
    this.#failure = { error: told, concerned };
  }

  /** What the owner has to know: all that asking again does not mend. A group looks after its topics itself. */
  #toTell(error: OncillaError): OncillaError | undefined {
    if (!error.retriable) return error;
    return this.#assignment.isByHand ? this.#missing.note(error) : undefined;
  }

  async #findCommitted(partitions: readonly AssignedPartition[]): Promise<void> {
    const versions = partitions.map(({ version }) => version);
    const found = this.#committed ? await this.#committed(partitions) : [];
    const byName = new Map(found.map((offset) => [`${offset.topic}-${offset.partition}`, offset]));
    for (const [i, partition] of partitions.entries()) {
      if (partition.version !== versions[i]) continue;
      const stored = byName.get(partition.name);
      if (stored) partition.seek({ offset: stored.offset, leaderEpoch: stored.leaderEpoch ?? -1 });
      else this.#startByPolicy(partition);
    }
  }

  #startByPolicy(partition: AssignedPartition): void {
    const { autoOffsetReset, groupId } = this.#settings;
    if (autoOffsetReset !== "none") {
      partition.restart(autoOffsetReset === "earliest" ? "beginning" : "end");
      return;
    }
    const where = groupId === undefined ? "no group to store an offset" : `no offset of group ${groupId}`;
    const message = `${partition.name} has ${where}, and autoOffsetReset is "none": seek to where to start`;
    this.#failed([partition], new OncillaError("NO_OFFSET", message));
  }

  async #findEnds(partitions: readonly AssignedPartition[]): Promise<void> {
    const asked = partitions.map((partition) => ({ partition, version: partition.version }));
    const queries = partitions.map(({ topic, partition, start }) => ({
      topic,
      partition,
      timestamp: start === "beginning" ? EARLIEST : LATEST,
    }));
    const answers = await askOffsets(this.#cluster, this.#lane, queries, this.#settings.isolationLevel);
    for (const [i, { partition, version }] of asked.entries()) {
      const answer = answers.find(({ query }) => query === queries[i]);
      if (!answer || partition.version !== version) continue;
      if (answer.error !== "NONE") this.#failed([partition], offsetError(partition, answer.error));
      else partition.seek(answer.answer.listed, answer.answer.currentLeaderEpoch);
    }
  }

  async #validate(partitions: readonly AssignedPartition[]): Promise<void> {
    const queries = partitions.map((assigned): EpochQuery => {
      const { topic, partition, version } = assigned;
      const position = defined(assigned.fetchPosition, "what has no position is looked for, not validated");
      return {
        topic,
        partition,
        assigned,
        version,
        position,
        leaderEpoch: this.#cluster.metadata.leaderEpochOf(assigned),
      };
    });
    for (const result of await this.#askEpochs(queries)) {
      const { assigned, version } = result.query;
      if (assigned.version !== version) continue;
      if (result.error !== "NONE") this.#failed([assigned], offsetError(assigned, result.error));
      else this.#validated(result.query, result.answer);
    }
  }

  #askEpochs(queries: readonly EpochQuery[]): Promise<LeaderAnswer<EpochQuery, EpochEnd>[]> {
    return askLeaders(this.#cluster, queries, async (nodeId, asked) => {
      const response = await this.#lane.request(nodeId, offsetForLeaderEpoch, {
        replicaId: -1,
        topics: groupByTopic(asked).map(({ topic, items }) => ({
          topic,
          partitions: items.map(({ partition, position, leaderEpoch }) => ({
            partition,
            currentLeaderEpoch: leaderEpoch,
            leaderEpoch: position.leaderEpoch,
          })),
        })),
      });
      const results = new Map(
        response.topics.flatMap(({ topic, partitions }) =>
          partitions.map((result) => [`${topic}/${result.partition}`, result] as const),
        ),
      );
      return asked.map((query): LeaderAnswer<EpochQuery, EpochEnd> => {
        const result = results.get(`${query.topic}/${query.partition}`);
        if (!result) return { query, error: "DISCONNECTED" };
        const error = errorName(result.errorCode);
        return error === "NONE" ? { query, error, answer: result } : { query, error };
      });
    });
  }

  /** The log of the leader ends the epoch that was read last at `endOffset`: what was read beyond is gone. */
  #validated({ assigned, position, leaderEpoch }: EpochQuery, end: EpochEnd): void {
    const isKnown = end.endOffset >= 0 && end.leaderEpoch >= 0;
    if (assigned.isSound(position, isKnown ? end.endOffset : undefined, leaderEpoch)) return;
    if (this.#settings.autoOffsetReset === "none") {
      const message = `${assigned.name} was cut back behind offset ${position.offset}, to ${end.endOffset}: records that were read are gone: seek to where to go on`;
      this.#failed([assigned], new OncillaError("LOG_TRUNCATED", message));
    } else if (isKnown) assigned.seek({ offset: end.endOffset, leaderEpoch: end.leaderEpoch }, leaderEpoch);
    else this.#startByPolicy(assigned);
  }
}
