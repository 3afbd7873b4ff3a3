/** A client that speaks single requests of any version, for tests. */
import { connect, type Socket } from "node:net";
import { FrameReader } from "../../src/broker/frame-reader.ts";
import { encodeRequest, readResponseAfterCorrelationId } from "../../src/protocol/frame.ts";
import { Reader } from "../../src/protocol/reader.ts";
import type { Api, RequestBody, ResponseOf } from "../../src/protocol/schema.ts";

interface Waiting {
  readonly correlationId: number;
  resolve(frame: Buffer): void;
  reject(error: Error): void;
}

export class RawClient {
  readonly #socket: Socket;
  readonly #clientId: string;
  readonly #frames = new FrameReader(2 ** 30);
  readonly #waiting: Waiting[] = [];
  readonly closed: Promise<void>;
  #nextCorrelationId = 1;

  private constructor(socket: Socket, clientId: string) {
    this.#socket = socket;
    this.#clientId = clientId;
    socket.on("data", (chunk) => this.#onData(chunk));
    socket.on("error", () => {});
    this.closed = new Promise((resolve) => {
      socket.on("close", () => {
        for (const { reject } of this.#waiting.splice(0)) reject(new Error("connection closed"));
        resolve();
      });
    });
  }

  static connect(address: string, clientId = "raw"): Promise<RawClient> {
    const [host = "", port] = address.split(":");
    return new Promise((resolve, reject) => {
      const socket = connect({ host, port: Number(port), noDelay: true });
      socket.once("error", reject);
      socket.once("connect", () => resolve(new RawClient(socket, clientId)));
    });
  }

  /** Sends at once, behind what was sent before; responses must come in the order of the requests. */
  send<A extends Api>(api: A, version: number, body: RequestBody<A>): Promise<ResponseOf<A>> {
    const correlationId = this.#nextCorrelationId++;
    const answered = new Promise<Buffer>((resolve, reject) => {
      this.#waiting.push({ correlationId, resolve, reject });
    });
    this.sendBytes(encodeRequest(api, version, { correlationId, clientId: this.#clientId }, body));
    return answered.then((frame) => readResponseAfterCorrelationId(api, version, new Reader(frame, 4)));
  }

  /** For requests that get no response. */
  sendSilent<A extends Api>(api: A, version: number, body: RequestBody<A>): void {
    const correlationId = this.#nextCorrelationId++;
    this.sendBytes(encodeRequest(api, version, { correlationId, clientId: this.#clientId }, body));
  }

  sendBytes(pieces: readonly Uint8Array[]): void {
    this.#socket.write(Buffer.concat(pieces));
  }

  close(): void {
    this.#socket.destroy();
  }

  #onData(chunk: Buffer): void {
    this.#frames.push(chunk);
    for (let frame = this.#frames.next(); frame; frame = this.#frames.next()) {
      const waiting = this.#waiting.shift();
      const correlationId = frame.readInt32BE(0);
      if (waiting?.correlationId !== correlationId) throw new Error(`an unexpected response ${correlationId}`);
      waiting.resolve(Buffer.from(frame));
    }
    this.#frames.settle();
  }
}
