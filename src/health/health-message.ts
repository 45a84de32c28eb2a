// The two messages of grpc.health.v1 and their framing (gRPC over HTTP/2: Length-Prefixed-Message). Bytes in, decisions out.

const PREFIX_BYTES = 5;
/** A response has two bytes. Fields that a later version of the protocol may add have room. */
export const MOST_MESSAGE_BYTES = 1024;

const SERVICE_TAG = 0x0a;
const STATUS_FIELD = 1;

export const HEALTH_STATUSES = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'] as const;
/** The name of a status, or of one that is not known: 'status 7'. */
export type HealthStatus = (typeof HEALTH_STATUSES)[number] | `status ${number}`;

/** A framed HealthCheckRequest. @param service in ASCII, at most 200 bytes */
export function healthRequest(service: string): Buffer {
  const name = Buffer.from(service, 'latin1');
  const message =
    name.length === 0 ? Buffer.alloc(0) : Buffer.concat([Buffer.from([SERVICE_TAG]), lengthOf(name), name]);
  const prefix = Buffer.alloc(PREFIX_BYTES);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

function lengthOf({ length }: Buffer): Buffer {
  return Buffer.from(length < 0x80 ? [length] : [(length & 0x7f) | 0x80, length >> 7]);
}

/**
 * Reads a HealthCheckResponse without its prefix.
 * @returns undefined when the bytes are no such message
 */
export function readHealthResponse(message: Buffer): HealthStatus | undefined {
  const reader = { bytes: message, at: 0 };
  let status = 0;
  while (reader.at < message.length) {
    const tag = readVarint(reader);
    if (tag === undefined) return undefined;
    const [field, wireType] = [Math.floor(tag / 8), tag % 8];
    if (wireType === 0) {
      const value = readVarint(reader);
      if (value === undefined) return undefined;
      if (field === STATUS_FIELD) status = value;
    } else if (!skip(reader, wireType)) return undefined;
  }
  return HEALTH_STATUSES[status] ?? `status ${status}`;
}

interface Reader {
  readonly bytes: Buffer;
  at: number;
}

function readVarint(reader: Reader): number | undefined {
  let value = 0;
  for (let factor = 1; factor <= 2 ** 63; factor *= 128) {
    if (reader.at >= reader.bytes.length) return undefined;
    const byte = reader.bytes[reader.at++];
    value += (byte & 0x7f) * factor;
    if (byte < 0x80) return value;
  }
  return undefined;
}

/** @returns false for what cannot be skipped */
function skip(reader: Reader, wireType: number): boolean {
  if (wireType === 1) reader.at += 8;
  else if (wireType === 5) reader.at += 4;
  else if (wireType === 2) {
    const length = readVarint(reader);
    if (length === undefined) return false;
    reader.at += length;
  } else return false;
  return reader.at <= reader.bytes.length;
}

/** Takes messages out of the DATA of a response. */
export class MessageReader {
  #bytes: Buffer = Buffer.alloc(0);

  /**
   * @param onMessage gets each message without its prefix; the bytes are valid only during the call
   * @returns what is wrong with the stream, or undefined
   */
  read(bytes: Buffer, onMessage: (message: Buffer) => void): string | undefined {
    this.#bytes = Buffer.concat([this.#bytes, bytes]);
    while (this.#bytes.length >= PREFIX_BYTES) {
      const length = this.#bytes.readUInt32BE(1);
      if (this.#bytes[0] !== 0) return 'a compressed message, which was not asked for';
      if (length > MOST_MESSAGE_BYTES) return `a message of ${length} bytes`;
      const end = PREFIX_BYTES + length;
      if (this.#bytes.length < end) return undefined;
      const message = this.#bytes.subarray(PREFIX_BYTES, end);
      this.#bytes = this.#bytes.subarray(end);
      onMessage(message);
    }
    return undefined;
  }
}
