/** oncilla/testing: for your own tests. A cluster in memory, and topologies without any. */
export type { TestDriverOptions, TestInput, TestOutput, TestRecord } from "../streams/test-driver.ts";
export { TopologyTestDriver } from "../streams/test-driver.ts";
export { type ReadOptions, TestCluster, type TestClusterOptions, type TopicRecord } from "./test-cluster.ts";
