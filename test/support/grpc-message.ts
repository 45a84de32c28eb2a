// Decodes what src/grpc/percent-encoding.ts encodes.

const CODE_PERCENT = 0x25;

/**
 * Decodes a grpc-message. Invalid escapes stay as they are, and bytes that are not UTF-8 become U+FFFD, because gRPC forbids
 * discarding a message for its encoding.
 * @param value the value as received, one character per byte
 */
export function decodeGrpcMessage(value: string): string {
  const octets = Buffer.from(value, 'latin1');
  let length = 0;
  for (let index = 0; index < octets.length; index += 1) {
    let octet = octets[index];
    if (octet === CODE_PERCENT && index + 2 < octets.length) {
      const high = hexDigit(octets[index + 1]);
      const low = hexDigit(octets[index + 2]);
      if (high >= 0 && low >= 0) {
        octet = high * 16 + low;
        index += 2;
      }
    }
    octets[length] = octet;
    length += 1;
  }
  return octets.toString('utf8', 0, length);
}

/** @returns the value of an ASCII hexadecimal digit, or -1 */
function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}
