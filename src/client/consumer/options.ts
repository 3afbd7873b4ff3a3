import { OncillaError } from "../errors.ts";
import type { RecordSerdes } from "../serde.ts";
import type { IsolationLevel, TopicPartition, TransactionMarker } from "../types.ts";
import type { Assignor } from "./assignor.ts";
import { cooperativeStickyAssignor } from "./assignors/cooperative-sticky.ts";
import { type Deserialize, deserializer } from "./deserialize.ts";

export interface ConsumerOptions<K = Buffer, V = Buffer> {
  /** What keys and values are, and how they are read. A record that cannot be read is a RecordDeserializationError of `poll`, once
   * those before it are handed out. Default: bytes. */
  readonly serdes?: RecordSerdes<K, V>;
  /** Needed for `subscribe` and for committing offsets. */
  readonly groupId?: string;
  /** How the group shares its partitions out: "classic", its members among themselves; "consumer", the broker does (KIP-848;
   * Apache Kafka 4 or later). Members of both can be in one group. With "consumer", timeouts and heartbeats are the broker's to
   * set, and `assignors` do not apply. Default "classic". */
  readonly groupProtocol?: "classic" | "consumer";
  /** With `groupProtocol` "consumer": the broker's assignor that this member wants, "uniform" or "range". Default: the broker's. */
  readonly remoteAssignor?: string;
  /** Makes the membership static (KIP-345): a restart within the session timeout keeps the partitions. */
  readonly groupInstanceId?: string;
  /** Default "read_committed". */
  readonly isolationLevel?: IsolationLevel;
  /** Where to start without a committed offset, and where to go on when the position is no longer in the log.
   * Default "earliest"; "none" throws instead. */
  readonly autoOffsetReset?: "earliest" | "latest" | "none";
  /** Commits the positions now and then, on revocation and on close. Default false. */
  readonly autoCommit?: boolean;
  /** Default 5,000. */
  readonly autoCommitIntervalMs?: number;
  /** The group gives a member up after this long without a heartbeat. Default 45,000. */
  readonly sessionTimeoutMs?: number;
  /** Default 3,000. */
  readonly heartbeatIntervalMs?: number;
  /** The longest time between two polls before the member leaves the group. Default 300,000. */
  readonly maxPollIntervalMs?: number;
  /** How long the group waits for its members in a rebalance. Default `maxPollIntervalMs`. */
  readonly rebalanceTimeoutMs?: number;
  /** Records that one `poll` returns at most. Default 500. */
  readonly maxPollRecords?: number;
  /** A fetch waits until the broker has this much. Default 1. */
  readonly fetchMinBytes?: number;
  /** … but not longer than this. Default 500. */
  readonly fetchMaxWaitMs?: number;
  /** What one fetch returns at most, and what may lie fetched but not yet polled. Default 50 MiB, at most 100 MiB. */
  readonly fetchMaxBytes?: number;
  /** What one fetch returns of one partition at most (its first batch aside). Default 1 MiB. */
  readonly maxPartitionFetchBytes?: number;
  /** Check the checksum of every fetched batch. Default true. */
  readonly checkCrcs?: boolean;
  /** Best first. Default [cooperativeStickyAssignor]. */
  readonly assignors?: readonly Assignor[];
  /** How long calls that need an answer may take (commit, position …). Default 60,000. */
  readonly defaultTimeoutMs?: number;
  /** Where the consumer runs: told to the group's assignor. Records come from the leaders, wherever those are. */
  readonly rackId?: string;
  /** Called for each transaction's end that is read over, in the order of the log; for tools that look at transactions. Must not
   * throw. */
  readonly onMarker?: (marker: TransactionMarker) => void;
}

export interface ConsumerCloseOptions {
  /** Default 30,000. */
  readonly timeoutMs?: number;
  /** Whether the partitions go to others at once, or only if the member does not come back within its session timeout. Default:
   * true; false for a static member (KIP-1092). */
  readonly leaveGroup?: boolean;
}

/** Topics by a regular expression, which the broker looks through: in RE2's syntax, matched against whole names. */
export interface TopicPattern {
  readonly pattern: string;
}

/** Told about rebalances, inside `poll` (and `close`), one call at a time. What it throws comes out of `poll`. `unsubscribe` and
 * `close` wait until it is back, and so must not be waited for in it. */
export interface RebalanceListener {
  /** These were added; positions may be set with `seek`. */
  onAssigned?(partitions: readonly TopicPartition[]): void | Promise<void>;
  /** These go, and are still held: the place to commit. */
  onRevoked?(partitions: readonly TopicPartition[]): void | Promise<void>;
  /** These are gone already and may belong to others: commits will be refused. Default: `onRevoked`. */
  onLost?(partitions: readonly TopicPartition[]): void | Promise<void>;
}

