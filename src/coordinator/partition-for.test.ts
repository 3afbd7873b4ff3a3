import { expect, it } from "vitest";
import { coordinatorPartitionFor } from "./partition-for.ts";

it.each([
  ["", 0],
  ["app", 1],
  ["group-1", 49],
  // Its hash is -2^31.
  ["polygenelubricants", 0],
  // A negative hash: -1886561599.
  ["zzzzzzzzzzzzz{", 49],
  ["grüße \u{1F600}", 34],
])("%j is in the partition that Java finds for it", (key, partition) => {
  expect(coordinatorPartitionFor(key, 50)).toBe(partition);
});
