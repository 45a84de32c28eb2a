// Builds HTTP/2 frames by hand, so that tests can send what no library sends. It checks nothing and keeps no state.

import { DEFAULT_MAX_FRAME_BYTES, Flag, FRAME_HEADER_BYTES, FrameType } from '../../src/h2/frame-type.ts';

export type Fields = readonly (readonly [name: string, value: string])[];

export interface RawFrame {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Buffer;
}

export function rawFrame(type: number, flags: number, streamId: number, payload: Buffer): Buffer {
  const bytes = Buffer.alloc(FRAME_HEADER_BYTES + payload.length);
  bytes.writeUIntBE(payload.length, 0, 3);
  bytes[3] = type;
  bytes[4] = flags;
  bytes.writeUInt32BE(streamId, 5);
  payload.copy(bytes, FRAME_HEADER_BYTES);
  return bytes;
}

/** @returns a header block of literals without indexing and Huffman coding (RFC 7541 section 6.2.2), which needs no table */
export function literalBlock(fields: Fields): Buffer {
  return Buffer.concat(
    fields.map(([name, value]) =>
      Buffer.concat([Buffer.from([0]), stringLiteral(name), stringLiteral(value)]),
    ),
  );
}

/** @returns HEADERS, followed by CONTINUATION frames if the block is too long for one frame */
export function headersFrame(streamId: number, fields: Fields, endStream = false): Buffer {
  const block = literalBlock(fields);
  const frames: Buffer[] = [];
  for (let start = 0; start === 0 || start < block.length; start += DEFAULT_MAX_FRAME_BYTES) {
    const piece = block.subarray(start, start + DEFAULT_MAX_FRAME_BYTES);
    const type = start === 0 ? FrameType.HEADERS : FrameType.CONTINUATION;
    const isLast = start + piece.length >= block.length;
    const flags = (isLast ? Flag.END_HEADERS : 0) | (endStream && start === 0 ? Flag.END_STREAM : 0);
    frames.push(rawFrame(type, flags, streamId, piece));
  }
  return Buffer.concat(frames);
}

export function dataFrame(streamId: number, payload: Buffer, endStream = false): Buffer {
  return rawFrame(FrameType.DATA, endStream ? Flag.END_STREAM : 0, streamId, payload);
}

export function resetFrame(streamId: number, code: number): Buffer {
  return rawFrame(FrameType.RST_STREAM, 0, streamId, uint32(code));
}

export function settingsFrame(entries: readonly (readonly [id: number, value: number])[]): Buffer {
  const payload = Buffer.alloc(entries.length * 6);
  entries.forEach(([id, value], index) => {
    payload.writeUInt16BE(id, index * 6);
    payload.writeUInt32BE(value, index * 6 + 2);
  });
  return rawFrame(FrameType.SETTINGS, 0, 0, payload);
}

export function goAwayFrame(lastStreamId: number, code: number, debug = ''): Buffer {
  const payload = Buffer.concat([uint32(lastStreamId), uint32(code), Buffer.from(debug, 'latin1')]);
  return rawFrame(FrameType.GOAWAY, 0, 0, payload);
}

export function windowUpdateFrame(streamId: number, increment: number): Buffer {
  return rawFrame(FrameType.WINDOW_UPDATE, 0, streamId, uint32(increment));
}

/** @returns an uncompressed gRPC message: flag, length, payload */
export function grpcMessage(payload: Buffer): Buffer {
  return Buffer.concat([Buffer.from([0]), uint32(payload.length), payload]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function stringLiteral(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1');
  return Buffer.concat([integer(bytes.length), bytes]);
}

/** Encodes an integer with a 7-bit prefix (RFC 7541 section 5.1); the Huffman bit is 0. */
function integer(value: number): Buffer {
  if (value < 127) return Buffer.from([value]);
  const bytes = [127];
  let rest = value - 127;
  while (rest >= 128) {
    bytes.push((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  return Buffer.from([...bytes, rest]);
}
