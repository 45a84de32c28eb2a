// Reads the requests of the gRPC services of the admin server, which have a few numbers and texts by field number.

import { LENGTH_DELIMITED, ProtobufReader, VARINT } from '../../grpc/protobuf-reader.ts';
import { GrpcStatus } from '../../grpc/status.ts';
import { RpcError } from './rpc-method.ts';

export interface MessageFields {
  /** A number above 2^53 is not exact, and a negative one is read as a large one. */
  readonly numbers: ReadonlyMap<number, number>;
  readonly texts: ReadonlyMap<number, string>;
}

/** Of a field that comes twice the last is taken. Throws RpcError if the bytes are no message. */
export function readFields(message: Buffer): MessageFields {
  const reader = new ProtobufReader(message);
  const numbers = new Map<number, number>();
  const texts = new Map<number, string>();
  while (!reader.isAtEnd) {
    const tag = reader.readVarint();
    if (tag === undefined) throw malformed();
    const [field, wireType] = [Math.floor(tag / 8), tag % 8];
    if (wireType === VARINT) {
      const value = reader.readVarint();
      if (value === undefined) throw malformed();
      numbers.set(field, value);
    } else if (wireType === LENGTH_DELIMITED) {
      const bytes = reader.readBytes();
      if (bytes === undefined) throw malformed();
      texts.set(field, bytes.toString('utf8'));
    } else if (!reader.skip(wireType)) throw malformed();
  }
  return { numbers, texts };
}

function malformed(): RpcError {
  return new RpcError(GrpcStatus.INVALID_ARGUMENT, 'the request is no message of Protocol Buffers');
}
