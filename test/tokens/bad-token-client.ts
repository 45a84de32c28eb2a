// A client in a process of its own that sends nothing but bad tokens, each a new one, as fast as it is told to and can.
// Nothing but frames is made here, so that it takes little of the machine itself.

import { connect, type Socket } from 'node:net';
import * as frames from '../support/frames.ts';
import { type FloodOrder, type FloodReport, isFloodOrder } from './flood-messages.ts';

/** As many as may be open on a connection. */
const MOST_OPEN = 100;
const TICK_MS = 5;
const FRAME_HEADER_BYTES = 9;
const HEADERS = 1;
const SETTINGS = 4;
const PING = 6;
const ACK = 1;
const END_STREAM = 1;
const LAST_STREAM = 0x3fff_ffff;
/** Digits of the signature that are another in each token. */
const CHANGED = 12;
const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

let sent = 0;
let answered = 0;
let connected = 0;

class Flood {
  readonly #order: FloodOrder;
  readonly #template: Buffer;
  readonly #changedAt: number;
  #socket: Socket | undefined;
  #open = 0;
  #stream = 1;
  #rest: Buffer = Buffer.alloc(0);

  constructor(order: FloodOrder, token: string) {
    this.#order = order;
    this.#template = templateOf(order.path, token);
    this.#changedAt = this.#template.indexOf(token) + token.lastIndexOf('.') + 5;
    this.#connect();
  }

  #connect(): void {
    const socket = connect({ host: '127.0.0.1', port: this.#order.port, localAddress: this.#order.address });
    this.#socket = socket;
    this.#open = 0;
    this.#stream = 1;
    this.#rest = Buffer.alloc(0);
    connected++;
    socket.on('error', () => undefined);
    socket.on('close', () => setTimeout(() => this.#connect(), 50));
    socket.on('data', (bytes: Buffer) => this.#read(bytes));
    socket.write(Buffer.concat([frames.preface(), frames.settings()]));
  }

  #read(bytes: Buffer): void {
    let rest = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    while (rest.length >= FRAME_HEADER_BYTES) {
      const end = FRAME_HEADER_BYTES + rest.readUIntBE(0, 3);
      if (rest.length < end) break;
      this.#take(rest[3], rest[4], rest.subarray(FRAME_HEADER_BYTES, end));
      rest = rest.subarray(end);
    }
    this.#rest = rest;
  }

  #take(type: number, flags: number, payload: Buffer): void {
    if (type === HEADERS && (flags & END_STREAM) !== 0) {
      this.#open--;
      answered++;
    } else if (type === SETTINGS && (flags & ACK) === 0)
      this.#socket?.write(frames.settingsAcknowledgement());
    else if (type === PING && (flags & ACK) === 0) this.#socket?.write(frames.frame(PING, ACK, 0, payload));
  }

  /** @returns how many were sent */
  send(most: number): number {
    const socket = this.#socket;
    if (socket?.writable !== true) return 0;
    if (this.#stream > LAST_STREAM) socket.destroy();
    const count = Math.min(most, MOST_OPEN - this.#open);
    if (count <= 0) return 0;
    const bytes = Buffer.alloc(count * this.#template.length);
    for (let index = 0; index < count; index++, this.#stream += 2) {
      const at = index * this.#template.length;
      this.#template.copy(bytes, at);
      bytes.writeUInt32BE(this.#stream, at + 5);
      for (let digit = 0; digit < CHANGED; digit++)
        bytes.write(
          DIGITS[Math.floor(Math.random() * DIGITS.length)],
          at + this.#changedAt + digit,
          'latin1',
        );
    }
    socket.write(bytes);
    this.#open += count;
    return count;
  }
}

function templateOf(path: string, token: string): Buffer {
  const block = frames.block(
    [':method', 'POST'],
    [':scheme', 'http'],
    [':path', path],
    [':authority', 'flood.test'],
    ['content-type', 'application/grpc'],
    ['te', 'trailers'],
    ['authorization', `Bearer ${token}`],
  );
  return frames.headers(1, block, { endStream: true });
}

function begin(order: FloodOrder): void {
  const floods = order.tokens.map((token) => new Flood(order, token));
  const startedMs = performance.now();
  let begun = 0;
  setInterval(() => {
    // What could not be sent in time is not made up for.
    const due = Math.floor(((performance.now() - startedMs) / 1000) * order.perSecond);
    const now = Math.min(due - begun, order.perSecond / 20);
    begun = due;
    for (const flood of floods) sent += flood.send(Math.ceil(now / floods.length));
  }, TICK_MS);
}

process.on('message', (message: unknown) => {
  if (isFloodOrder(message)) begin(message);
  else process.send?.({ sent, answered, connected } satisfies FloodReport);
});
process.on('disconnect', () => process.exit());
