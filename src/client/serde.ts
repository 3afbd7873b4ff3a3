/** Between values and bytes. Pure. */

/** Both ways for one type. `deserialize` gets exactly the bytes that `serialize` gave. */
export interface Serde<T> {
  serialize(value: T): Uint8Array;
  /** `bytes` may be a view into a larger buffer: copy what must live long. */
  deserialize(bytes: Uint8Array): T;
}

/** How a producer or consumer turns keys and values into bytes and back. What has no serde stays bytes; null stays null. */
export interface RecordSerdes<K, V> {
  readonly key?: Serde<K>;
  readonly value?: Serde<V>;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** A buffer of exactly `length` bytes, or an error that names what was to be read. */
function exactly(bytes: Uint8Array, length: number, type: string): Buffer {
  if (bytes.length !== length) throw new RangeError(`${type} takes ${length} bytes, not ${bytes.length}`);
  return asBuffer(bytes);
}

const string: Serde<string> = {
  serialize: (value) => Buffer.from(value, "utf8"),
  deserialize: (bytes) => asBuffer(bytes).toString("utf8"),
};

const bytes: Serde<Uint8Array> = { serialize: (value) => value, deserialize: (value) => value };

const int32: Serde<number> = {
  serialize(value) {
    const buffer = Buffer.allocUnsafe(4);
    buffer.writeInt32BE(value);
    return buffer;
  },
  deserialize: (value) => exactly(value, 4, "int32").readInt32BE(),
};

const int64: Serde<number> = {
  serialize(value) {
    const buffer = Buffer.allocUnsafe(8);
    buffer.writeBigInt64BE(BigInt(value));
    return buffer;
  },
  deserialize: (value) => Number(exactly(value, 8, "int64").readBigInt64BE()),
};

const float64: Serde<number> = {
  serialize(value) {
    const buffer = Buffer.allocUnsafe(8);
    buffer.writeDoubleBE(value);
    return buffer;
  },
  deserialize: (value) => exactly(value, 8, "float64").readDoubleBE(),
};

/** `int64` is a number, exact up to 2^53. Numbers are big-endian, as the Java client's serdes write them. */
export const serdes: {
  readonly string: Serde<string>;
  readonly bytes: Serde<Uint8Array>;
  readonly int32: Serde<number>;
  readonly int64: Serde<number>;
  readonly float64: Serde<number>;
  /** JSON text in UTF-8. The type is the caller's promise; nothing checks it. */
  json<T>(): Serde<T>;
} = {
  string,
  bytes,
  int32,
  int64,
  float64,
  json<T>(): Serde<T> {
    return {
      serialize: (value) => Buffer.from(JSON.stringify(value), "utf8"),
      deserialize: (value) => JSON.parse(asBuffer(value).toString("utf8")) as T,
    };
  },
};
