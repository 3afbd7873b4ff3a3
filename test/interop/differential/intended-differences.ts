/** Where our broker answers otherwise than Apache Kafka on purpose. */
import { type Canonical, differingParts } from "./canonical.ts";

export interface IntendedDifference {
  readonly name: string;
  readonly reason: string;
  matches(difference: {
    readonly script: string;
    readonly question: string;
    readonly oncilla: Canonical;
    readonly apache: Canonical;
  }): boolean;
}

export const intendedDifferences: readonly IntendedDifference[] = [
  {
    name: "the time in a duplicate's answer",
    reason:
      "Apache Kafka gives the batch's own time as the broker's log append time, also where topics keep the client's " +
      "times. Ours gives -1 there, as with the original: clients take any other value for the time of each record",
    matches: ({ question, oncilla, apache }) =>
      question.startsWith("Produce") && areDifferentOnlyIn("logAppendTimeMs", oncilla, apache, [-1, "+0"]),
  },
  {
    name: "the log start in the answer of a Produce that failed",
    reason: "Apache Kafka tells it with some errors and not with others; clients read it with success only",
    matches: ({ question, oncilla, apache }) =>
      question.startsWith("Produce") && areDifferentOnlyIn("logStartOffset", oncilla, apache, [-1, 0]),
  },
  {
    name: "batches are taken as their header says",
    reason:
      "Apache Kafka reads each record: it refuses a batch that holds more or fewer than its header counts, or bytes that are no " +
      "records (with UNKNOWN_SERVER_ERROR), and works out the highest timestamp. Ours decompresses nothing on the way and believes " +
      "a header that does not contradict itself, where the topic has no setting that looks at records; a producer that lies hurts " +
      "who reads its batch",
    matches: ({ question, oncilla, apache }) =>
      question.startsWith("Produce") &&
      question.includes(": unread: ") &&
      mentions(oncilla, "NONE") &&
      (mentions(apache, "INVALID_RECORD") || mentions(apache, "UNKNOWN_SERVER_ERROR")),
  },
  {
    name: "a late question holds up nobody",
    reason:
      "Apache Kafka keeps the sequence of a batch whose transaction could not be verified, and then refuses the " +
      "rightful producer's next batch as out of order. Ours knows that producer's next sequence from the log",
    matches: ({ question, oncilla, apache }) =>
      question === "Produce v12: of the present, behind one of the future" &&
      mentions(oncilla, "NONE") &&
      mentions(apache, "OUT_OF_ORDER_SEQUENCE_NUMBER"),
  },
  {
    name: "a producer of old records is not forgotten at once",
    reason:
      "Apache Kafka counts a producer's silence from the time that its last records have: one that writes records of " +
      "last week has no sequences to be checked by. Ours counts from the later of that time and of their arrival",
    matches: ({ question, oncilla, apache }) =>
      question.endsWith("a gap behind an hour old one") &&
      mentions(oncilla, "OUT_OF_ORDER_SEQUENCE_NUMBER") &&
      mentions(apache, "NONE"),
  },
  {
    name: "a zombie's InitProducerId aborts nothing",
    reason:
      "Apache Kafka aborts the rightful producer's open transaction first, and then finds that the one who asked is " +
      "fenced. Ours turns the zombie away before it can do harm",
    matches: ({ script, question, oncilla, apache }) =>
      script.startsWith("init: a zombie asks") &&
      question.startsWith("DescribeTransactions") &&
      mentions(oncilla, "Ongoing") &&
      mentions(apache, "CompleteAbort"),
  },
  {
    name: "who has gone on does not repeat a request of its epoch before",
    reason:
      "Apache Kafka takes the epoch before the last for a producer that repeats its request, also when that one has gone " +
      "on with its new epoch since; while a transaction is open, InitProducerId would abort that. Ours turns it away",
    matches: ({ question, oncilla, apache }) =>
      question.includes("of the epoch before, which has gone on") &&
      mentions(oncilla, "PRODUCER_FENCED") &&
      !mentions(apache, "PRODUCER_FENCED"),
  },
  {
    name: "a marker by hand of a coordinator that was not yet",
    reason:
      "Apache Kafka takes an operator's marker with any coordinator epoch. The partition then refuses the markers of the " +
      "coordinator that there is, and the producer's next transaction does not end. Ours refuses the operator's",
    matches: ({ question, oncilla, apache }) =>
      question.endsWith("of a coordinator that was not yet") &&
      mentions(oncilla, "TRANSACTION_COORDINATOR_FENCED") &&
      mentions(apache, "NONE"),
  },
  {
    name: "a repeated InitProducerId at the last epoch",
    reason: "Apache Kafka answers UNKNOWN_SERVER_ERROR, which no producer gets over. Ours repeats its answer",
    matches: ({ script, question, oncilla, apache }) =>
      script.startsWith("epochs:") &&
      question.endsWith("goes on, again") &&
      mentions(oncilla, "NONE") &&
      mentions(apache, "UNKNOWN_SERVER_ERROR"),
  },
  {
    name: "a member that reads nothing has nothing to read",
    reason:
      "Apache Kafka does not notice that a member which joins without topics reads something else than the others, and leaves " +
      "partitions to it that nobody reads then. Ours gives them to those who read",
    matches: ({ question, oncilla, apache }) =>
      question.endsWith("reads all there is") &&
      JSON.stringify(oncilla).includes('"assignment":null') &&
      JSON.stringify(apache).includes('"partitions":[0,1]'),
  },
  {
    name: "a commit at the present epoch for what another member has",
    reason:
      "Apache Kafka looks at the epoch alone. A heartbeat that comes late can seem to give up what its member still reads, and a " +
      "cooperative group can go over to the new protocol before a member has given up what it should: a commit would then count " +
      "behind the back of the partition's next owner, and be processed twice. Ours refuses it",
    matches: ({ question, oncilla, apache }) =>
      question.startsWith("OffsetCommit") &&
      question.endsWith("of what it does not have") &&
      mentions(oncilla, "STALE_MEMBER_EPOCH") &&
      mentions(apache, "NONE"),
  },
  {
    name: "a commit in the name of a generation before",
    reason:
      "In a group of the consumer protocol Apache Kafka takes it from a member of the classic protocol that has the partition " +
      "since (KIP-1251). But a member that gives up everything to join again may have that partition anew, and read it from the " +
      "offset before: the commit would count what it has read a second time by then. Ours refuses it, as in a classic group",
    matches: ({ question, oncilla, apache }) =>
      question.startsWith("OffsetCommit") &&
      question.endsWith("of the generation before, and still its own") &&
      mentions(oncilla, "ILLEGAL_GENERATION") &&
      mentions(apache, "NONE"),
  },
  {
    name: "a static member joins again under its own id",
    reason:
      "Where the answer to its join was lost, say. Apache Kafka takes it for another life of the same member, which has to wait " +
      "for the end of the session. Ours knows it by its id, which no other process has, as it does members that are not static",
    matches: ({ question, oncilla, apache }) =>
      question.endsWith("joins again under its own id") &&
      mentions(oncilla, "NONE") &&
      mentions(apache, "UNRELEASED_INSTANCE_ID"),
  },
  {
    name: "a static member comes back to a full group",
    reason:
      "Apache Kafka turns the next life of a static member away where the group has as many members as it may, though it " +
      "takes the place of one of them. Ours lets it in, in the consumer protocol as in the classic one",
    matches: ({ question, oncilla, apache }) =>
      question.endsWith("comes back to a full group") &&
      mentions(oncilla, "NONE") &&
      mentions(apache, "GROUP_MAX_SIZE_REACHED"),
  },
  {
    name: "a member that says it has other tasks is told again which are its own",
    reason:
      "Where the answer that told it to give some up was lost, say. Apache Kafka tells a member of a streams group when its tasks " +
      "change, and never again until it joins anew",
    matches: ({ question, oncilla, apache }) =>
      question.endsWith("has not given up what it should") &&
      JSON.stringify(oncilla).includes('"activeTasks":[') &&
      JSON.stringify(apache).includes('"activeTasks":null'),
  },
  {
    name: "an empty streams group takes the next topology",
    reason:
      "Apache Kafka keeps a group to its first topology for ever: who changes the program deletes the group, and its offsets with " +
      "it. Ours takes another one of a later epoch once all members of the former are gone",
    matches: ({ question, oncilla, apache }) =>
      question.endsWith("the next topology of an empty group") &&
      mentions(oncilla, "NONE") &&
      mentions(apache, "INVALID_REQUEST"),
  },
  {
    name: "no list of aborted transactions with an error",
    reason: "Apache Kafka gives none (null) with some errors and an empty one with others; clients read neither",
    matches: ({ question, oncilla, apache }) =>
      question.startsWith("Fetch") && areDifferentOnlyIn("abortedTransactions", oncilla, apache, [null, []]),
  },
  {
    name: "no more aborted transactions than the records have",
    reason:
      "Where a limit of bytes or the last stable offset ends an answer, Apache Kafka also lists transactions that begin " +
      "behind it, because its index does not say where exactly the answer ends. Ours lists those that overlap",
    matches: ({ question, oncilla, apache }) =>
      question.startsWith("Fetch") && question.includes("read_committed from") && listsMore(question, oncilla, apache),
  },
  {
    name: "an operation on a setting that there is not",
    reason: "Apache Kafka fails with UNKNOWN_SERVER_ERROR; ours says that the request is wrong",
    matches: ({ question, oncilla, apache }) =>
      question.startsWith("IncrementalAlterConfigs") &&
      mentions(oncilla, "INVALID_REQUEST") &&
      mentions(apache, "UNKNOWN_SERVER_ERROR"),
  },
  {
    name: "settings of clients' metrics are refused as those of topics",
    reason:
      "Apache Kafka says INVALID_REQUEST of an unknown one or a number out of range, INVALID_CONFIG of other values",
    matches: ({ question, oncilla, apache }) =>
      question.startsWith("IncrementalAlterConfigs v1: 16 ") &&
      mentions(oncilla, "INVALID_CONFIG") &&
      mentions(apache, "INVALID_REQUEST"),
  },
  {
    name: "no defaults with which no topic can be made",
    reason:
      "Apache Kafka lets the broker's log.cleaner.min.compaction.lag.ms be set above the max, and then makes no topic that " +
      "inherits both, its own ones neither. Ours refuses it, as both do for a topic",
    matches: ({ question, oncilla, apache }) =>
      question.endsWith("log.cleaner.max.compaction.lag.ms,0,5") &&
      mentions(oncilla, "INVALID_REQUEST") &&
      mentions(apache, "NONE"),
  },
  {
    name: "no retention that is less than none",
    reason: "Apache Kafka takes any number for the broker's log.retention.ms, and refuses less than -1 of topics",
    matches: ({ question, oncilla, apache }) =>
      question.endsWith("log.retention.ms,0,-5") && mentions(oncilla, "INVALID_REQUEST") && mentions(apache, "NONE"),
  },
];

