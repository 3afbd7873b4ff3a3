/** One client of the many that fire: a connection at a time, a frame at a time, and now and then gone in the middle. */
import { connect, type Socket } from "node:net";
import { Dice } from "./dice.ts";
import { frameAt } from "./frames.ts";

/** An answer that takes longer is not waited for: the request may be one that waits. */
const PATIENCE_MS = 200;
/** Requests without an answer, before the connection is dropped. */
const MAX_UNANSWERED = 3;

export interface Fire {
  readonly host: string;
  readonly port: number;
  readonly seed: number;
  /** The number of the next frame; undefined at the end. */
  next(): number | undefined;
}

export interface Tally {
  frames: number;
  answers: number;
  connections: number;
}

export class Lane {
  readonly #fire: Fire;
  readonly #tally: Tally;
  #socket: Socket | undefined;
  #unanswered = 0;
  /** Numbers of the frames that this connection had, for messages. */
  #sent: number[] = [];
  #wake: () => void = () => {};

  constructor(fire: Fire, tally: Tally) {
    this.#fire = fire;
    this.#tally = tally;
  }

  /** Its end of the connection: "127.0.0.1:54321". */
  get address(): string {
    return `${this.#socket?.localAddress}:${this.#socket?.localPort}`;
  }

  get lastFrames(): readonly number[] {
    return this.#sent.slice(-MAX_UNANSWERED);
  }

  async run(): Promise<void> {
    for (let index = this.#fire.next(); index !== undefined; index = this.#fire.next()) {
      const socket = this.#socket ?? (await this.#connect());
      await this.#send(socket, index);
    }
    this.#socket?.destroy();
  }

  async #send(socket: Socket, index: number): Promise<void> {
    const { seed } = this.#fire;
    const frame = frameAt(seed, index);
    const dice = new Dice(seed ^ 0x5a5a5a5a, index);
    this.#sent.push(index);
    this.#unanswered++;
    this.#tally.frames++;
    const answered = new Promise<void>((resolve) => {
      this.#wake = resolve;
      setTimeout(resolve, PATIENCE_MS).unref();
    });
    // A frame in two pieces is put together again.
    const cut = dice.chance(0.1) ? dice.int(frame.length) : 0;
    if (cut > 0) socket.write(frame.subarray(0, cut));
    if (dice.chance(0.01)) {
      socket.destroy();
      this.#socket = undefined;
      return;
    }
    socket.write(frame.subarray(cut));
    await answered;
    if (this.#unanswered < MAX_UNANSWERED || this.#socket !== socket) return;
    // What was sent is still served.
    socket.end();
    this.#socket = undefined;
  }

  #connect(): Promise<Socket> {
    const { host, port } = this.#fire;
    this.#sent = [];
    this.#unanswered = 0;
    this.#tally.connections++;
    return new Promise((resolve, reject) => {
      const socket = connect({ host, port, noDelay: true }, () => resolve(socket));
      this.#socket = socket;
      socket.on("data", () => {
        // Answers are not cut apart: one at least has come.
        this.#tally.answers++;
        this.#unanswered = Math.max(0, this.#unanswered - 1);
        this.#wake();
      });
      socket.on("error", (error: NodeJS.ErrnoException) => {
        if (error.code === "ECONNREFUSED") reject(error);
      });
      socket.on("close", () => {
        if (this.#socket === socket) this.#socket = undefined;
        this.#wake();
      });
    });
  }
}
