/** One end of a simulated connection. */
import { crc32c } from "@node-rs/crc32";
import { defined } from "../../src/platform/assert.ts";
import type { Dice } from "../../src/platform/dice.ts";
import { type Connection, type ConnectionHandler, NetworkError } from "../../src/platform/network.ts";
import type { NetworkConditions } from "./network.ts";
import type { Life } from "./process.ts";
import type { Scheduler } from "./scheduler.ts";
import type { Trace } from "./trace.ts";

/** What endpoints need of the network. */
export interface Wire {
  readonly conditions: NetworkConditions;
  readonly dice: Dice;
  readonly scheduler: Scheduler;
  readonly trace: Trace | undefined;
  delayMs(): number;
  isCut(from: string, to: string): boolean;
  /** Whether the host's machine is without power: its kernel answers nothing. */
  isDark(host: string): boolean;
  ended(endpoint: Endpoint): void;
}

/** How likely the news of a process's death overtakes what it has sent, which is lost then. */
const OVERTAKING_PROBABILITY = 0.5;
/** How likely a chunk arrives in two pieces. */
const SPLIT_PROBABILITY = 0.1;

export class Endpoint implements Connection {
  readonly life: Life;
  readonly peerHost: string;
  readonly remoteAddress: string;
  readonly #wire: Wire;
  readonly #forgetDeath: () => void;
  #peer: Endpoint | undefined;
  #handler: ConnectionHandler | undefined;
  /** Arrived and not delivered: before `open`, while paused or stalled. */
  #arrived: Uint8Array[] = [];
  /** Written while the network was cut. It gets there when the network is whole again, also when the connection was closed or
   * its process was killed meanwhile. */
  #held: Uint8Array[] = [];
  /** How much longer than others' its way is. */
  #detourMs = 0;
  /** Sent and not delivered to the peer's owner. */
  #outstandingBytes = 0;
  #isDrainWanted = false;
  #isPaused = false;
  #isDeliveryScheduled = false;
  #state: "open" | "closed" | "told" = "open";
  #closeError: NetworkError | undefined;
  /** What is sent arrives in order: never before what was sent earlier. */
  #lastArrivalMs = 0;

  constructor(wire: Wire, life: Life, peerHost: string, remoteAddress: string) {
    this.#wire = wire;
    this.life = life;
    this.peerHost = peerHost;
    this.remoteAddress = remoteAddress;
    this.#forgetDeath = life.onDeath(() => this.#die());
  }

  get #other(): Endpoint {
    return defined(this.#peer, "both ends are joined before either is used");
  }

