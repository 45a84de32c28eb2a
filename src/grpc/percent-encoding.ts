// Percent-encodes grpc-message (gRPC over HTTP/2, section "Responses": Percent-Encoded).
// This is only for messages that the proxy generates; a relayed message stays byte for byte as it is.

const HEX = '0123456789ABCDEF';
const CODE_PERCENT = 0x25;

/**
 * Encodes to UTF-8 and writes every byte outside %x20-24 / %x26-7E as %XX.
 * @param maxLength the result ends before the first character, with all its escapes, that would exceed this length
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

function isKept(code: number): boolean {
  return code >= 0x20 && code <= 0x7e && code !== CODE_PERCENT;
}

function escapeCharacter(character: string): string {
  let escaped = '';
  for (const byte of Buffer.from(character, 'utf8')) {
    escaped += `%${HEX.charAt(byte >> 4)}${HEX.charAt(byte & 0x0f)}`;
  }
  return escaped;
}