/** Options with their defaults filled in. */
export interface ConsumerSettings {
  readonly groupId: string | undefined;
  readonly groupProtocol: "classic" | "consumer";
  readonly remoteAssignor: string | null;
  readonly groupInstanceId: string | null;
  readonly isolationLevel: IsolationLevel;
  readonly autoOffsetReset: "earliest" | "latest" | "none";
  readonly autoCommit: boolean;
  readonly autoCommitIntervalMs: number;
  readonly sessionTimeoutMs: number;
  readonly heartbeatIntervalMs: number;
  readonly maxPollIntervalMs: number;
  readonly rebalanceTimeoutMs: number;
  readonly maxPollRecords: number;
  readonly fetchMinBytes: number;
  readonly fetchMaxWaitMs: number;
  readonly fetchMaxBytes: number;
  readonly maxPartitionFetchBytes: number;
  readonly checkCrcs: boolean;
  readonly assignors: readonly Assignor[];
  readonly defaultTimeoutMs: number;
  readonly rackId: string;
  readonly onMarker: ((marker: TransactionMarker) => void) | undefined;
  /** Undefined to leave records as they are. */
  readonly deserialize: Deserialize | undefined;
}

const MIB = 1024 * 1024;
/** Leaves room for the rest of the answer: connections take frames of 128 MiB. */
const MAX_FETCH_BYTES = 100 * MIB;

/** Throws INVALID_ARGUMENT where options make no sense. */
export function consumerSettings<K, V>(options: ConsumerOptions<K, V>): ConsumerSettings {
  const { groupId, autoCommit = false, maxPollIntervalMs = 300_000, maxPollRecords = 500 } = options;
  const { groupProtocol = "classic" } = options;
  if (groupProtocol !== "classic" && groupProtocol !== "consumer") {
    throw invalid(`groupProtocol must be "classic" or "consumer", not ${String(groupProtocol)}`);
  }
  checkProtocolOptions(options);
  if (groupId === "") throw invalid("groupId must not be empty");
  if (groupId === undefined && (autoCommit || options.groupInstanceId !== undefined)) {
    throw invalid("autoCommit and groupInstanceId need a groupId");
  }
  if (!(maxPollRecords >= 1)) throw invalid("maxPollRecords must be 1 or more");
  const { fetchMaxBytes = 50 * MIB } = options;
  if (!(fetchMaxBytes <= MAX_FETCH_BYTES)) throw invalid(`fetchMaxBytes must be ${MAX_FETCH_BYTES} or less`);
  return {
    groupId,
    groupProtocol,
    remoteAssignor: options.remoteAssignor ?? null,
    groupInstanceId: options.groupInstanceId ?? null,
    isolationLevel: options.isolationLevel ?? "read_committed",
    autoOffsetReset: options.autoOffsetReset ?? "earliest",
    autoCommit,
    autoCommitIntervalMs: options.autoCommitIntervalMs ?? 5_000,
    sessionTimeoutMs: options.sessionTimeoutMs ?? 45_000,
    heartbeatIntervalMs: options.heartbeatIntervalMs ?? 3_000,
    maxPollIntervalMs,
    rebalanceTimeoutMs: options.rebalanceTimeoutMs ?? maxPollIntervalMs,
    maxPollRecords,
    fetchMinBytes: options.fetchMinBytes ?? 1,
    fetchMaxWaitMs: options.fetchMaxWaitMs ?? 500,
    fetchMaxBytes,
    maxPartitionFetchBytes: options.maxPartitionFetchBytes ?? MIB,
    checkCrcs: options.checkCrcs ?? true,
    assignors: options.assignors ?? [cooperativeStickyAssignor],
    defaultTimeoutMs: options.defaultTimeoutMs ?? 60_000,
    rackId: options.rackId ?? "",
    onMarker: options.onMarker,
    deserialize: options.serdes && deserializer(options.serdes),
  };
}

type ProtocolOption = "groupProtocol" | "remoteAssignor" | "assignors" | "sessionTimeoutMs" | "heartbeatIntervalMs";

/** Options that one of the protocols has no use for are a misunderstanding. */
function checkProtocolOptions(options: Pick<ConsumerOptions, ProtocolOption>): void {
  const { groupProtocol, assignors, sessionTimeoutMs, ...rest } = options;
  if (groupProtocol !== "consumer") {
    if (rest.remoteAssignor !== undefined) throw invalid('remoteAssignor needs groupProtocol "consumer"');
    return;
  }
  const given = Object.entries({ assignors, sessionTimeoutMs, heartbeatIntervalMs: rest.heartbeatIntervalMs });
  for (const [name, value] of given) {
    if (value !== undefined) throw invalid(`${name} does not apply with groupProtocol "consumer": the broker decides`);
  }
}

function invalid(message: string): OncillaError {
  return new OncillaError("INVALID_ARGUMENT", `consumer options: ${message}`);
}
