// Decodes what src/grpc/percent-encoding.ts encodes.

const CODE_PERCENT = 0x25;

/**
 * Decodes a grpc-message. Invalid escapes stay as they are, and bytes that are not UTF-8 become U+FFFD, because gRPC forbids
 * discarding a message for its encoding.
 * @param value the value as received, one character per byte
 */
export function decodeGrpcMessage(value: string): string {
  const bytes = Buffer.from(value, 'latin1');
  let length = 0;
  for (let index = 0; index < bytes.length; index += 1) {
    let byte = bytes[index];
    if (byte === CODE_PERCENT && index + 2 < bytes.length) {
      const high = hexDigit(bytes[index + 1]);
      const low = hexDigit(bytes[index + 2]);
      if (high >= 0 && low >= 0) {
        byte = high * 16 + low;
        index += 2;
      }
    }
    bytes[length] = byte;
    length += 1;
  }
  return bytes.toString('utf8', 0, length);
}

/** @returns the value of an ASCII hexadecimal digit, or -1 */
function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}
