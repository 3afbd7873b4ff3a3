/** The records and the clients that workloads are made of. */
import type { RdkafkaLoad } from "../harness/rdkafka-load.ts";
import type { Tools } from "../harness/tools.ts";

export type Client = "java" | "librdkafka";

export const clients: readonly Client[] = ["java", "librdkafka"];

export interface RecordShape {
  readonly name: string;
  readonly sizeBytes: number;
  /** In one run. */
  readonly records: number;
}

export const kibibyte: RecordShape = { name: "1KiB", sizeBytes: 1024, records: 2 ** 20 };
const hundredBytes: RecordShape = { name: "100B", sizeBytes: 100, records: 3_000_000 };
export const recordShapes: readonly RecordShape[] = [kibibyte, hundredBytes];

export function bytesOf(records: number, shape: RecordShape): number {
  return records * shape.sizeBytes;
}

export function unavailableClient(client: Client, tools: Tools): string | undefined {
  return client === "librdkafka" && typeof tools.rdkafka === "string" ? tools.rdkafka : undefined;
}

export function rdkafkaOf(tools: Tools): RdkafkaLoad {
  if (typeof tools.rdkafka === "string") throw new Error(tools.rdkafka);
  return tools.rdkafka;
}
