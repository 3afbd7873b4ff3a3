/** One client's connection: frames in, replies out in the order of the requests. */
import type { Clock } from "../platform/clock.ts";
import type { Logger } from "../platform/logger.ts";
import type { Connection, ConnectionHandler, NetworkError } from "../platform/network.ts";
import { ProtocolError } from "../protocol/protocol-error.ts";
import { FrameReader } from "./frame-reader.ts";

/** What a connection may take up before it is not read any further. */
export interface ConnectionLimits {
  readonly maxRequestBytes: number;
  /** Requests without a reply. */
  readonly maxInFlightRequests: number;
  /** Replies that wait for an earlier one, or for this turn's end. */
  readonly maxHeldBytes: number;
}

/** The connection as the handlers of its requests see it. */
export interface Peer {
  /** For messages: "127.0.0.1:54321". */
  readonly address: string;
  readonly isClosed: boolean;
  /** Called once the connection is gone. A handler that waits puts its clean-up here, and takes it out when done. */
  readonly onClosed: Set<() => void>;
  /** Sends what is ready and ends the connection. */
  end(): void;
}

/** Handles one request. `frame` is valid during the call only. `reply` is called once, during the call or later, with
 * a whole response frame in pieces, or with nothing for a request that is answered by silence. A ProtocolError, thrown
 * or passed to `fail`, ends the connection. */
export type RequestDispatcher = (
  frame: Buffer,
  peer: Peer,
  reply: (pieces: readonly Uint8Array[]) => void,
  fail: (error: unknown) => void,
) => void;

/** A request's place in the order of replies. */
interface Slot {
  pieces: readonly Uint8Array[] | undefined;
}

export class ClientConnection implements ConnectionHandler, Peer {
  readonly address: string;
  readonly onClosed: Set<() => void> = new Set();
  readonly #connection: Connection;
  readonly #dispatch: RequestDispatcher;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #limits: ConnectionLimits;
  readonly #frames: FrameReader;
  /** Requests without a sent reply, oldest first, from `#firstSlot` on. */
  #slots: Slot[] = [];
  #firstSlot = 0;
  /** Replies ready to be written. */
  #outgoing: Uint8Array[] = [];
  /** Bytes of replies that are not handed to the network yet. */
  #heldBytes = 0;
  #isInTurn = false;
  #isFlushScheduled = false;
  #isSocketFull = false;
  #isPaused = false;
  #isClosed = false;
  /** Set once no further request is taken. */
  #onDrained: (() => void) | undefined;

