import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["src/**/*.test.ts", "test/**/*.test.ts", "sim/**/*.test.ts", "fuzz/**/*.test.ts"],
    // Forks, so that a test may spawn, kill and lock without disturbing its neighbours.
    pool: "forks",
    // Tests mostly wait: for disks, timers and processes of their own.
    maxWorkers: Math.max(3, availableParallelism() - 1),
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
});
