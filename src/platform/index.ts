/** The world outside, as brokers, clients and streams see it: for programs that bring one of their own (a simulated
 * clock, a disk that fails, a logger). */
export type { Clock, Timer } from "./clock.ts";
export { type Disk, DiskError, type DiskFile, type DiskVolume, type FolderLock } from "./disk.ts";
export { type Logger, type LogLevel, silentLogger } from "./logger.ts";
export { MemoryDisk } from "./memory-disk.ts";
export type { Metric, MetricsEndpoint, Sample } from "./metrics.ts";
export { type Connection, type ConnectionHandler, type Listener, type Network, NetworkError } from "./network.ts";
export { nodePlatform } from "./node/index.ts";
export { stderrLogger } from "./node/logger.ts";
export type { Platform } from "./platform.ts";
export type { Random } from "./random.ts";
