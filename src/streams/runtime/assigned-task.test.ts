import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { silentLogger } from "../../platform/logger.ts";
import { nodeDisk } from "../../platform/node/disk.ts";
import { nodeRandom } from "../../platform/node/random.ts";
import { StreamsBuilder } from "../dsl/streams-builder.ts";
import { StoreDamagedError, type StoreEngines } from "../stores/engine.ts";
import { sqliteEngines } from "../stores/sqlite-engine.ts";
import { AssignedTask } from "./assigned-task.ts";
import { StateDirectory } from "./state-directory.ts";

const id = { subtopology: 0, partition: 0 };
const sqlite = sqliteEngines(nodeDisk);

let stateDir: string;

beforeEach(() => {
  stateDir = mkdtempSync(join(tmpdir(), "oncilla-task-"));
});
afterEach(() => rmSync(stateDir, { recursive: true }));

function directory(): StateDirectory {
  return new StateDirectory(stateDir, "app", nodeDisk, nodeRandom);
}

function isLocked(): boolean {
  const folder = directory().takeTask(id);
  folder?.release();
  return folder === undefined;
}

/** A task with a store. */
function newTask(engines: StoreEngines): AssignedTask {
  const builder = new StreamsBuilder();
  builder.stream("items").groupByKey().count({ store: "by-id" });
  const changelog = {
    topic: "app-by-id-changelog",
    partition: 0,
    leader: 0,
    leaderEpoch: 0,
    replicas: [],
    inSyncReplicas: [],
  };
  const { topic } = changelog;
  return new AssignedTask(id, [{ topic: "items", partition: 0 }], {
    topology: builder.build(),
    applicationId: "app",
    internalTopics: new Map([[topic, { topic, topicId: "id", isInternal: false, partitions: [changelog] }]]),
    engines,
    stateDirectory: directory(),
    readCacheBytes: () => 0,
    output: { send: () => {}, sendChangelog: () => {} },
    handlers: {},
    logger: silentLogger,
  });
}

describe("a task's folder", () => {
  it("is still the task's when a store that could not be opened is opened again", () => {
    let failures = 2;
    const task = newTask({
      ...sqlite,
      open(folder, store) {
        if (failures-- > 0) throw new StoreDamagedError(folder, store, "cannot be read");
        return sqlite.open(folder, store);
      },
    });
    expect(() => task.tryOpen()).toThrow(StoreDamagedError);
    expect(task.tryOpen()).toBe(true);
    expect(task.stores).toHaveLength(1);
    expect(isLocked()).toBe(true);
    task.close();
    expect(isLocked()).toBe(false);
  });

  it("is free again when its store cannot be closed", () => {
    const task = newTask({
      ...sqlite,
      open(folder, store) {
        const engine = sqlite.open(folder, store);
        const close = engine.close.bind(engine);
        return Object.assign(engine, {
          close() {
            close();
            throw new Error("cannot be closed");
          },
        });
      },
    });
    task.tryOpen();
    expect(() => task.close()).toThrow("cannot be closed");
    expect(isLocked()).toBe(false);
    expect(task.phase).toBe("closed");
  });
});
