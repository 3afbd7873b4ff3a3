/** One client's connection: frames in, replies out in the order of the requests. */
import type { Clock, Timer } from "../platform/clock.ts";
import type { Logger } from "../platform/logger.ts";
import type { Connection, ConnectionHandler, NetworkError } from "../platform/network.ts";
import { ProtocolError } from "../protocol/protocol-error.ts";
import { FIRST_GATHERING_BYTES, FrameReader } from "./frame-reader.ts";
import { type LateBytes, readLate, writeLate } from "./late-bytes.ts";
import type { Endpoint } from "./listeners.ts";
import type { LogLimiter } from "./log-limiter.ts";
import type { MemoryBudget } from "./memory-budget.ts";

/** What a connection may take up before it is not read any further. */
export interface ConnectionLimits {
  readonly maxRequestBytes: number;
  /** Requests without a reply. */
  readonly maxInFlightRequests: number;
  /** Replies that the client has not taken, or that wait for an earlier one. */
  readonly maxHeldBytes: number;
  /** Of all connections: requests that are being received or served. */
  readonly requestMemory: MemoryBudget;
  /** Of all connections: replies that the clients have not taken. */
  readonly replyMemory: MemoryBudget;
}

/** Of requests, in memory of the connection's own: small ones are read however much the others take up. */
const OWN_REQUEST_BYTES = FIRST_GATHERING_BYTES;
/** What a timer can do: 24 days. */
const MAX_MUTE_MS = 2 ** 31 - 1;

/** What a client says that it is (KIP-511). */
export interface ClientSoftware {
  readonly name: string;
  readonly version: string;
}

export const UNKNOWN_SOFTWARE: ClientSoftware = { name: "unknown", version: "unknown" };

/** The connection as the handlers of its requests see it. */
export interface Peer {
  /** For messages: "127.0.0.1:54321". */
  readonly address: string;
  /** Of the listener that the client came through: where it can reach this broker again. */
  readonly endpoint: Endpoint;
  /** As the last ApiVersions said. */
  software: ClientSoftware;
  readonly isClosed: boolean;
  /** Called once the connection is gone. A handler that waits puts its clean-up here, and takes it out when done. */
  readonly onClosed: Set<() => void>;
  /** What a large reply should keep to, so that those that wait to be taken stay within bounds; 0: nothing more now. */
  readonly replyRoomBytes: number;
  /** Takes no request for so long, but sends replies (KIP-219). */
  mute(durationMs: number): void;
  /** Sends what is ready and ends the connection. */
  end(): void;
}

/** Handles one request. `frame` is valid during the call only. `reply` is called once, during the call or later, with
 * a whole response frame in pieces, or with nothing for a request that is answered by silence. A ProtocolError, thrown or
 * passed to `fail`, ends the connection. Gives whether the connection's next request has to wait for the reply. */
export type RequestDispatcher = (
  frame: Buffer,
  peer: Peer,
  reply: (pieces: readonly Uint8Array[], sending?: Sending) => void,
  fail: (error: unknown) => void,
) => boolean;

/** How a reply with large pieces goes out. */
export interface Sending {
  /** Of its pieces, those that are still to be read. */
  readonly late: LateBytes;
  /** Called, if it comes to that, when nobody needs the pieces any more. */
  readonly onSent: () => void;
}

/** A request's place in the order of replies. */
interface Slot {
  readonly requestBytes: number;
  pieces: readonly Uint8Array[] | undefined;
  sending: Sending | undefined;
}

export class ClientConnection implements ConnectionHandler, Peer {
  readonly address: string;
  readonly endpoint: Endpoint;
  software: ClientSoftware = UNKNOWN_SOFTWARE;
  readonly onClosed: Set<() => void> = new Set();
  readonly #connection: Connection;
  readonly #dispatch: RequestDispatcher;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #complaints: LogLimiter;
  readonly #limits: ConnectionLimits;
  readonly #frames: FrameReader;
  /** Requests without a sent reply, oldest first, from `#firstSlot` on. */
  #slots: Slot[] = [];
  #firstSlot = 0;
  /** Replies ready to be written. */
  #outgoing: Uint8Array[] = [];
  /** Of those replies. */
  #onSent: (() => void)[] = [];
  /** Of those replies, in this turn of the event loop. */
  #late: LateBytes | undefined;
  /** Bytes of replies that are not handed to the network yet. */
  #heldBytes = 0;
  /** Bytes that the network has and the client does not take. */
  #queuedBytes = 0;
  /** The request that others wait for. */
  #waitedFor: Slot | undefined;
  /** Frames without a reply, and the one that is being gathered. */
  #requestBytes = 0;
  #gatheringBytes = 0;
  /** Of both, taken from the request memory: what goes beyond the connection's own. */
  #sharedBytes = 0;
  /** When something last came in or went out. */
  #lastActiveMs: number;
  /** When the frame that is being gathered was begun, or last needed more memory. */
  #gatheredMs = 0;
  #isInTurn = false;
  #isFlushScheduled = false;
  #isWriting = false;
  #isSocketFull = false;
  #isPaused = false;
  #isClosed = false;
  #mutedUntilMs = 0;
  #unmute: Timer | undefined;
  /** False from the start of its end on: what still comes is thrown away. */
  #takesRequests = true;
  #onDrained: (() => void) | undefined;

