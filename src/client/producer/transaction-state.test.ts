import { describe, expect, it } from "vitest";
import { OncillaError } from "../errors.ts";
import { type TransactionEvent, TransactionMachine, type TransactionState } from "./transaction-state.ts";

const abortable = new OncillaError("INVALID_RECORD", "abortable", { abortable: true });
const fatal = new OncillaError("PRODUCER_FENCED", "fatal", { fatal: true });

function machineAfter(events: readonly TransactionEvent[]): TransactionMachine {
  const machine = new TransactionMachine();
  for (const event of events) apply(machine, event);
  return machine;
}

function apply(machine: TransactionMachine, event: TransactionEvent): void {
  machine.apply(event, event === "abortable" ? abortable : event === "fatal" ? fatal : undefined);
}

/** How each state is reached. */
const ways: { readonly [S in TransactionState]: readonly TransactionEvent[] } = {
  uninitialized: [],
  initializing: ["initialize"],
  ready: ["initialize", "initialized"],
  in_transaction: ["initialize", "initialized", "begin"],
  committing: ["initialize", "initialized", "begin", "commit"],
  aborting: ["initialize", "initialized", "begin", "abort"],
  abortable_error: ["initialize", "initialized", "begin", "abortable"],
  fatal_error: ["fatal"],
};

const events = ["initialize", "initialized", "begin", "commit", "abort", "completed", "abortable", "fatal"] as const;
const refused = "-";

// What each event leads to; "-" is refused.
const table: readonly (readonly [TransactionState, ...string[]])[] = [
  //                  initialize     initialized begin             commit        abort       completed abortable          fatal
  ["uninitialized", "initializing", refused, refused, refused, refused, refused, refused, "fatal_error"],
  ["initializing", refused, "ready", refused, refused, refused, refused, refused, "fatal_error"],
  ["ready", refused, refused, "in_transaction", refused, refused, refused, "ready", "fatal_error"],
  ["in_transaction", refused, refused, refused, "committing", "aborting", refused, "abortable_error", "fatal_error"],
  ["committing", refused, refused, refused, refused, refused, "ready", "abortable_error", "fatal_error"],
  ["aborting", refused, refused, refused, refused, refused, "ready", "aborting", "fatal_error"],
  ["abortable_error", refused, refused, refused, refused, "aborting", refused, "abortable_error", "fatal_error"],
  ["fatal_error", refused, refused, refused, refused, refused, refused, "fatal_error", "fatal_error"],
];

describe("a transactional producer", () => {
  const cases = table.flatMap(([state, ...next]) => events.map((event, i) => [state, event, next[i] ?? ""] as const));

  it.each(cases)("in %s, upon %s: %s", (state, event, next) => {
    const machine = machineAfter(ways[state]);
    expect(machine.state).toBe(state);
    if (next !== refused) {
      apply(machine, event);
      expect(machine.state).toBe(next);
      return;
    }
    const reason = state.endsWith("_error") ? machine.error : expect.objectContaining({ code: "INVALID_STATE" });
    expect(() => apply(machine, event)).toThrow(reason);
    expect(machine.state).toBe(state);
  });

  it("keeps the first error, until the transaction is aborted", () => {
    const machine = machineAfter(ways.abortable_error);
    machine.apply("abortable", new OncillaError("TIMEOUT", "a later one", { abortable: true }));
    expect(machine.error).toBe(abortable);
    expect(() => machine.requireOpen("send")).toThrow(abortable);
    machine.apply("abort");
    machine.apply("completed");
    expect(machine.error).toBeUndefined();
    machine.apply("begin");
    machine.requireOpen("send");
  });

  it("lets a fatal error outrank an abortable one, for ever", () => {
    const machine = machineAfter(ways.abortable_error);
    machine.apply("fatal", fatal);
    machine.apply("abortable", abortable);
    expect(machine.error).toBe(fatal);
    expect(() => machine.apply("abort")).toThrow(fatal);
  });

  it("says what to do", () => {
    expect(() => machineAfter(ways.uninitialized).requireOpen("send")).toThrow("initTransactions()");
    expect(() => machineAfter(ways.ready).requireOpen("send")).toThrow("beginTransaction()");
    expect(() => machineAfter(ways.committing).requireOpen("send")).toThrow("wait");
  });
});
