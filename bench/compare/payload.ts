// Creates a gRPC message of a given size: the five-byte prefix, then the payload.

const PREFIX_BYTES = 5;

export function messageBytes(payloadBytes: number): number {
  return PREFIX_BYTES + payloadBytes;
}

/** @returns an uncompressed message (flag 0, length) whose payload is clearly not text */
export function makeMessage(payloadBytes: number): Buffer {
  const message = Buffer.alloc(messageBytes(payloadBytes));
  message.writeUInt32BE(payloadBytes, 1);
  for (let index = PREFIX_BYTES; index < message.length; index++) message[index] = (index * 31) & 0xff;
  return message;
}
