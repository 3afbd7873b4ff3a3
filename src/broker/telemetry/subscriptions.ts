/** What the cluster's operators want of clients' metrics, and what that is for one client (KIP-714). */
import { crc32c } from "@node-rs/crc32";
import type { MetadataImage } from "../metadata/image.ts";
import { type ClientAttributes, type ClientMatch, isFor, parseMatch } from "./client-match.ts";

/** What one client is asked for. */
export interface Subscription {
  /** Another one, but for chance, for other metrics, another interval or another client. */
  readonly id: number;
  /** Prefixes of their names, sorted; `*`, alone, for all. */
  readonly metrics: readonly string[];
  readonly pushIntervalMs: number;
}

interface Wish {
  readonly metrics: readonly string[];
  readonly pushIntervalMs: number;
  readonly match: ClientMatch;
}

const ALL_METRICS = "*";
/** Also of clients of which nothing is wanted: so often they may ask. */
const DEFAULT_INTERVAL_MS = 5 * 60 * 1000;

export class Subscriptions {
  readonly #image: MetadataImage;
  #wishes: readonly Wish[] = [];
  #wishesVersion = -1;

  constructor(image: MetadataImage) {
    this.#image = image;
  }

  /** Grows with every change, whichever clients it is about. */
  get version(): number {
    return this.#image.clientMetricsVersion;
  }

  /** All that any wish has for the client, as often as the most frequent one. */
  of(client: ClientAttributes): Subscription {
    const wishes = this.#current().filter(({ match }) => isFor(match, client));
    const wanted = new Set(wishes.flatMap(({ metrics }) => metrics));
    const metrics = wanted.has(ALL_METRICS) ? [ALL_METRICS] : [...wanted].sort();
    const pushIntervalMs = Math.min(DEFAULT_INTERVAL_MS, ...wishes.map((wish) => wish.pushIntervalMs));
    // Apache Kafka's formula: a client may come from a broker of its kind. There the order of several metrics is that of a Java set.
    const id = crc32c(`[${metrics.join(", ")}]${pushIntervalMs}`) ^ hashOf(client.client_instance_id);
    return { id, metrics, pushIntervalMs };
  }

  #current(): readonly Wish[] {
    const image = this.#image;
    if (this.#wishesVersion !== image.clientMetricsVersion) {
      this.#wishes = image
        .configured("client-metrics")
        .map((name) => wishOf(image.configsOf("client-metrics", name)))
        .filter((wish) => wish !== undefined);
      this.#wishesVersion = image.clientMetricsVersion;
    }
    return this.#wishes;
  }
}

/** Nothing for a pattern that an earlier release took and RE2 does not: it is for no client. */
function wishOf(configs: ReadonlyMap<string, string>): Wish | undefined {
  const match = parseMatch(configs.get("match") ?? "");
  if ("problem" in match) return undefined;
  const metrics = configs.get("metrics") ?? "";
  return {
    metrics: metrics === "" ? [] : metrics.split(","),
    pushIntervalMs: Number(configs.get("interval.ms") ?? DEFAULT_INTERVAL_MS),
    match,
  };
}

/** Java's hash code of a UUID. */
function hashOf(uuid: string): number {
  const bytes = Buffer.from(uuid, "base64url");
  return bytes.readInt32BE(0) ^ bytes.readInt32BE(4) ^ bytes.readInt32BE(8) ^ bytes.readInt32BE(12);
}
