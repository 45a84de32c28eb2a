// The request of grpc.reflection for the list of services, and its response, with as much of protobuf as that needs. Bytes go in, names come out.

import { quoted } from './finding.ts';

/** A framed ServerReflectionRequest with list_services: "". */
export const LIST_SERVICES: Buffer = Buffer.from([0, 0, 0, 0, 2, 0x3a, 0x00]);
export const REFLECTION_PATHS: readonly string[] = [
  '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
  '/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo',
];

const LIST_SERVICES_RESPONSE = 6;
const SERVICE = 1;
const NAME = 1;
const LENGTH_DELIMITED = 2;
const PREFIX_BYTES = 5;
const MOST_SERVICES = 500;
const MOST_NAME_CHARACTERS = 200;

/**
 * @param body the DATA of the response
 * @returns the names of the services, harmless to print; undefined if the body is no such response
 */
export function readServices(body: Buffer): readonly string[] | undefined {
  if (body.length < PREFIX_BYTES || body[0] !== 0) return undefined;
  const message = body.subarray(PREFIX_BYTES, PREFIX_BYTES + body.readUInt32BE(1));
  const list = fieldsOf(message)?.find(({ field }) => field === LIST_SERVICES_RESPONSE)?.bytes;
  const services = list === undefined ? undefined : fieldsOf(list);
  return services
    ?.filter(({ field }) => field === SERVICE)
    .slice(0, MOST_SERVICES)
    .flatMap(({ bytes }) => fieldsOf(bytes)?.find(({ field }) => field === NAME)?.bytes ?? [])
    .map((name) => quoted(name.toString('utf8'), MOST_NAME_CHARACTERS));
}

interface Field {
  readonly field: number;
  readonly bytes: Buffer;
}

/** @returns the fields with a length, or undefined if the bytes are no message */
function fieldsOf(bytes: Buffer): readonly Field[] | undefined {
  const fields: Field[] = [];
  let at = 0;
  const varint = (): number | undefined => {
    let value = 0;
    for (let factor = 1; factor <= 2 ** 35 && at < bytes.length; factor *= 128) {
      const byte = bytes[at++];
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
    return undefined;
  };
  while (at < bytes.length) {
    const tag = varint();
    if (tag === undefined) return undefined;
    const wireType = tag % 8;
    if (wireType === LENGTH_DELIMITED) {
      const length = varint();
      if (length === undefined || length > bytes.length - at) return undefined;
      fields.push({ field: Math.floor(tag / 8), bytes: bytes.subarray(at, at + length) });
      at += length;
    } else if (wireType === 0) {
      if (varint() === undefined) return undefined;
    } else if (wireType === 1 || wireType === 5) at += wireType === 1 ? 8 : 4;
    else return undefined;
  }
  return fields;
}
