import { randomBytes } from "node:crypto";
import type { Random } from "../random.ts";

export const nodeRandom: Random = {
  float: () => Math.random(),
  bytes: (length: number) => new Uint8Array(randomBytes(length)),
};
