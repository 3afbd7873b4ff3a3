/** Looks over the shoulder of the code under test: which rare things happen in there, that show nowhere else. The classes are
 * wrapped from outside; the code knows nothing of it. */
import { AssignedPartition } from "../src/client/consumer/assignment.ts";
import { TransactionCoordinator } from "../src/coordinator/transaction/transaction-coordinator.ts";
import { WaitingRoom } from "../src/coordinator/transaction/waiting-room.ts";
import { PartitionLog } from "../src/log/partition-log.ts";
import { ProducerState } from "../src/log/producer-state.ts";
import { Segment } from "../src/log/segment.ts";
import { Restorer } from "../src/streams/runtime/restorer.ts";
import type { Coverage } from "./coverage.ts";
import type { World } from "./world/world.ts";

let current: Coverage | undefined;
let isInstalled = false;

/** Counts into the world's coverage from now on. */
export function observe({ coverage, onLog }: World): void {
  current = coverage;
  onLog.push(({ message, fields }) => {
    if (message === "a batch was not acknowledged") coverage.hit(`produce: refused with ${fields.error}`);
  });
  if (isInstalled) return;
  isInstalled = true;
  observeLog();
  observeCoordinator();
  before(AssignedPartition.prototype, "isSound", ({ position }, [asked]) => {
    if ((position?.offset ?? 0) > asked.offset) hit("consumer: records were handed out while their leader was asked");
  });
  after(Restorer.prototype, "add", (_, [, , from, target]) => {
    if (from > 0 && from < target) hit("streams: a store replayed the tail of its changelog");
  });
}

function observeLog(): void {
  after(PartitionLog.prototype, "append", (outcome) => {
    if (!outcome.ok) hit(`log: append refused with ${outcome.error}`);
    else if (outcome.isDuplicate) hit("log: a duplicate was answered");
  });
  after(PartitionLog.prototype, "appendMarker", (outcome) => {
    if (!outcome.ok) hit(`log: marker refused with ${outcome.error}`);
  });
  after(PartitionLog.prototype, "read", (outcome) => {
    if (!outcome.ok) return;
    if (outcome.abortedTransactions.length > 0) hit("log: a fetch listed aborted transactions");
    if (outcome.abortedTransactions.length > 1) hit("log: a fetch listed several aborted transactions");
  });
  after(ProducerState.prototype, "load", (_, [entries]) => {
    if (entries.length > 0) hit("log: producers came back from a snapshot");
    if (entries.some(({ txnFirstOffset }) => txnFirstOffset >= 0))
      hit("log: an open transaction came back from a snapshot");
  });
  after(Segment, "create", (_, [, , baseOffset]) => {
    if (baseOffset > 0) hit("log: a segment was rolled");
  });
}

function observeCoordinator(): void {
  after(TransactionCoordinator.prototype, "resumeCompletions", ({ markers }) => {
    if (markers.length > 0) hit("transactions: a restart went on with a completion");
  });
  after(WaitingRoom.prototype, "enter", () => hit("transactions: a request waited for a completion"));
}

function hit(what: string): void {
  current?.hit(what);
}

/** Calls `look` with the result and the arguments of each call of a method. */
function after<T extends object, K extends keyof T>(
  target: T,
  name: K,
  look: T[K] extends (...args: infer A) => infer R ? (result: R, args: A) => void : never,
): void {
  const original = target[name] as (...args: unknown[]) => unknown;
  const wrapped = function (this: unknown, ...args: unknown[]): unknown {
    const result = original.apply(this, args);
    (look as (result: unknown, args: unknown[]) => void)(result, args);
    return result;
  };
  target[name] = wrapped as T[K];
}

/** Calls `look` with the object and the arguments of each call of a method. */
function before<T extends object, K extends keyof T>(
  target: T,
  name: K,
  look: T[K] extends (...args: infer A) => unknown ? (self: T, args: A) => void : never,
): void {
  const original = target[name] as (...args: unknown[]) => unknown;
  target[name] = function (this: T, ...args: unknown[]): unknown {
    (look as (self: T, args: unknown[]) => void)(this, args);
    return original.apply(this, args);
  } as T[K];
}
