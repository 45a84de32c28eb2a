// The two messages of grpc.health.v1. Bytes in, decisions out.

import { framed } from '../grpc/message-reader.ts';
import { ProtobufReader, VARINT } from '../grpc/protobuf-reader.ts';

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
  return framed(message);
}

function lengthOf({ length }: Buffer): Buffer {
  return Buffer.from(length < 0x80 ? [length] : [(length & 0x7f) | 0x80, length >> 7]);
}

/**
 * Reads a HealthCheckResponse without its prefix.
 * @returns undefined when the bytes are no such message
 */
export function readHealthResponse(message: Buffer): HealthStatus | undefined {
  const reader = new ProtobufReader(message);
  let status = 0;
  while (!reader.isAtEnd) {
    const tag = reader.readVarint();
    if (tag === undefined) return undefined;
    const [field, wireType] = [Math.floor(tag / 8), tag % 8];
    if (field === STATUS_FIELD && wireType === VARINT) {
      const value = reader.readVarint();
      if (value === undefined) return undefined;
      status = value;
    } else if (!reader.skip(wireType)) return undefined;
  }
  return HEALTH_STATUSES[status] ?? `status ${status}`;
}