/** Whether all that `apache` says more is aborted transactions that begin behind the records. */
function listsMore(question: string, oncilla: Canonical, apache: Canonical): boolean {
  const ours = fetchedPartition(oncilla);
  const theirs = fetchedPartition(apache);
  if (!ours?.abortedTransactions || !theirs?.abortedTransactions) return false;
  const lastBatch = ours.records.at(-1);
  const end = lastBatch === undefined ? Number(/from (\d+)$/.exec(question)?.[1]) - 1 : Number.parseInt(lastBatch, 10);
  const listed = new Set(ours.abortedTransactions.map((each) => JSON.stringify(each)));
  const more = theirs.abortedTransactions.filter((each) => !listed.has(JSON.stringify(each)));
  return (
    differingParts({ ...ours, abortedTransactions: [] }, { ...theirs, abortedTransactions: [] }).length === 0 &&
    more.length === theirs.abortedTransactions.length - ours.abortedTransactions.length &&
    more.every(({ firstOffset }) => firstOffset > end)
  );
}

interface FetchedPartition {
  readonly [key: string]: Canonical;
  readonly records: readonly string[];
  readonly abortedTransactions: readonly { readonly producerId: string; readonly firstOffset: number }[] | null;
}

function fetchedPartition(answer: Canonical): FetchedPartition | undefined {
  if (typeof answer !== "object") return undefined;
  const { responses } = answer as {
    readonly responses: readonly { readonly partitions: readonly FetchedPartition[] }[];
  };
  return responses[0]?.partitions[0];
}

function mentions(answer: Canonical, text: string): boolean {
  return JSON.stringify(answer).includes(JSON.stringify(text));
}

/** Whether all parts that differ are called `key`, with `ours` here and `theirs` there. */
function areDifferentOnlyIn(
  key: string,
  oncilla: Canonical,
  apache: Canonical,
  [ours, theirs]: readonly [Canonical, Canonical],
): boolean {
  return differingParts(oncilla, apache).every(
    (part) => part.path.endsWith(`.${key}`) && isSame(part.ours, ours) && isSame(part.theirs, theirs),
  );
}

function isSame(a: Canonical | undefined, b: Canonical): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