  get #isCut(): boolean {
    return this.#wire.isCut(this.life.host, this.peerHost);
  }

  join(peer: Endpoint): void {
    this.#peer = peer;
    peer.#peer = this;
  }

  open(handler: ConnectionHandler): void {
    this.#handler = handler;
    this.#scheduleDelivery();
  }

  write(chunks: readonly Uint8Array[], onSent?: () => void): boolean {
    if (this.#state !== "open" || !this.life.step()) return false;
    const bytes = Buffer.concat(chunks);
    onSent?.();
    this.#outstandingBytes += bytes.length;
    this.#send(bytes);
    if (this.#outstandingBytes <= this.#wire.conditions.windowBytes) return true;
    this.#isDrainWanted = true;
    return false;
  }

  /** Chunks are copied at once; but as with a real socket, what does not fit into the window stays with the sender. */
  get unsentBytes(): number {
    return Math.max(0, this.#outstandingBytes - this.#wire.conditions.windowBytes);
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#scheduleDelivery();
  }

  end(): void {
    this.destroy();
  }

  destroy(): void {
    if (this.#state !== "open" || !this.life.isAlive) return;
    this.#arrived = [];
    this.#close();
    this.#leave();
  }

  /** The connection is lost: what is under way does not arrive, and both sides notice, or one of them only later. */
  fail(): void {
    const { dice, conditions } = this.#wire;
    const [first, second] = dice.chance(0.5) ? [this, this.#other] : [this.#other, this];
    first.#lose();
    if (!dice.chance(conditions.halfOpenProbability)) second.#lose();
  }

  /** The network may be whole again. */
  sendHeld(): void {
    if (this.#held.length === 0 || this.#isCut) return;
    const held = this.#held;
    this.#held = [];
    for (const bytes of held) this.#send(bytes);
    if (this.#state !== "open") this.#leave();
  }

  detour(delayMs: number): void {
    this.#detourMs = delayMs;
  }

  /** What was written is on its way, and arrives before the end does. */
  #leave(): void {
    if (this.#held.length > 0) return;
    this.#wire.ended(this);
    if (!this.#isCut && !this.#wire.isDark(this.life.host)) this.#arriveLater(() => this.#other.#over());
  }

  #lose(): void {
    this.#over(new NetworkError("ECONNRESET", `${this.remoteAddress}: ECONNRESET`));
  }

  /** The other side is not there any more. */
  #over(error?: NetworkError): void {
    this.#held = [];
    this.#wire.ended(this);
    this.#close(error);
  }

  #send(bytes: Uint8Array): void {
    const { dice, conditions, trace } = this.#wire;
    if (this.#isCut) {
      this.#held.push(bytes);
      return;
    }
    if (conditions.resetProbability > 0 && dice.chance(conditions.resetProbability)) {
      trace?.note(this.life.host, `${bytes.length} bytes to ${this.remoteAddress} lost: connection reset`);
      this.#arriveLater(() => this.fail());
      return;
    }
    trace?.note(this.life.host, `sends ${bytes.length} bytes to ${this.remoteAddress} crc ${crc32c(bytes)}`);
    const split = bytes.length > 1 && dice.chance(SPLIT_PROBABILITY) ? dice.int(1, bytes.length - 1) : bytes.length;
    this.#arriveLater(() => this.#other.#arrive(bytes.subarray(0, split)));
    if (split < bytes.length) this.#arriveLater(() => this.#other.#arrive(bytes.subarray(split)));
  }

  /** Once everything sent before is there, and some time has passed. */
  #arriveLater(run: () => void): void {
    const { scheduler } = this.#wire;
    const arrivalMs = scheduler.nowMs + this.#wire.delayMs() + this.#detourMs;
    this.#lastArrivalMs = Math.max(this.#lastArrivalMs, arrivalMs);
    scheduler.schedule(this.#lastArrivalMs - scheduler.nowMs, run);
  }

  #arrive(bytes: Uint8Array): void {
    if (this.#state !== "open") {
      this.#tellPeer();
      return;
    }
    this.#arrived.push(bytes);
    if (this.life.isStalled) this.#scheduleDelivery();
    else this.life.run(() => this.#deliver());
  }

  /** Nobody is there any more: the kernel says so, unless its machine has no power. */
  #tellPeer(): void {
    if (this.#isCut || this.#wire.isDark(this.life.host)) return;
    if (this.#wire.dice.chance(this.#wire.conditions.halfOpenProbability)) return;
    this.#arriveLater(() => this.#other.#lose());
  }

  #scheduleDelivery(): void {
    if (this.#isDeliveryScheduled) return;
    this.#isDeliveryScheduled = true;
    this.life.later(0, () => {
      this.#isDeliveryScheduled = false;
      this.#deliver();
    });
  }

  #deliver(): void {
    const handler = this.#handler;
    if (!handler || !this.life.isAlive) return;
    while (!this.#isPaused && this.#state !== "told") {
      const bytes = this.#arrived.shift();
      if (!bytes) break;
      this.#other.#taken(bytes.length);
      handler.onData(bytes);
      // As it is with a real one: nobody may keep it.
      bytes.fill(0xa5);
    }
    if (this.#state !== "closed" || this.#arrived.length > 0) return;
    this.#state = "told";
    if (this.#closeError) handler.onClose(this.#closeError);
    else handler.onClose();
  }

  #taken(sizeBytes: number): void {
    this.#outstandingBytes -= sizeBytes;
    if (!this.#isDrainWanted || this.#outstandingBytes > this.#wire.conditions.windowBytes) return;
    this.#isDrainWanted = false;
    this.life.later(0, () => {
      if (this.#state === "open") this.#handler?.onDrain?.();
    });
  }

  #close(error?: NetworkError): void {
    if (this.#state !== "open" || !this.life.isAlive) return;
    this.#state = "closed";
    this.#closeError = error;
    if (error) this.#arrived = [];
    this.#forgetDeath();
    this.#scheduleDelivery();
  }

  /** The process is gone. When the machine went with it, the other side finds out by what it sends, or never. */
  #die(): void {
    if (this.#state !== "open") return;
    this.#state = "closed";
    if (this.#wire.isDark(this.life.host)) this.#held = [];
    if (this.#held.length > 0) return;
    this.#wire.ended(this);
    if (this.#wire.dice.chance(OVERTAKING_PROBABILITY)) this.#lastArrivalMs = 0;
    this.#tellPeer();
  }
}
