import { closeSync, openSync } from "node:fs";
import { connect as connectSocket, createServer, type Socket } from "node:net";
import { devNull } from "node:os";
import { discard } from "../memory.ts";
import { type Connection, type ConnectionHandler, type Listener, type Network, NetworkError } from "../network.ts";
import { nodeClock } from "./clock.ts";

const HIGH_WATER_MARK_BYTES = 1024 * 1024;
const DESCRIPTOR_CHECK_MS = 5000;

class NodeConnection implements Connection {
  readonly remoteAddress: string;
  readonly #socket: Socket;
  #handler: ConnectionHandler | undefined;
  #error: NetworkError | undefined;
  #drainWanted = false;

  constructor(socket: Socket) {
    this.#socket = socket;
    // A socket for both protocols names those of IPv4 so: "::ffff:127.0.0.1".
    const host = socket.remoteAddress?.replace(/^::ffff:(?=[\d.]+$)/i, "");
    this.remoteAddress = `${host}:${socket.remotePort}`;
    socket.setNoDelay(true);
    socket.on("error", (error: NodeJS.ErrnoException) => {
      this.#error = toNetworkError(error, this.remoteAddress);
    });
  }

  open(handler: ConnectionHandler): void {
    this.#handler = handler;
    if (this.#socket.destroyed) {
      handler.onClose(this.#error);
      return;
    }
    this.#socket.on("data", (chunk: Buffer) => {
      handler.onData(chunk);
      // Node reads each chunk into memory of its own, and is done with it.
      if (chunk.length === chunk.buffer.byteLength) discard(chunk);
    });
    this.#socket.on("close", () => handler.onClose(this.#error));
    this.#socket.on("drain", () => this.#drained());
  }

  write(chunks: readonly Uint8Array[], onSent?: () => void): boolean {
    const socket = this.#socket;
    if (isGone(socket)) return false;
    // Corked, so that one system call sends them all.
    if (chunks.length > 1) socket.cork();
    const last = chunks.length - 1;
    for (let i = 0; i < last; i++) socket.write(chunks[i] as Uint8Array);
    if (last >= 0) {
      socket.write(chunks[last] as Uint8Array, (error) => {
        if (!error) onSent?.();
      });
    }
    if (chunks.length > 1) socket.uncork();
    if (isGone(socket)) return false;
    if (socket.writableLength <= HIGH_WATER_MARK_BYTES) return true;
    this.#drainWanted = true;
    return false;
  }

  get unsentBytes(): number {
    return this.#socket.writableLength;
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  end(): void {
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #drained(): void {
    if (!this.#drainWanted) return;
    this.#drainWanted = false;
    this.#handler?.onDrain?.();
  }
}

/** Or will be in a moment: where a write fails at once, the socket says so before it ends. */
function isGone({ destroyed, errored, writableEnded }: Socket): boolean {
  return destroyed || errored !== null || writableEnded;
}

export function toNetworkError(error: NodeJS.ErrnoException, address: string): NetworkError {
  return new NetworkError(error.code ?? "UNKNOWN", `${address}: ${error.message}`, { cause: error });
}

const SHORTAGES: Readonly<Record<string, string>> = {
  EMFILE: "the process has too many files open: new connections end at once; raise the limit (ulimit -n)",
  ENFILE: "the system has too many files open: new connections end at once",
};

/** Without a free descriptor libuv takes each new connection with one that it has saved, ends it, and tells nobody. So now and then
 * it is tried whether there is one. */
function watchDescriptors(onShortage: (error: NetworkError) => void): { stop(): void } {
  const timer = setInterval(() => {
    try {
      closeSync(openSync(devNull, "r"));
    } catch (error) {
      const { code = "" } = error as NodeJS.ErrnoException;
      const shortage = SHORTAGES[code];
      if (shortage) onShortage(new NetworkError(code, shortage, { cause: error }));
    }
  }, DESCRIPTOR_CHECK_MS);
  timer.unref();
  return { stop: () => clearInterval(timer) };
}

export const nodeNetwork: Network = {
  listen({ host, port }, onConnection, onError): Promise<Listener> {
    return new Promise((resolve, reject) => {
      const server = createServer({ pauseOnConnect: false, noDelay: true }, (socket) =>
        onConnection(new NodeConnection(socket)),
      );
      server.on("error", (error: NodeJS.ErrnoException) => {
        const problem = toNetworkError(error, `${host}:${port}`);
        if (server.listening) onError?.(problem);
        else reject(problem);
      });
      server.listen({ host, port, backlog: 1024 }, () => {
        const address = server.address();
        const boundPort = typeof address === "object" && address ? address.port : port;
        const descriptors = watchDescriptors((problem) => onError?.(problem));
        resolve({
          host,
          port: boundPort,
          close: () =>
            new Promise((closed) => {
              // Resolves when the port is free; connections that are still open end on their own.
              server.close();
              descriptors.stop();
              setImmediate(closed);
            }),
        });
      });
    });
  },

  connect({ host, port, timeoutMs, signal }): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const socket = connectSocket({ host, port, noDelay: true });
      const timer = nodeClock.setTimer(timeoutMs, () =>
        giveUp("TIMEOUT", `${host}:${port}: no connection within ${timeoutMs} ms`),
      );
      const onAbort = (): void => giveUp("ABORTED", `${host}:${port}: the attempt to connect was given up`);
      const settle = (): void => {
        timer.cancel();
        signal?.removeEventListener("abort", onAbort);
      };
      const giveUp = (code: string, message: string): void => {
        settle();
        socket.destroy();
        reject(new NetworkError(code, message));
      };
      const onError = (error: NodeJS.ErrnoException): void => {
        settle();
        reject(toNetworkError(error, `${host}:${port}`));
      };
      socket.once("error", onError);
      socket.once("connect", () => {
        settle();
        socket.off("error", onError);
        resolve(new NodeConnection(socket));
      });
      signal?.addEventListener("abort", onAbort);
      if (signal?.aborted) onAbort();
    });
  },
};
