// Builds HTTP/2 frames byte by byte, valid and invalid ones, independently of the code under test. Header blocks are literals
// without indexing and Huffman coding, so that they need no table and can be sent in any order.

import { CLIENT_PREFACE, Flag, FrameType } from '../../src/h2/frame-type.ts';

export type Field = readonly [name: string, value: string];

/** @returns a frame with the given parts; nothing is checked */
export function frame(
  type: number,
  flags: number,
  streamId: number,
  payload: Buffer | string = Buffer.alloc(0),
): Buffer {
  const bytes = typeof payload === 'string' ? Buffer.from(payload, 'latin1') : payload;
  const header = Buffer.alloc(9);
  header.writeUIntBE(bytes.length, 0, 3);
  header[3] = type;
  header[4] = flags;
  header.writeUInt32BE(streamId, 5);
  return Buffer.concat([header, bytes]);
}

export function preface(): Buffer {
  return Buffer.from(CLIENT_PREFACE);
}

interface DataOptions {
  readonly endStream?: boolean;
  /** The number of padding bytes, without the pad length byte. */
  readonly padding?: number;
}

export function data(streamId: number, payload: Buffer | string, options: DataOptions = {}): Buffer {
  const bytes = typeof payload === 'string' ? Buffer.from(payload, 'latin1') : payload;
  const flags = options.endStream ? Flag.END_STREAM : 0;
  if (options.padding === undefined) return frame(FrameType.DATA, flags, streamId, bytes);
  return frame(FrameType.DATA, flags | Flag.PADDED, streamId, padded(bytes, options.padding));
}

interface HeadersOptions extends DataOptions {
  /** False if a CONTINUATION frame follows. */
  readonly endHeaders?: boolean;
  readonly priority?: boolean;
}

export function headers(streamId: number, fragment: Buffer, options: HeadersOptions = {}): Buffer {
  let flags = options.endStream ? Flag.END_STREAM : 0;
  if (options.endHeaders !== false) flags |= Flag.END_HEADERS;
  let payload = fragment;
  if (options.priority) {
    flags |= Flag.PRIORITY;
    payload = Buffer.concat([Buffer.from([0, 0, 0, 0, 15]), payload]);
  }
  if (options.padding !== undefined) {
    flags |= Flag.PADDED;
    payload = padded(payload, options.padding);
  }
  return frame(FrameType.HEADERS, flags, streamId, payload);
}

export function continuation(streamId: number, fragment: Buffer, endHeaders = true): Buffer {
  return frame(FrameType.CONTINUATION, endHeaders ? Flag.END_HEADERS : 0, streamId, fragment);
}

export function priority(streamId: number, payload: Buffer = Buffer.from([0, 0, 0, 0, 15])): Buffer {
  return frame(FrameType.PRIORITY, 0, streamId, payload);
}

export function resetStream(streamId: number, code: number): Buffer {
  return frame(FrameType.RST_STREAM, 0, streamId, uint32(code));
}

export function settings(...entries: readonly (readonly [id: number, value: number])[]): Buffer {
  const payload = Buffer.alloc(entries.length * 6);
  entries.forEach(([id, value], index) => {
    payload.writeUInt16BE(id, index * 6);
    payload.writeUInt32BE(value, index * 6 + 2);
  });
  return frame(FrameType.SETTINGS, 0, 0, payload);
}

export function settingsAcknowledgement(): Buffer {
  return frame(FrameType.SETTINGS, Flag.ACK, 0);
}

export function pushPromise(streamId: number, promisedId: number, fragment: Buffer): Buffer {
  return frame(
    FrameType.PUSH_PROMISE,
    Flag.END_HEADERS,
    streamId,
    Buffer.concat([uint32(promisedId), fragment]),
  );
}

export function ping(opaque = '12345678'): Buffer {
  return frame(FrameType.PING, 0, 0, opaque);
}

export function pingAcknowledgement(opaque = '12345678'): Buffer {
  return frame(FrameType.PING, Flag.ACK, 0, opaque);
}

export function goAway(lastStreamId: number, code: number, debug = ''): Buffer {
  return frame(
    FrameType.GOAWAY,
    0,
    0,
    Buffer.concat([uint32(lastStreamId), uint32(code), Buffer.from(debug, 'latin1')]),
  );
}

export function windowUpdate(streamId: number, increment: number): Buffer {
  return frame(FrameType.WINDOW_UPDATE, 0, streamId, uint32(increment));
}

/** @returns a header block of literals without indexing (RFC 7541 section 6.2.2) */
export function block(...fields: readonly Field[]): Buffer {
  return Buffer.concat(
    fields.flatMap(([name, value]) => [Buffer.from([0]), stringLiteral(name), stringLiteral(value)]),
  );
}

export const REQUEST_FIELDS: readonly Field[] = [
  [':method', 'POST'],
  [':scheme', 'https'],
  [':path', '/a.B/C'],
  [':authority', 'example.test'],
];

/** @returns the header block of a valid request, followed by `fields` */
export function requestBlock(...fields: readonly Field[]): Buffer {
  return block(...REQUEST_FIELDS, ...fields);
}

export function responseBlock(status = '200', ...fields: readonly Field[]): Buffer {
  return block([':status', status], ...fields);
}

/** @returns each frame in the bytes, without a client preface at the beginning */
export function splitFrames(bytes: Buffer): Buffer[] {
  const frames: Buffer[] = [];
  let at = bytes.subarray(0, 24).equals(CLIENT_PREFACE) ? 24 : 0;
  while (at < bytes.length) {
    const end = at + 9 + bytes.readUIntBE(at, 3);
    frames.push(bytes.subarray(at, end));
    at = end;
  }
  return frames;
}

function padded(bytes: Buffer, padding: number): Buffer {
  return Buffer.concat([Buffer.from([padding]), bytes, Buffer.alloc(padding)]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** @returns the length with a 7-bit prefix (RFC 7541 section 5.1), followed by the unencoded bytes */
function stringLiteral(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1');
  if (bytes.length < 127) return Buffer.concat([Buffer.from([bytes.length]), bytes]);
  const length = [127];
  let rest = bytes.length - 127;
  for (; rest >= 128; rest >>>= 7) length.push((rest & 0x7f) | 0x80);
  length.push(rest);
  return Buffer.concat([Buffer.from(length), bytes]);
}
