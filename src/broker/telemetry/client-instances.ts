/** The clients that asked about metrics or sent some, each by the id that it goes by (KIP-714). */
import { type Random, randomUuid } from "../../platform/random.ts";
import type { Peer } from "../connection.ts";
import type { MetadataImage } from "../metadata/image.ts";
import type { RequestContext } from "../router.ts";
import { ClientInstance } from "./client-instance.ts";
import type { ClientAttributes } from "./client-match.ts";
import { Subscriptions } from "./subscriptions.ts";

/** Ids are free to choose: who was not heard of for the longest time is forgotten before there are more. */
const MAX_INSTANCES = 16_384;

export class ClientInstances {
  readonly #subscriptions: Subscriptions;
  readonly #random: Random;
  /** The one that was not heard of for the longest time comes first. */
  readonly #byId = new Map<string, ClientInstance>();
  /** The last one that came up on a connection: it goes with it, as in Apache Kafka. */
  readonly #lastOf = new WeakMap<Peer, string>();

  constructor({ image, random }: { readonly image: MetadataImage; readonly random: Random }) {
    this.#subscriptions = new Subscriptions(image);
    this.#random = random;
  }

  /** Base64url, as on the wire. */
  newId(): string {
    for (;;) {
      const id = Buffer.from(randomUuid(this.#random)).toString("base64url");
      if (!this.#byId.has(id)) return id;
    }
  }

  /** The client that says something now. With any change of subscriptions it begins anew, so that it soon learns of it, and as who asks
   * then: nothing is kept of what clients call themselves, which may be long. */
  of(id: string, context: Pick<RequestContext, "clientId" | "peer">, nowMs: number): ClientInstance {
    const instance = this.#known(id, nowMs) ?? this.#begin(id, context, nowMs);
    this.#byId.delete(id);
    this.#byId.set(id, instance);
    if (this.#byId.size > MAX_INSTANCES) {
      const [longestUnheard = id] = this.#byId.keys();
      this.#byId.delete(longestUnheard);
    }
    return instance;
  }

  #known(id: string, nowMs: number): ClientInstance | undefined {
    const instance = this.#byId.get(id);
    return instance?.version === this.#subscriptions.version && instance.hear(nowMs) ? instance : undefined;
  }

  #begin(id: string, { clientId, peer }: Pick<RequestContext, "clientId" | "peer">, nowMs: number): ClientInstance {
    if (!this.#lastOf.has(peer)) peer.onClosed.add(() => this.#byId.delete(this.#lastOf.get(peer) ?? ""));
    this.#lastOf.set(peer, id);
    const subscription = this.#subscriptions.of(attributesOf(id, clientId, peer));
    return new ClientInstance(subscription, this.#subscriptions.version, nowMs);
  }
}

function attributesOf(id: string, clientId: string, { address, software }: Peer): ClientAttributes {
  const portAt = address.lastIndexOf(":");
  return {
    client_instance_id: id,
    client_id: clientId,
    client_software_name: software.name,
    client_software_version: software.version,
    client_source_address: address.slice(0, portAt),
    client_source_port: address.slice(portAt + 1),
  };
}
