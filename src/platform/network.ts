/** What a connection's owner is told. */
export interface ConnectionHandler {
  /** Bytes that arrived, in order. `chunk` is only valid during the call: copy what must outlive it. */
  onData(chunk: Uint8Array): void;
  /** Everything queued by `write` has been handed to the operating system after `write` returned false. */
  onDrain?(): void;
  /** The connection is gone, once, whoever ended it; `error` says why when it was not a clean end. */
  onClose(error?: NetworkError): void;
}

/** One TCP connection. */
export interface Connection {
  /** For messages: "127.0.0.1:54321". */
  readonly remoteAddress: string;
  /** Starts delivery to `handler`; what arrives earlier is held back. Called once. */
  open(handler: ConnectionHandler): void;
  /** Queues `chunks` in order; they must not change until sent. `onSent` is called once the operating system has all of
   * them; never when the connection ends before. False when more than the high-water mark (1 MiB) is queued: wait for
   * `onDrain` before writing much more; and when the connection is gone, or has ended: then it does nothing. */
  write(chunks: readonly Uint8Array[], onSent?: () => void): boolean;
  /** Of what `write` was given: bytes that the operating system has not taken yet. With 0 nobody needs the chunks any more. */
  readonly unsentBytes: number;
  /** Stops and restarts delivery, so that a slow owner slows the sender down. */
  pause(): void;
  resume(): void;
  /** Sends what is queued, then ends the connection. */
  end(): void;
  /** Ends the connection now; what is queued is lost. */
  destroy(): void;
}

export interface Listener {
  readonly host: string;
  /** The bound port, also when 0 was asked for. */
  readonly port: number;
  /** Stops accepting; open connections stay. */
  close(): Promise<void>;
}

/** TCP, as everything outside `platform/node` sees it. */
export interface Network {
  /** Rejects with a NetworkError (EADDRINUSE, EACCES …) when the address cannot be had. `onError` is told, now and then, while
   * connections cannot be taken (EMFILE …); the listener goes on. */
  listen(
    options: { readonly host: string; readonly port: number },
    onConnection: (connection: Connection) => void,
    onError?: (error: NetworkError) => void,
  ): Promise<Listener>;
  /** Rejects with a NetworkError (ECONNREFUSED, ENOTFOUND, TIMEOUT …). `signal` gives an attempt up (ABORTED), if the network can. */
  connect(options: {
    readonly host: string;
    readonly port: number;
    readonly timeoutMs: number;
    readonly signal?: AbortSignal;
  }): Promise<Connection>;
}

/** A failed network operation. `code` is the system's (ECONNREFUSED, ECONNRESET …), "TIMEOUT" or "ABORTED". */
export class NetworkError extends Error {
  override readonly name = "NetworkError";
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
