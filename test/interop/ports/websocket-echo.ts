// The server's side of a WebSocket (RFC 6455) that sends every message back: as much of it as clients in tests use. Messages
// come in one frame of less than 64 KiB; anything else ends the connection.

import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';

const KEY_SUFFIX = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const OPCODE_CLOSE = 8;

export function acceptWebSocket(request: IncomingMessage, socket: Duplex, head: Buffer): void {
  socket.on('error', () => socket.destroy());
  const key = request.headers['sec-websocket-key'];
  if (key === undefined || request.headers.upgrade?.toLowerCase() !== 'websocket') {
    socket.end('HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n');
    return;
  }
  const accept = createHash('sha1')
    .update(key + KEY_SUFFIX)
    .digest('base64');
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: ${accept}\r\n\r\n`,
  );
  echoFrames(socket, head);
}

/** Also of a WebSocket that was opened in another way than by an upgrade. */
export function echoFrames(socket: Duplex, head: Buffer): void {
  let pending = head;
  const take = (): void => {
    for (;;) {
      const frame = readFrame(pending);
      if (frame === undefined) return;
      pending = pending.subarray(frame.length);
      socket.write(frameOf(frame.opcode, frame.payload));
      if (frame.opcode === OPCODE_CLOSE) socket.end();
    }
  };
  socket.on('data', (bytes: Buffer) => {
    pending = Buffer.concat([pending, bytes]);
    take();
  });
  socket.on('end', () => socket.end());
  take();
}

interface Frame {
  readonly opcode: number;
  readonly payload: Buffer;
  /** With its header. */
  readonly length: number;
}

/** Of the frame at the beginning, masked or not; undefined until all of it has come. */
export function readFrame(bytes: Buffer): Frame | undefined {
  if (bytes.length < 2) return undefined;
  const isMasked = (bytes[1] & 0x80) !== 0;
  const shortLength = bytes[1] & 0x7f;
  const maskAt = shortLength === 126 ? 4 : 2;
  if (bytes.length < maskAt) return undefined;
  const payloadLength = shortLength === 126 ? bytes.readUInt16BE(2) : shortLength;
  const payloadAt = maskAt + (isMasked ? 4 : 0);
  const length = payloadAt + payloadLength;
  if (bytes.length < length) return undefined;
  const payload = Buffer.from(bytes.subarray(payloadAt, length));
  if (isMasked) payload.forEach((byte, index) => (payload[index] = byte ^ bytes[maskAt + (index % 4)]));
  return { opcode: bytes[0] & 0x0f, payload, length };
}

/** One final frame; a client has to mask its own. */
export function frameOf(opcode: number, payload: Buffer, mask?: Buffer): Buffer {
  const head = payload.length < 126 ? Buffer.alloc(2) : Buffer.alloc(4);
  head[0] = 0x80 | opcode;
  head[1] = payload.length < 126 ? payload.length : 126;
  if (payload.length >= 126) head.writeUInt16BE(payload.length, 2);
  if (mask === undefined) return Buffer.concat([head, payload]);
  head[1] |= 0x80;
  const masked = payload.map((byte, index) => byte ^ mask[index % 4]);
  return Buffer.concat([head, mask, masked]);
}
