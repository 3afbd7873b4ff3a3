/** The codecs of a batch's payload. Pure. Codes as in the batch's attributes. */
import { constants, gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { lz4Compress, lz4Decompress, snappyCompress, snappyDecompress } from "@platformatic/wasm-utils";
import { ProtocolError } from "../protocol-error.ts";

export type CompressionName = "none" | "gzip" | "snappy" | "lz4" | "zstd";

export const compressionCodes: { readonly [N in CompressionName]: number } = {
  none: 0,
  gzip: 1,
  snappy: 2,
  lz4: 3,
  zstd: 4,
};

export function compress(code: number, payload: Uint8Array): Uint8Array {
  switch (code) {
    case 0:
      return payload;
    case 1:
      return gzipSync(payload);
    case 2:
      return snappyCompress(asBuffer(payload));
    case 3:
      return lz4Compress(asBuffer(payload));
    case 4:
      return zstdCompressSync(payload, { params: { [constants.ZSTD_c_compressionLevel]: 3 } });
    default:
      throw new ProtocolError(`no compression has the code ${code}`);
  }
}

/** Throws ProtocolError on damaged input and on output of more than `maxBytes`. */
export function decompress(code: number, payload: Uint8Array, maxBytes: number): Uint8Array {
  try {
    switch (code) {
      case 0:
        return payload;
      case 1:
        return gunzipSync(payload, { maxOutputLength: maxBytes });
      case 2:
        return snappyDecompress(asBuffer(payload));
      case 3:
        return lz4Decompress(asBuffer(payload));
      case 4:
        return zstdDecompressSync(payload, { maxOutputLength: maxBytes });
    }
  } catch (error) {
    throw new ProtocolError(`damaged compressed records: ${(error as Error).message}`, { cause: error });
  }
  throw new ProtocolError(`no compression has the code ${code}`);
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