  constructor(options: {
    readonly connection: Connection;
    readonly dispatch: RequestDispatcher;
    readonly clock: Clock;
    readonly logger: Logger;
    readonly limits: ConnectionLimits;
  }) {
    this.#connection = options.connection;
    this.#dispatch = options.dispatch;
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#limits = options.limits;
    this.#frames = new FrameReader(options.limits.maxRequestBytes);
    this.address = options.connection.remoteAddress;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Starts to read. */
  open(): void {
    this.#connection.open(this);
  }

  onData(chunk: Uint8Array): void {
    if (this.#isClosed || this.#onDrained) return;
    this.#frames.push(chunk);
    this.#turn();
  }

  onDrain(): void {
    this.#isSocketFull = false;
    this.#resumeIfPossible();
  }

  onClose(error?: NetworkError): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (error) this.#logger.log("debug", "connection lost", { client: this.address, error: error.message });
    this.#slots = [];
    this.#firstSlot = 0;
    this.#outgoing = [];
    const listeners = [...this.onClosed];
    this.onClosed.clear();
    for (const listener of listeners) listener();
    this.#onDrained?.();
  }

  /** Takes no further request; resolves when every one taken has been answered, or the connection is gone. */
  drain(): Promise<void> {
    return new Promise((resolve) => {
      this.#onDrained = resolve;
      if (this.#isClosed) resolve();
      else this.#checkDrained();
    });
  }

  /** Resolves when the connection is gone, which the client has a say in. */
  end(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#isClosed) {
        resolve();
        return;
      }
      this.onClosed.add(resolve);
      this.#flush();
      this.#connection.end();
      // The client's end is behind what it sent.
      this.#connection.resume();
    });
  }

  /** Ends the connection at once. */
  destroy(): void {
    this.#connection.destroy();
    this.onClose();
  }

  /** Handles the frames at hand, as far as the limits allow, and writes the replies in one call. */
  #turn(): void {
    this.#isInTurn = true;
    try {
      while (!this.#isOverLimits()) {
        const frame = this.#frames.next();
        if (!frame) break;
        this.#take(frame);
      }
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#isInTurn = false;
      this.#frames.settle();
    }
    this.#flush();
    if (!this.#isPaused && this.#isOverLimits()) {
      this.#isPaused = true;
      this.#connection.pause();
    }
  }

  #take(frame: Buffer): void {
    const slot: Slot = { pieces: undefined };
    this.#slots.push(slot);
    this.#dispatch(
      frame,
      this,
      (pieces) => this.#reply(slot, pieces),
      (error) => this.#fail(error),
    );
  }

  #reply(slot: Slot, pieces: readonly Uint8Array[]): void {
    if (this.#isClosed) return;
    slot.pieces = pieces;
    for (const piece of pieces) this.#heldBytes += piece.length;
    if (this.#slots[this.#firstSlot] !== slot) return;
    this.#collectReady();
    if (this.#isInTurn || this.#isFlushScheduled) return;
    // Many replies come at once when a sync ends: those of one turn of the event loop leave together.
    this.#isFlushScheduled = true;
    this.#clock.setImmediate(() => {
      this.#isFlushScheduled = false;
      this.#flush();
      this.#resumeIfPossible();
    });
  }

  /** Moves the replies that are next in order to `#outgoing`. */
  #collectReady(): void {
    for (;;) {
      const pieces = this.#slots[this.#firstSlot]?.pieces;
      if (!pieces) break;
      for (const piece of pieces) this.#outgoing.push(piece);
      this.#firstSlot++;
    }
    if (this.#firstSlot === this.#slots.length) {
      this.#slots = [];
      this.#firstSlot = 0;
    } else if (this.#firstSlot > 1024) {
      this.#slots = this.#slots.slice(this.#firstSlot);
      this.#firstSlot = 0;
    }
  }

  #flush(): void {
    if (this.#isClosed) return;
    if (this.#outgoing.length > 0) {
      for (const piece of this.#outgoing) this.#heldBytes -= piece.length;
      const outgoing = this.#outgoing;
      this.#outgoing = [];
      if (!this.#connection.write(outgoing)) this.#isSocketFull = true;
    }
    this.#checkDrained();
  }

  #checkDrained(): void {
    if (this.#onDrained && this.#slots.length === 0 && this.#outgoing.length === 0) this.#onDrained();
  }

  #isOverLimits(): boolean {
    return (
      this.#isSocketFull ||
      this.#isClosed ||
      this.#onDrained !== undefined ||
      this.#heldBytes > this.#limits.maxHeldBytes ||
      this.#slots.length - this.#firstSlot >= this.#limits.maxInFlightRequests
    );
  }

  #resumeIfPossible(): void {
    if (!this.#isPaused || this.#isOverLimits()) return;
    // Frames that arrived before the pause come first.
    this.#turn();
    if (this.#isOverLimits()) return;
    this.#isPaused = false;
    this.#connection.resume();
  }

  #fail(error: unknown): void {
    if (this.#isClosed) return;
    if (error instanceof ProtocolError) {
      this.#logger.log("warn", "connection closed: malformed request", { client: this.address, error: error.message });
    } else {
      this.#logger.log("error", "connection closed: a request failed", { client: this.address, error });
    }
    this.destroy();
  }
}
