// Summarises a frame on one line, for failing tests.

import { errorCodeName } from '../../src/h2/error-codes.ts';
import { Flag, FRAME_HEADER_BYTES, FrameType, frameTypeName } from '../../src/h2/frame-type.ts';
import { settingName } from '../../src/h2/settings.ts';

/** Summarises the frame that begins at `offset`, e.g. `HEADERS stream=1 length=42 END_STREAM|END_HEADERS`. */
export function frameSummary(bytes: Buffer, offset = 0): string {
  if (bytes.length - offset < FRAME_HEADER_BYTES)
    return `incomplete frame header: ${bytes.length - offset} bytes`;
  const length = bytes.readUIntBE(offset, 3);
  const type = bytes[offset + 3];
  const flags = bytes[offset + 4];
  const streamId = bytes.readUInt32BE(offset + 5) & 0x7fffffff;
  const payload = bytes.subarray(offset + FRAME_HEADER_BYTES, offset + FRAME_HEADER_BYTES + length);
  const parts = [frameTypeName(type), `stream=${streamId}`, `length=${length}`];
  const flagText = flagNames(type, flags);
  if (flagText !== '') parts.push(flagText);
  const detail = payload.length === length ? payloadSummary(type, flags, payload) : 'payload incomplete';
  if (detail !== '') parts.push(detail);
  return parts.join(' ');
}

/** Summarises every complete frame in the bytes, one per line. A client preface at the beginning is named too. */
export function frameSummaries(bytes: Buffer): string[] {
  const lines: string[] = [];
  let offset = 0;
  if (bytes.subarray(0, 5).toString('latin1') === 'PRI *') {
    lines.push('client preface');
    offset = 24;
  }
  while (offset < bytes.length) {
    lines.push(frameSummary(bytes, offset));
    if (bytes.length - offset < FRAME_HEADER_BYTES) break;
    offset += FRAME_HEADER_BYTES + bytes.readUIntBE(offset, 3);
  }
  return lines;
}

function flagNames(type: number, flags: number): string {
  const names: string[] = [];
  const acknowledges = type === FrameType.SETTINGS || type === FrameType.PING;
  if (flags & 0x1) names.push(acknowledges ? 'ACK' : 'END_STREAM');
  if (flags & Flag.END_HEADERS) names.push('END_HEADERS');
  if (flags & Flag.PADDED) names.push('PADDED');
  if (flags & Flag.PRIORITY) names.push('PRIORITY');
  const others = flags & ~(0x1 | Flag.END_HEADERS | Flag.PADDED | Flag.PRIORITY);
  if (others !== 0) names.push(`0x${others.toString(16)}`);
  return names.join('|');
}

function payloadSummary(type: number, flags: number, payload: Buffer): string {
  switch (type) {
    case FrameType.RST_STREAM:
      return payload.length === 4 ? `code=${errorCodeName(payload.readUInt32BE(0))}` : '';
    case FrameType.GOAWAY:
      return payload.length >= 8
        ? `last=${payload.readUInt32BE(0) & 0x7fffffff} code=${errorCodeName(payload.readUInt32BE(4))} debug=${JSON.stringify(payload.toString('latin1', 8, 136))}`
        : '';
    case FrameType.WINDOW_UPDATE:
      return payload.length === 4 ? `increment=${payload.readUInt32BE(0) & 0x7fffffff}` : '';
    case FrameType.PING:
      return `data=${payload.toString('hex')}`;
    case FrameType.SETTINGS: {
      if (flags & Flag.ACK) return '';
      const entries: string[] = [];
      for (let at = 0; at + 6 <= payload.length; at += 6) {
        entries.push(`${settingName(payload.readUInt16BE(at))}=${payload.readUInt32BE(at + 2)}`);
      }
      return entries.join(' ');
    }
    default:
      return '';
  }
}
