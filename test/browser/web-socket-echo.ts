// The WebSocket end behind the proxy (RFC 6455): sends every message back, and does what a few words of text ask for.
// Written out, since Node has no WebSocket server and the frames are few. For tests only: it trusts its peer's lengths.

import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';

const handshakeGuid = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const textCode = 1;
const closeCode = 8;
const pingCode = 9;
const pongCode = 10;
/** What a browser reports of a connection that ended without a close frame (section 7.1.5). */
const abnormalClosure = 1006;

interface Frame {
  readonly isFinal: boolean;
  readonly code: number;
  readonly payload: Buffer;
}

/** `onClose` is told the close code that came from the client, or 1006 when none did; once. */
export function acceptWebSocket(
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  onClose: (code: number) => void,
): void {
  const key = request.headers['sec-websocket-key'] ?? '';
  const accept = createHash('sha1').update(`${key}${handshakeGuid}`).digest('base64');
  const [protocol] = (request.headers['sec-websocket-protocol'] ?? '').split(/\s*,\s*/);
  const lines = [
    'HTTP/1.1 101 Switching Protocols',
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Accept: ${accept}`,
    ...(protocol === '' ? [] : [`Sec-WebSocket-Protocol: ${protocol}`]),
  ];
  socket.write(`${lines.join('\r\n')}\r\n\r\n`);
  const echo = new WebSocketEcho(socket, onClose);
  if (head.length > 0) echo.receive(head);
  socket.on('data', (bytes: Buffer) => echo.receive(bytes));
  socket.on('error', () => socket.destroy());
  socket.on('close', () => echo.end(abnormalClosure));
}

class WebSocketEcho {
  readonly #socket: Duplex;
  readonly #onClose: (code: number) => void;
  #received: Buffer[] = [];
  #receivedBytes = 0;
  #wantedBytes = 2;
  #message: Frame[] = [];
  #hasSentClose = false;
  #isEnded = false;

  constructor(socket: Duplex, onClose: (code: number) => void) {
    this.#socket = socket;
    this.#onClose = onClose;
  }

  receive(bytes: Buffer): void {
    this.#received.push(bytes);
    this.#receivedBytes += bytes.length;
    // Joined only once a frame may be whole, since a large one comes in many pieces.
    if (this.#receivedBytes < this.#wantedBytes) return;
    let rest = Buffer.concat(this.#received);
    for (;;) {
      const frame = readFrame(rest);
      if ('wantedBytes' in frame) {
        this.#wantedBytes = frame.wantedBytes;
        break;
      }
      rest = rest.subarray(frame.sizeBytes);
      this.#handle(frame);
    }
    this.#received = [rest];
    this.#receivedBytes = rest.length;
  }

  end(code: number): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#onClose(code);
  }

  #handle(frame: Frame): void {
    switch (frame.code) {
      case closeCode:
        // Each side sends one close frame; the second one is the answer.
        if (this.#hasSentClose) this.#socket.end();
        else this.#socket.end(frameOf(closeCode, frame.payload));
        this.end(frame.payload.length >= 2 ? frame.payload.readUInt16BE(0) : 1005);
        return;
      case pingCode:
        this.#socket.write(frameOf(pongCode, frame.payload));
        return;
      case pongCode:
        this.#socket.write(frameOf(textCode, Buffer.from(`pong ${frame.payload.toString()}`)));
        return;
      default:
        this.#message.push(frame);
        if (frame.isFinal) this.#answer(this.#message.splice(0));
    }
  }

  #answer(frames: readonly Frame[]): void {
    const [{ code }] = frames;
    const payload = Buffer.concat(frames.map((frame) => frame.payload));
    const words = code === textCode ? payload.toString().split(' ') : [];
    if (words[0] === 'close') {
      const reason = Buffer.from(words.slice(2).join(' '));
      const status = Buffer.alloc(2);
      status.writeUInt16BE(Number(words[1]));
      this.#hasSentClose = true;
      this.#socket.write(frameOf(closeCode, Buffer.concat([status, reason])));
    } else if (words[0] === 'drop') {
      this.#socket.destroy();
    } else if (words[0] === 'ping') {
      this.#socket.write(frameOf(pingCode, Buffer.from('from the server')));
    } else {
      this.#socket.write(frameOf(code, payload));
    }
  }
}

/** The first frame and its size on the wire, or how many bytes it takes to know more. Clients mask (section 5.3). */
function readFrame(bytes: Buffer): (Frame & { sizeBytes: number }) | { wantedBytes: number } {
  if (bytes.length < 2) return { wantedBytes: 2 };
  const shortLength = bytes[1] & 0x7f;
  const lengthBytes = shortLength === 127 ? 8 : shortLength === 126 ? 2 : 0;
  const payloadStart = 2 + lengthBytes + 4;
  if (bytes.length < payloadStart) return { wantedBytes: payloadStart };
  const length =
    lengthBytes === 0 ? shortLength : bytes.readUIntBE(lengthBytes === 8 ? 4 : 2, lengthBytes === 8 ? 6 : 2);
  const sizeBytes = payloadStart + length;
  if (bytes.length < sizeBytes) return { wantedBytes: sizeBytes };
  const mask = bytes.subarray(payloadStart - 4, payloadStart);
  const payload = Buffer.from(bytes.subarray(payloadStart, sizeBytes));
  for (let index = 0; index < payload.length; index++) payload[index] ^= mask[index & 3];
  return { isFinal: (bytes[0] & 0x80) !== 0, code: bytes[0] & 0x0f, payload, sizeBytes };
}

function frameOf(code: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(payload.length < 126 ? 2 : payload.length < 65536 ? 4 : 10);
  head[0] = 0x80 | code;
  if (payload.length < 126) {
    head[1] = payload.length;
  } else if (payload.length < 65536) {
    head[1] = 126;
    head.writeUInt16BE(payload.length, 2);
  } else {
    head[1] = 127;
    head.writeUIntBE(payload.length, 4, 6);
  }
  return Buffer.concat([head, payload]);
}
