import { expect, it } from "vitest";
import type { Topic } from "../metadata/image.ts";
import { CommitTargets } from "./commit-targets.ts";

const topic: Topic = {
  id: "4pDa7E0AQS6hJEFRVPTXMQ",
  name: "t",
  partitionCount: 1,
  configs: new Map(),
  isDeleted: false,
  openedCount: 1,
};
const image = { topic: (name: string) => (name === "t" ? topic : undefined), topicById: () => undefined };

it("the answers for hundreds of thousands of topics are put together at once, each in its place", () => {
  const asked = Array.from({ length: 300_000 }, (_, i) => ({
    name: i % 3 === 0 ? "missing" : "t",
    topicId: "",
    partitions: [{ partitionIndex: 0 }],
  }));
  const targets = new CommitTargets(image, asked, false);
  const results = targets.valid.map((_, i) => ({ partitions: [{ partitionIndex: 0, errorCode: i }] }));
  const startedAt = performance.now();
  const merged = targets.merge(results);
  expect(performance.now() - startedAt).toBeLessThan(5_000);
  expect(merged.slice(0, 6).map(({ partitions }) => partitions[0]?.errorCode)).toEqual([3, 0, 1, 3, 2, 3]);
  expect(merged.at(-1)?.partitions[0]?.errorCode).toBe(199_999);
});
