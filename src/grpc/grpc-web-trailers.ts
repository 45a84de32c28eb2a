// The trailers of a gRPC-Web response: the last frame of its body, marked by the top bit of the flag octet
// (PROTOCOL-WEB: Message framing).

const TRAILERS_FLAG = 0x80;
const PREFIX_OCTETS = 5;

/**
 * Names in lower case, values octet for octet (one character is one octet), each line ended by CRLF and no empty line
 * at the end. Names and values have been checked: no CR or LF is in them.
 */
export function trailerFrame(names: readonly string[], values: readonly string[]): Buffer {
  const block = names.map((name, index) => `${name}: ${values[index]}\r\n`).join('');
  const frame = Buffer.allocUnsafe(PREFIX_OCTETS + block.length);
  frame[0] = TRAILERS_FLAG;
  frame.writeUInt32BE(block.length, 1);
  frame.write(block, PREFIX_OCTETS, 'latin1');
  return frame;
}
