import { findCoordinator } from "../../protocol/apis/find-coordinator.ts";
import { type ErrorName, errorName } from "../../protocol/errors.ts";
import type { Api, RequestBody, ResponseOf } from "../../protocol/schema.ts";
import { OncillaError, wireError } from "../errors.ts";
import type { Cluster } from "./cluster.ts";
import type { Lane, RequestOptions } from "./lane.ts";

export type CoordinatorType = "group" | "transaction";

const keyTypes: { readonly [T in CoordinatorType]: number } = { group: 0, transaction: 1 };

/** Errors after which the coordinator has to be looked for again. */
const moved: ReadonlySet<ErrorName> = new Set<ErrorName>(["NOT_COORDINATOR", "COORDINATOR_NOT_AVAILABLE"]);

/** The way to the broker that coordinates one group or one transactional id. */
export class CoordinatorLink {
  readonly #cluster: Cluster;
  readonly #lane: Lane;
  readonly #type: CoordinatorType;
  readonly #key: string;
  #node: Promise<number> | undefined;

  constructor(cluster: Cluster, lane: Lane, type: CoordinatorType, key: string) {
    this.#cluster = cluster;
    this.#lane = lane;
    this.#type = type;
    this.#key = key;
  }

  /** Sends to the coordinator, looking for it first when need be. Rejects with DISCONNECTED or what the search gave. */
  async request<A extends Api>(api: A, body: RequestBody<A>, options?: RequestOptions): Promise<ResponseOf<A>> {
    const found = this.#find();
    try {
      return await this.#lane.request(await found, api, body, options);
    } catch (error) {
      if (error instanceof OncillaError && error.code === "DISCONNECTED") this.#forget(found);
      throw error;
    }
  }

  /** Takes note of an error in an answer: some say that the coordinator is elsewhere. */
  noteError(error: ErrorName): void {
    if (moved.has(error)) this.#node = undefined;
  }

  #find(): Promise<number> {
    if (!this.#node) {
      const search = this.#search();
      this.#node = search;
      search.catch(() => this.#forget(search));
    }
    return this.#node;
  }

  /** Only what a caller used: a newer search stays. */
  #forget(found: Promise<number>): void {
    if (this.#node === found) this.#node = undefined;
  }

  async #search(): Promise<number> {
    const body = { key: this.#key, keyType: keyTypes[this.#type], coordinatorKeys: [this.#key] };
    const response = await this.#cluster.requestAny(this.#lane, findCoordinator, body);
    // Before v4 the answer itself is the only coordinator.
    const { nodeId, host, port, errorCode, errorMessage } = response.coordinators[0] ?? response;
    const error = errorName(errorCode);
    if (error !== "NONE") throw wireError(error, `the ${this.#type} coordinator of ${this.#key}`, errorMessage);
    this.#cluster.metadata.learnBroker({ nodeId, host, port });
    return nodeId;
  }
}
