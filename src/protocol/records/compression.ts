/** The codecs of a batch's payload. Pure. Codes as in the batch's attributes. */
import { constants, gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { lz4Compress } from "@platformatic/wasm-utils";
import { ProtocolError } from "../protocol-error.ts";
import { lz4Decompress } from "./lz4.ts";
import { snappyCompress, snappyDecompress } from "./snappy.ts";

export type CompressionName = "none" | "gzip" | "snappy" | "lz4" | "zstd";

export const compressionCodes: { readonly [N in CompressionName]: number } = {
  none: 0,
  gzip: 1,
  snappy: 2,
  lz4: 3,
  zstd: 4,
};

/** What a batch may grow to unless the caller says otherwise: far beyond what any client sends in one. */
const MAX_DECOMPRESSED_BYTES = 256 * 1024 * 1024;

export function compress(code: number, payload: Buffer): Buffer {
  switch (code) {
    case compressionCodes.none:
      return payload;
    case compressionCodes.gzip:
      return gzipSync(payload);
    case compressionCodes.snappy:
      return snappyCompress(payload);
    case compressionCodes.lz4:
      return lz4Compress(payload);
    case compressionCodes.zstd:
      return zstdCompressSync(payload, { params: { [constants.ZSTD_c_compressionLevel]: 3 } });
    default:
      throw new RangeError(`no compression has the code ${code}`);
  }
}

/** Throws ProtocolError on damaged input and on output of more than `maxBytes`. */
export function decompress(code: number, payload: Buffer, maxBytes: number = MAX_DECOMPRESSED_BYTES): Buffer {
  switch (code) {
    case compressionCodes.none:
      return payload;
    case compressionCodes.gzip:
      return orProtocolError(() => gunzipSync(payload, { maxOutputLength: maxBytes }));
    case compressionCodes.snappy:
      return snappyDecompress(payload, maxBytes);
    case compressionCodes.lz4:
      return lz4Decompress(payload, maxBytes);
    case compressionCodes.zstd:
      return orProtocolError(() => zstdDecompressSync(payload, { maxOutputLength: maxBytes }));
    default:
      throw new ProtocolError(`no compression has the code ${code}`);
  }
}

function orProtocolError(decompressed: () => Buffer): Buffer {
  try {
    return decompressed();
  } catch (error) {
    throw new ProtocolError(`damaged compressed records: ${(error as Error).message}`, { cause: error });
  }
}
