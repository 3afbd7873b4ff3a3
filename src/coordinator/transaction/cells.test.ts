import { expect, it } from "vitest";
import { play } from "./story.testing.ts";

/** How "app" gets into each state. In all of them the producer is 1/2, was 1/1 before, and wrote to orders-0. */
const states = {
  unknown: "",
  Empty: "init app\nabort app 1/0\ninit app as 1/1",
  Ongoing: "init app\nabort app 1/0\nabort app 1/1\nadd app 1/2 orders-0",
  PrepareCommit: "init app\nabort app 1/0\nadd app 1/1 orders-0\ncommit app 1/1",
  PrepareAbort: "init app\nabort app 1/0\nadd app 1/1 orders-0\nabort app 1/1",
  CompleteCommit: "init app\nabort app 1/0\nadd app 1/1 orders-0\ncommit app 1/1\nwritten",
  CompleteAbort: "init app\nabort app 1/0\nadd app 1/1 orders-0\nabort app 1/1\nwritten",
};

/** Every request in every state, and what becomes of it. "waits": for the completion, and is then decided again. */
const table = `
init app
  unknown: NONE 1/0, record: app Empty 1/0
  Empty, CompleteCommit, CompleteAbort: NONE 1/3, record: app Empty 1/3
  Ongoing: record: app PrepareAbort 1/3 orders-0, markers: abort 1/3 orders-0
  PrepareCommit, PrepareAbort: waits
init app as 1/2
  unknown: NONE 1/0, record: app Empty 1/0
  Empty, CompleteCommit, CompleteAbort: NONE 1/3, record: app Empty 1/3 (was 1/2)
  Ongoing: record: app PrepareAbort 1/3 (was 1/2) orders-0, markers: abort 1/3 orders-0
  PrepareCommit, PrepareAbort: waits
init app as 1/1
  unknown: NONE 1/0, record: app Empty 1/0
  Empty, CompleteCommit, CompleteAbort: NONE 1/2, record: app Empty 1/2 (was 1/1)
  Ongoing: PRODUCER_FENCED
  PrepareCommit, PrepareAbort: waits
init app as 1/0
  unknown: NONE 1/0, record: app Empty 1/0
  Empty, Ongoing, PrepareCommit, PrepareAbort, CompleteCommit, CompleteAbort: PRODUCER_FENCED
init app as 9/2
  unknown: NONE 1/0, record: app Empty 1/0
  Empty, Ongoing, PrepareCommit, PrepareAbort, CompleteCommit, CompleteAbort: PRODUCER_FENCED
init app as 9/2 v3
  unknown: NONE 1/0, record: app Empty 1/0
  Empty, Ongoing, PrepareCommit, PrepareAbort, CompleteCommit, CompleteAbort: INVALID_PRODUCER_EPOCH
add app 1/2 orders-0
  unknown: INVALID_PRODUCER_ID_MAPPING
  Empty, CompleteCommit, CompleteAbort: NONE, record: app Ongoing 1/2 orders-0
  Ongoing: NONE
  PrepareCommit, PrepareAbort: waits
add app 1/2 orders-1
  unknown: INVALID_PRODUCER_ID_MAPPING
  Empty, CompleteCommit, CompleteAbort: NONE, record: app Ongoing 1/2 orders-1
  Ongoing: NONE, record: app Ongoing 1/2 orders-0 orders-1
  PrepareCommit, PrepareAbort: waits
add app 1/1 orders-1
  unknown: INVALID_PRODUCER_ID_MAPPING
  Empty, Ongoing, PrepareCommit, PrepareAbort, CompleteCommit, CompleteAbort: PRODUCER_FENCED
add app 9/2 orders-1
  unknown, Empty, Ongoing, PrepareCommit, PrepareAbort, CompleteCommit, CompleteAbort: INVALID_PRODUCER_ID_MAPPING
produce app 1/2 orders-0
  unknown: INVALID_PRODUCER_ID_MAPPING
  Empty, CompleteCommit, CompleteAbort: NONE, record: app Ongoing 1/2 orders-0
  Ongoing: NONE
  PrepareCommit, PrepareAbort: waits
produce app 1/2 orders-1
  unknown: INVALID_PRODUCER_ID_MAPPING
  Empty, CompleteCommit, CompleteAbort: NONE, record: app Ongoing 1/2 orders-1
  Ongoing: NONE, record: app Ongoing 1/2 orders-0 orders-1
  PrepareCommit, PrepareAbort: waits
produce app 1/1 orders-1
  unknown: INVALID_PRODUCER_ID_MAPPING
  Empty, Ongoing, PrepareCommit, PrepareAbort, CompleteCommit, CompleteAbort: PRODUCER_FENCED
produce app 9/2 orders-1
  unknown, Empty, Ongoing, PrepareCommit, PrepareAbort, CompleteCommit, CompleteAbort: INVALID_PRODUCER_ID_MAPPING
offsets app 1/2 group
  unknown: INVALID_PRODUCER_ID_MAPPING
  Empty, CompleteCommit, CompleteAbort: NONE, record: app Ongoing 1/2 __consumer_offsets-7
  Ongoing: NONE, record: app Ongoing 1/2 orders-0 __consumer_offsets-7
  PrepareCommit, PrepareAbort: waits
offsets app 1/1 group
  unknown: INVALID_PRODUCER_ID_MAPPING
  Empty, Ongoing, PrepareCommit, PrepareAbort, CompleteCommit, CompleteAbort: PRODUCER_FENCED
verify app 1/2 orders-0
  unknown: INVALID_PRODUCER_ID_MAPPING
  Empty, CompleteCommit, CompleteAbort: TRANSACTION_ABORTABLE
  Ongoing: NONE
  PrepareCommit, PrepareAbort: CONCURRENT_TRANSACTIONS
verify app 1/2 orders-1
  unknown: INVALID_PRODUCER_ID_MAPPING
  Empty, Ongoing, CompleteCommit, CompleteAbort: TRANSACTION_ABORTABLE
  PrepareCommit, PrepareAbort: CONCURRENT_TRANSACTIONS
verify app 1/1 orders-0
  unknown: INVALID_PRODUCER_ID_MAPPING
  Empty, Ongoing, PrepareCommit, PrepareAbort, CompleteCommit, CompleteAbort: PRODUCER_FENCED
verify app 9/2 orders-0
  unknown, Empty, Ongoing, PrepareCommit, PrepareAbort, CompleteCommit, CompleteAbort: INVALID_PRODUCER_ID_MAPPING
commit app 1/2
  unknown: INVALID_PRODUCER_ID_MAPPING
  Empty, CompleteCommit, CompleteAbort: INVALID_TXN_STATE
  Ongoing: NONE 1/3, record: app PrepareCommit 1/3 (was 1/2) orders-0, markers: commit 1/3 orders-0
  PrepareCommit, PrepareAbort: waits
commit app 1/1
  unknown: INVALID_PRODUCER_ID_MAPPING
  Empty, Ongoing: PRODUCER_FENCED
  PrepareCommit: waits
  PrepareAbort, CompleteAbort: INVALID_TXN_STATE
  CompleteCommit: NONE 1/2
commit app 1/0
  unknown: INVALID_PRODUCER_ID_MAPPING
  Empty, Ongoing, PrepareCommit, PrepareAbort, CompleteCommit, CompleteAbort: PRODUCER_FENCED
commit app 9/2
  unknown, Empty, Ongoing, PrepareCommit, PrepareAbort, CompleteCommit, CompleteAbort: INVALID_PRODUCER_ID_MAPPING
abort app 1/2
  unknown: INVALID_PRODUCER_ID_MAPPING
  Empty, CompleteCommit, CompleteAbort: NONE 1/3, record: app PrepareAbort 1/3 (was 1/2), record: app CompleteAbort 1/3 (was 1/2)
  Ongoing: NONE 1/3, record: app PrepareAbort 1/3 (was 1/2) orders-0, markers: abort 1/3 orders-0
  PrepareCommit, PrepareAbort: waits
abort app 1/1
  unknown: INVALID_PRODUCER_ID_MAPPING
  Empty, Ongoing: PRODUCER_FENCED
  PrepareCommit, CompleteCommit: INVALID_TXN_STATE
  PrepareAbort: waits
  CompleteAbort: NONE 1/2
abort app 1/0
  unknown: INVALID_PRODUCER_ID_MAPPING
  Empty, Ongoing, PrepareCommit, PrepareAbort, CompleteCommit, CompleteAbort: PRODUCER_FENCED
abort app 9/2
  unknown, Empty, Ongoing, PrepareCommit, PrepareAbort, CompleteCommit, CompleteAbort: INVALID_PRODUCER_ID_MAPPING
commit app 1/2 v3
  unknown: INVALID_PRODUCER_ID_MAPPING
  Empty, PrepareAbort, CompleteAbort: INVALID_TXN_STATE
  Ongoing: NONE, record: app PrepareCommit 1/2 orders-0, markers: commit 1/2 orders-0
  PrepareCommit: waits
  CompleteCommit: NONE
commit app 1/1 v3
  unknown: INVALID_PRODUCER_ID_MAPPING
  Empty, Ongoing, PrepareCommit, PrepareAbort, CompleteCommit, CompleteAbort: PRODUCER_FENCED
commit app 1/1 v1
  unknown: INVALID_PRODUCER_ID_MAPPING
  Empty, Ongoing, PrepareCommit, PrepareAbort, CompleteCommit, CompleteAbort: INVALID_PRODUCER_EPOCH
commit app 9/2 v3
  unknown, Empty, Ongoing, PrepareCommit, PrepareAbort, CompleteCommit, CompleteAbort: INVALID_PRODUCER_ID_MAPPING
abort app 1/2 v3
  unknown: INVALID_PRODUCER_ID_MAPPING
  Empty, PrepareCommit, CompleteCommit: INVALID_TXN_STATE
  Ongoing: NONE, record: app PrepareAbort 1/2 orders-0, markers: abort 1/2 orders-0
  PrepareAbort: waits
  CompleteAbort: NONE
abort app 1/1 v3
  unknown: INVALID_PRODUCER_ID_MAPPING
  Empty, Ongoing, PrepareCommit, PrepareAbort, CompleteCommit, CompleteAbort: PRODUCER_FENCED
abort app 1/1 v1
  unknown: INVALID_PRODUCER_ID_MAPPING
  Empty, Ongoing, PrepareCommit, PrepareAbort, CompleteCommit, CompleteAbort: INVALID_PRODUCER_EPOCH
abort app 9/2 v3
  unknown, Empty, Ongoing, PrepareCommit, PrepareAbort, CompleteCommit, CompleteAbort: INVALID_PRODUCER_ID_MAPPING
restart
  unknown, Empty, Ongoing, CompleteCommit, CompleteAbort: nothing
  PrepareCommit: markers: commit 1/2 orders-0
  PrepareAbort: markers: abort 1/2 orders-0
later 60000
  unknown, Empty, PrepareCommit, PrepareAbort, CompleteCommit, CompleteAbort: nothing
  Ongoing: record: app PrepareAbort 1/3 (was 1/2) orders-0, markers: abort 1/3 orders-0
later 604800000
  unknown, PrepareCommit, PrepareAbort: nothing
  Empty, CompleteCommit, CompleteAbort: record: app is forgotten
  Ongoing: record: app PrepareAbort 1/3 (was 1/2) orders-0, markers: abort 1/3 orders-0
`;

it("every request in every state", () => {
  expect(fill(table)).toBe(table);
});

function fill(text: string): string {
  const requests = text.split("\n").filter((line) => line !== "" && !line.startsWith("  "));
  return `\n${requests.map((request) => `${request}\n${row(request)}\n`).join("")}`;
}

/** What becomes of a request, and in which states. */
function row(request: string): string {
  const byOutcome = new Map<string, string[]>();
  for (const [state, story] of Object.entries(states)) {
    const outcome = outcomeOf(request, story);
    byOutcome.set(outcome, [...(byOutcome.get(outcome) ?? []), state]);
  }
  return [...byOutcome].map(([outcome, inStates]) => `  ${inStates.join(", ")}: ${outcome}`).join("\n");
}

function outcomeOf(request: string, story: string): string {
  const played = play(`${story}\n${request}`).split("\n");
  const events = played.slice(played.lastIndexOf(request) + 1);
  const answers = events.flatMap((event) => /^ {2}answer to ".*": (.*)$/.exec(event)?.[1] ?? []);
  const changes = events.filter((event) => !event.includes("answer to")).map((event) => event.slice(2));
  const nothing = request.includes("app") ? "waits" : "nothing";
  return [...answers, ...changes].join(", ") || nothing;
}
