// Encodes the trailers of a gRPC-Web response: they are the last frame of the body, marked by the top bit of the flag byte
// (PROTOCOL-WEB: Message framing).

const TRAILERS_FLAG = 0x80;
const PREFIX_BYTES = 5;

/**
 * Each line ends with CRLF, and there is no empty line at the end. The caller has made sure that neither names nor values
 * contain CR or LF.
 * @param names in lower case
 * @param values one character per byte
 */
export function trailerFrame(names: readonly string[], values: readonly string[]): Buffer {
  const block = names.map((name, index) => `${name}: ${values[index]}\r\n`).join('');
  const frame = Buffer.allocUnsafe(PREFIX_BYTES + block.length);
  frame[0] = TRAILERS_FLAG;
  frame.writeUInt32BE(block.length, 1);
  frame.write(block, PREFIX_BYTES, 'latin1');
  return frame;
}