  constructor(options: {
    readonly connection: Connection;
    readonly endpoint: Endpoint;
    readonly dispatch: RequestDispatcher;
    readonly clock: Clock;
    readonly logger: Logger;
    /** Where lines about what the client did wrong go. */
    readonly complaints: LogLimiter;
    readonly limits: ConnectionLimits;
  }) {
    this.#connection = options.connection;
    this.endpoint = options.endpoint;
    this.#dispatch = options.dispatch;
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#complaints = options.complaints;
    this.#limits = options.limits;
    this.#frames = new FrameReader(options.limits.maxRequestBytes);
    this.#lastActiveMs = options.clock.monotonic();
    this.address = options.connection.remoteAddress;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  get replyRoomBytes(): number {
    if (this.#heldBytes + this.#queuedBytes > this.#limits.maxHeldBytes || this.#owesTooMuch) return 0;
    // A part of what is left to all, so that it lasts for others too; never nothing, so that everybody gets on.
    return Math.max(1, Math.floor(this.#limits.replyMemory.freeBytes / 4));
  }

  /** Whether nothing came or went since then, and the client waits for no answer; or does not take the one it has; or has not
   * gone on with a request since `requestTimeMs`: a byte from time to time does not count. */
  isIdleSince(timeMs: number, requestTimeMs: number): boolean {
    const isMuted = this.#unmute !== undefined;
    // It is us who do not read. While it is muted, which may be for weeks, nobody would hear that the client is gone, though.
    const isClientsTurn = this.#isSocketFull || this.#queuedBytes > 0;
    if (this.#isPaused && !isClientsTurn && !isMuted) return false;
    if (!isMuted && this.#frames.isGathering && this.#gatheredMs < requestTimeMs) return true;
    if (this.#lastActiveMs >= timeMs) return false;
    // A reply may be on its way to the socket.
    return isClientsTurn || (this.#firstSlot === this.#slots.length && this.#heldBytes === 0);
  }

  /** Starts to read. */
  open(): void {
    this.#connection.open(this);
  }

  onData(chunk: Uint8Array): void {
    if (this.#isClosed || !this.#takesRequests) return;
    this.#lastActiveMs = this.#clock.monotonic();
    this.#frames.push(chunk);
    this.#turn();
  }

  onDrain(): void {
    this.#lastActiveMs = this.#clock.monotonic();
    this.#isSocketFull = false;
    this.#sent();
  }

  mute(durationMs: number): void {
    const untilMs = this.#clock.monotonic() + durationMs;
    if (this.#isClosed || untilMs <= this.#mutedUntilMs) return;
    this.#mutedUntilMs = untilMs;
    this.#unmute?.cancel();
    this.#unmute = this.#clock.setTimer(Math.min(durationMs, MAX_MUTE_MS), () => {
      this.#unmute = undefined;
      this.#resumeIfPossible();
    });
    if (!this.#isInTurn) this.#pauseIfOverLimits();
  }

  onClose(error?: NetworkError): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#unmute?.cancel();
    this.#unmute = undefined;
    if (error) this.#logger.log("debug", "connection lost", { client: this.address, error: error.message });
    this.#slots = [];
    this.#firstSlot = 0;
    this.#outgoing = [];
    this.#onSent = [];
    this.#giveMemoryBack();
    const listeners = [...this.onClosed];
    this.onClosed.clear();
    for (const listener of listeners) listener();
    this.#onDrained?.();
  }

  /** Takes no further request; resolves when every one taken has been answered, or the connection is gone. */
  drain(): Promise<void> {
    this.#takesRequests = false;
    return new Promise((resolve) => {
      this.#onDrained = resolve;
      if (this.#isClosed) resolve();
      else this.#checkDrained();
    });
  }

  /** Takes no further request; resolves when the connection is gone, which the client has a say in. */
  end(): Promise<void> {
    this.#takesRequests = false;
    return new Promise((resolve) => {
      if (this.#isClosed) {
        resolve();
        return;
      }
      this.onClosed.add(resolve);
      this.#flush();
      this.#connection.end();
      // A message of which nothing more is taken will not be whole.
      this.#limits.requestMemory.endOverdraft(this);
      // The client's end is behind what it sent.
      this.#isPaused = false;
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
      for (;;) {
        if (this.#isOverLimits()) {
          // What it is over them by may only wait to be written.
          this.#flush();
          if (this.#isOverLimits()) break;
        }
        const frame = this.#frames.next();
        if (!frame) break;
        this.#take(frame);
      }
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#isInTurn = false;
      this.#settleFrames();
    }
    this.#flush();
    this.#pauseIfOverLimits();
  }

  #settleFrames(): void {
    if (this.#isClosed) return;
    this.#frames.settle(!this.#isOverLimits());
    const { gatheringBytes } = this.#frames;
    if (gatheringBytes === this.#gatheringBytes) return;
    this.#gatheringBytes = gatheringBytes;
    this.#gatheredMs = this.#clock.monotonic();
    this.#countShared();
  }

  #countShared(): void {
    const { requestMemory } = this.#limits;
    const sharedBytes = Math.max(0, this.#requestBytes + this.#gatheringBytes - OWN_REQUEST_BYTES);
    if (sharedBytes > this.#sharedBytes) requestMemory.take(sharedBytes - this.#sharedBytes);
    else if (sharedBytes < this.#sharedBytes) requestMemory.giveBack(this.#sharedBytes - sharedBytes);
    this.#sharedBytes = sharedBytes;
  }

  #take(frame: Buffer): void {
    const slot: Slot = { requestBytes: frame.length, pieces: undefined, sending: undefined };
    this.#limits.requestMemory.endOverdraft(this);
    this.#requestBytes += frame.length;
    // If it was gathered, that memory became the request's.
    this.#gatheringBytes = 0;
    this.#countShared();
    this.#slots.push(slot);
    const isWaitedFor = this.#dispatch(
      frame,
      this,
      (pieces, sending) => this.#reply(slot, pieces, sending),
      (error) => this.#fail(error),
    );
    if (isWaitedFor && !slot.pieces) this.#waitedFor = slot;
  }

  #reply(slot: Slot, pieces: readonly Uint8Array[], sending: Sending | undefined): void {
    if (this.#isClosed) return;
    const isNext = this.#slots[this.#firstSlot] === slot;
    const late = sending && sending.late.size > 0 ? sending.late : undefined;
    if (late && !isNext && !this.#read(pieces, late)) return;
    slot.pieces = pieces;
    slot.sending = sending;
    this.#requestBytes -= slot.requestBytes;
    this.#countShared();
    const replyBytes = sizeOf(pieces);
    this.#limits.replyMemory.take(replyBytes);
    this.#heldBytes += replyBytes;
    if (this.#waitedFor === slot) {
      this.#waitedFor = undefined;
      this.#goOnSoon();
    }
    if (!isNext) return;
    this.#collectReady();
    if (late) this.#late = late;
    // Records for somebody who waits for them leave at once, not behind what else is to be done.
    if (sending && (late || !this.#isInTurn)) this.#flush();
    // Many replies come at once when a sync ends: those of one turn of the event loop leave together.
    if (!this.#isInTurn) this.#goOnSoon();
  }

  #goOnSoon(): void {
    if (this.#isFlushScheduled) return;
    this.#isFlushScheduled = true;
    this.#clock.setImmediate(() => {
      this.#isFlushScheduled = false;
      this.#flush();
      this.#resumeIfPossible();
    });
  }

  #read(pieces: readonly Uint8Array[], late: LateBytes): boolean {
    try {
      readLate(pieces, late);
      return true;
    } catch (error) {
      this.#fail(error);
      return false;
    }
  }

  /** Moves the replies that are next in order to `#outgoing`. */
  #collectReady(): void {
    for (;;) {
      const slot = this.#slots[this.#firstSlot];
      if (!slot?.pieces) break;
      for (const piece of slot.pieces) this.#outgoing.push(piece);
      if (slot.sending) this.#onSent.push(slot.sending.onSent);
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
      const pieces = this.#outgoing;
      const onSent = this.#onSent;
      const late = this.#late;
      this.#outgoing = [];
      this.#onSent = [];
      this.#late = undefined;
      try {
        this.#write(pieces, onSent, late);
      } catch (error) {
        // Of reading what is late: the client has a part of the reply.
        this.#fail(error);
        return;
      }
    }
    this.#checkDrained();
  }

  #write(pieces: readonly Uint8Array[], onSent: readonly (() => void)[], late: LateBytes | undefined): void {
    const bytes = sizeOf(pieces);
    this.#lastActiveMs = this.#clock.monotonic();
    this.#heldBytes -= bytes;
    this.#queuedBytes += bytes;
    const callAll = (): void => {
      for (const call of onSent) call();
      this.#sent();
    };
    const allSent = onSent.length > 0 ? callAll : this.#sent;
    this.#isWriting = true;
    try {
      const connection = this.#connection;
      const hasRoom = late ? writeLate(connection, pieces, late, allSent) : connection.write(pieces, allSent);
      if (!hasRoom) this.#isSocketFull = true;
    } finally {
      this.#isWriting = false;
    }
    this.#countQueued();
  }

  #countQueued(): void {
    const { unsentBytes } = this.#connection;
    if (unsentBytes >= this.#queuedBytes) return;
    this.#lastActiveMs = this.#clock.monotonic();
    this.#limits.replyMemory.giveBack(this.#queuedBytes - unsentBytes);
    this.#queuedBytes = unsentBytes;
  }

  /** The system has taken something; perhaps before `write` has returned. */
  readonly #sent = (): void => {
    if (this.#isClosed || this.#isWriting) return;
    this.#countQueued();
    this.#resumeIfPossible();
  };

  #checkDrained(): void {
    if (this.#onDrained && this.#slots.length === 0 && this.#outgoing.length === 0) this.#onDrained();
  }

  #isOverLimits(): boolean {
    return this.#isHeldBack() || !this.#claimRoom();
  }

  /** By what it did itself. */
  #isHeldBack(): boolean {
    return (
      this.#isSocketFull ||
      this.#isClosed ||
      this.#unmute !== undefined ||
      !this.#takesRequests ||
      this.#waitedFor !== undefined ||
      this.#heldBytes > this.#limits.maxHeldBytes ||
      this.#owesTooMuch ||
      this.#slots.length - this.#firstSlot >= this.#limits.maxInFlightRequests
    );
  }

  /** With what all others have not taken: of those who have something to take, nobody gets more. */
  get #owesTooMuch(): boolean {
    return this.#heldBytes + this.#queuedBytes > 0 && this.#limits.replyMemory.freeBytes === 0;
  }

  /** Whether there is memory for what is there of the next request, if need be by the right to overdraw, which is this connection's then.
   * Only for one that nothing else holds back: whoever has that right is to go on. */
  #claimRoom(): boolean {
    const { wantedBytes } = this.#frames;
    const moreBytes = this.#requestBytes + this.#gatheringBytes + wantedBytes - OWN_REQUEST_BYTES - this.#sharedBytes;
    return wantedBytes === 0 || moreBytes <= 0 || this.#limits.requestMemory.claimRoom(moreBytes, this);
  }

  #pauseIfOverLimits(): void {
    const { requestMemory, replyMemory } = this.#limits;
    const isHeldBack = this.#isHeldBack();
    if (!isHeldBack && this.#claimRoom()) return;
    // Others would wait for this one. What it has gathered it must be able to finish, though: it keeps that memory from them.
    if (isHeldBack && !this.#frames.isGathering) requestMemory.endOverdraft(this);
    if (!this.#takesRequests) return;
    if (!this.#isPaused) this.#connection.pause();
    this.#isPaused = true;
    if (this.#owesTooMuch) replyMemory.whenFree(this.#resumeIfPossible);
    if (!isHeldBack) requestMemory.whenFree(this.#resumeIfPossible);
  }

  readonly #resumeIfPossible = (): void => {
    if (!this.#isPaused) return;
    // Frames that arrived before the pause come first.
    if (!this.#isOverLimits()) this.#turn();
    if (this.#isOverLimits()) {
      this.#pauseIfOverLimits();
      return;
    }
    this.#isPaused = false;
    this.#lastActiveMs = this.#clock.monotonic();
    this.#gatheredMs = this.#lastActiveMs;
    this.#connection.resume();
  };

  #giveMemoryBack(): void {
    const { requestMemory, replyMemory } = this.#limits;
    requestMemory.forget(this.#resumeIfPossible);
    replyMemory.forget(this.#resumeIfPossible);
    requestMemory.endOverdraft(this);
    requestMemory.giveBack(this.#sharedBytes);
    replyMemory.giveBack(this.#heldBytes + this.#queuedBytes);
    this.#requestBytes = 0;
    this.#gatheringBytes = 0;
    this.#sharedBytes = 0;
    this.#heldBytes = 0;
    this.#queuedBytes = 0;
  }

  #fail(error: unknown): void {
    if (this.#isClosed) return;
    if (error instanceof ProtocolError) {
      const message = "connection closed: malformed request";
      this.#complaints.log("warn", message, { client: this.address, error: error.message });
    } else {
      this.#logger.log("error", "connection closed: a request failed", { client: this.address, error });
    }
    this.destroy();
  }
}

function sizeOf(pieces: readonly Uint8Array[]): number {
  let bytes = 0;
  for (const piece of pieces) bytes += piece.length;
  return bytes;
}
