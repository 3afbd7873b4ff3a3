/** What a client may send when, of its metrics (KIP-714). A pure state. */
import type { pushTelemetry } from "../../protocol/apis/push-telemetry.ts";
import type { ErrorName } from "../../protocol/errors.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import { compressionCodes, decompress } from "../../protocol/records/compression.ts";
import type { RequestOf } from "../../protocol/schema.ts";
import type { Subscription } from "./subscriptions.ts";

type Push = Pick<RequestOf<typeof pushTelemetry>, "subscriptionId" | "terminating" | "compressionType" | "metrics">;

/** Of one push, compressed and not. */
export const MAX_PUSH_BYTES: number = 1024 * 1024;

const MIN_KEPT_MS = 60_000;
const NEVER_MS = Number.NEGATIVE_INFINITY;
const knownCompressions: readonly number[] = Object.values(compressionCodes);
/** After these a client has to ask anew what it should do. */
const asksAnewAfter: readonly ErrorName[] = ["UNKNOWN_SUBSCRIPTION_ID", "UNSUPPORTED_COMPRESSION_TYPE"];

export class ClientInstance {
  readonly subscription: Subscription;
  /** Of all subscriptions, when this one was made. */
  readonly version: number;
  #heardMs: number;
  #askedMs = NEVER_MS;
  #pushedMs = NEVER_MS;
  #isTerminating = false;
  #lastError: ErrorName = "NONE";

  constructor(subscription: Subscription, version: number, nowMs: number) {
    this.subscription = subscription;
    this.version = version;
    this.#heardMs = nowMs;
  }

  /** A word from the client; false when it comes so late that the client is forgotten. */
  hear(nowMs: number): boolean {
    const silenceMs = nowMs - this.#heardMs;
    this.#heardMs = nowMs;
    return silenceMs < Math.max(MIN_KEPT_MS, 3 * this.subscription.pushIntervalMs);
  }

  /** Once in an interval, and after errors that say so. The latter does not count as having asked. */
  ask(nowMs: number): ErrorName {
    const isDue = nowMs - Math.max(this.#askedMs, this.#pushedMs) >= this.subscription.pushIntervalMs;
    if (!isDue && !asksAnewAfter.includes(this.#lastError)) return "THROTTLING_QUOTA_EXCEEDED";
    if (isDue) this.#askedMs = nowMs;
    this.#lastError = "NONE";
    return "NONE";
  }

  /** Once in an interval, which having asked does not begin. The last push of one that ends may come at any time; the one behind it is
   * refused, and counts as the client's word on whether it ends. */
  push(push: Push, nowMs: number): ErrorName {
    this.#lastError = this.#verdictOn(push, nowMs);
    this.#isTerminating = push.terminating;
    return this.#lastError;
  }

  #verdictOn({ subscriptionId, terminating, compressionType, metrics }: Push, nowMs: number): ErrorName {
    if (this.#isTerminating) return "INVALID_REQUEST";
    const { id, pushIntervalMs } = this.subscription;
    const isDue = nowMs - this.#pushedMs >= pushIntervalMs;
    if (isDue) this.#pushedMs = nowMs;
    else if (!terminating) return "THROTTLING_QUOTA_EXCEEDED";
    if (subscriptionId !== id) return "UNKNOWN_SUBSCRIPTION_ID";
    if (!knownCompressions.includes(compressionType)) return "UNSUPPORTED_COMPRESSION_TYPE";
    if (metrics.length > MAX_PUSH_BYTES) return "TELEMETRY_TOO_LARGE";
    return metrics.length === 0 || isReadable(compressionType, metrics) ? "NONE" : "INVALID_RECORD";
  }
}

function isReadable(compressionType: number, metrics: Uint8Array): boolean {
  try {
    decompress(compressionType, Buffer.from(metrics.buffer, metrics.byteOffset, metrics.byteLength), MAX_PUSH_BYTES);
    return true;
  } catch (error) {
    if (error instanceof ProtocolError) return false;
    throw error;
  }
}
