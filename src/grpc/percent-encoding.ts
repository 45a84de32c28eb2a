// The percent-encoding of grpc-message (gRPC over HTTP/2, section "Responses": Percent-Encoded).
// For messages the proxy makes or shows; a message that is relayed must never pass through here, it stays byte for byte.

const HEX = '0123456789ABCDEF';
const CODE_PERCENT = 0x25;

/**
 * UTF-8, then every octet outside %x20-24 / %x26-7E as %XX. With `maxLength` the result ends before the first character
 * (all its escapes together) that would exceed it.
 */
export function encodeGrpcMessage(message: string, maxLength = Number.POSITIVE_INFINITY): string {
  let encoded = '';
  for (const character of message) {
    const piece = isKept(character.charCodeAt(0)) ? character : escapeCharacter(character);
    if (encoded.length + piece.length > maxLength) break;
    encoded += piece;
  }
  return encoded;
}

/**
 * The text of a grpc-message as it came, one character an octet. Escapes that are none stay as they are and octets that
 * are no UTF-8 become U+FFFD: the document forbids to discard a message for a bad encoding.
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

function isKept(code: number): boolean {
  return code >= 0x20 && code <= 0x7e && code !== CODE_PERCENT;
}

function escapeCharacter(character: string): string {
  let escaped = '';
  for (const octet of Buffer.from(character, 'utf8')) {
    escaped += `%${HEX.charAt(octet >> 4)}${HEX.charAt(octet & 0x0f)}`;
  }
  return escaped;
}

/** The value of an ASCII hexadecimal digit, or -1. */
function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}
