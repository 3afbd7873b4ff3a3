/** Load without a client: frames that are there beforehand, over one connection, answers only counted. */
import { connect, type Socket } from "node:net";

export interface Exchange {
  readonly seconds: number;
  /** Of all answers, without their lengths. */
  readonly bytes: number;
  /** The last answer, without its length. */
  readonly last: Buffer;
}

export interface ExchangeOptions {
  readonly address: string;
  readonly requests: number;
  readonly inFlight: number;
  /** A whole frame; the same buffer may come again. */
  readonly request: (index: number) => Uint8Array;
}

/** Keeps `inFlight` requests under way until all are answered. */
export function exchange({ address, requests, inFlight, request }: ExchangeOptions): Promise<Exchange> {
  const [host = "", port] = address.split(":");
  return new Promise((resolve, reject) => {
    let sent = 0;
    let startedAt = 0;
    const answers = new AnswerCounter(requests);
    const fail = (error: Error): void => {
      socket.destroy();
      reject(error);
    };
    const onBytes = (chunk: Buffer): void => {
      const before = answers.count;
      answers.take(chunk);
      send(answers.count - before);
      if (answers.count < requests) return;
      const seconds = (performance.now() - startedAt) / 1000;
      socket.destroy();
      resolve({ seconds, bytes: answers.bytes, last: answers.last });
    };
    const socket: Socket = connect({
      host,
      port: Number(port),
      noDelay: true,
      onread: {
        buffer: Buffer.allocUnsafeSlow(1 << 20),
        callback: (size, buffer) => {
          onBytes(Buffer.from(buffer.buffer, buffer.byteOffset, size));
          return true;
        },
      },
    });
    const send = (count: number): void => {
      for (let i = 0; i < count && sent < requests; i++) socket.write(request(sent++));
    };
    socket.on("error", fail);
    socket.on("close", () => fail(new Error(`${address} closed the connection after ${answers.count} answers`)));
    socket.on("connect", () => {
      startedAt = performance.now();
      send(inFlight);
    });
  });
}

/** Finds the ends of frames in a stream, and keeps the bytes of the last one only. */
class AnswerCounter {
  readonly #expected: number;
  readonly #length = Buffer.alloc(4);
  #lengthBytes = 0;
  #left = 0;
  #kept: Buffer[] = [];
  count = 0;
  bytes = 0;
  last: Buffer = Buffer.alloc(0);

  constructor(expected: number) {
    this.#expected = expected;
  }

  take(chunk: Buffer): void {
    for (let at = 0; at < chunk.length; ) {
      if (this.#lengthBytes < 4) {
        const copied = chunk.copy(this.#length, this.#lengthBytes, at, at + 4 - this.#lengthBytes);
        this.#lengthBytes += copied;
        at += copied;
        if (this.#lengthBytes === 4) this.#left = this.#length.readInt32BE(0);
        continue;
      }
      const size = Math.min(this.#left, chunk.length - at);
      if (this.count === this.#expected - 1) this.#kept.push(Buffer.from(chunk.subarray(at, at + size)));
      at += size;
      this.#left -= size;
      this.bytes += size;
      if (this.#left === 0) this.#endFrame();
    }
  }

  #endFrame(): void {
    this.last = Buffer.concat(this.#kept);
    this.#kept = [];
    this.#lengthBytes = 0;
    this.count++;
  }
}
