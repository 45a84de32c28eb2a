// The content of a gRPC message of which there may be only the first bytes: decompressed, within a bound.

import { constants, gunzipSync, inflateSync } from 'node:zlib';

/** What a message may become when it is decompressed. */
const MOST_BYTES = 1024 * 1024;

export interface MessageBytes {
  readonly bytes: Buffer;
  /** Whether bytes are missing at the end. */
  readonly isTruncated: boolean;
  readonly isCompressed: boolean;
  /** The value of grpc-encoding. */
  readonly encoding: string;
}

/**
 * @param mostBytes what it may have when it is decompressed
 * @returns the bytes of the protobuf message as far as they are there, or a sentence about why there are none
 */
export function contentOf(
  { bytes, isTruncated, isCompressed, encoding }: MessageBytes,
  mostBytes = MOST_BYTES,
): Buffer | string {
  if (!isCompressed) return bytes;
  const decompress = encoding === 'gzip' ? gunzipSync : encoding === 'deflate' ? inflateSync : undefined;
  if (decompress === undefined)
    return `it is compressed with ${encoding === '' ? 'an encoding that is not named' : encoding}, which is not understood here`;
  try {
    // Without the end of the stream, everything that was decompressed so far is wanted.
    const finishFlush = isTruncated ? constants.Z_SYNC_FLUSH : constants.Z_FINISH;
    return decompress(bytes, { finishFlush, maxOutputLength: mostBytes });
  } catch (error) {
    const isTooLong = error instanceof RangeError;
    return isTooLong
      ? `it has more than ${mostBytes} bytes when it is decompressed`
      : `its bytes are not what ${encoding} makes`;
  }
}
