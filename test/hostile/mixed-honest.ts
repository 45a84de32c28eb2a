// A hundred honest clients in a process of their own, each with an address of its own: gRPC unary and streams with
// deadlines, HTTP/1.1, WebSockets. They measure how long an answer takes, and keep what failed. Nothing of this project is
// used here.

import { Agent, request as requestHttp1 } from 'node:http';
import { type ClientHttp2Session, type ClientHttp2Stream, connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import type { HonestReport, Kind } from './mixed-report.ts';

const EACH = 25;
const PERIOD_MS = 200;
const DEADLINE_MS = 10_000;
const MESSAGE = Buffer.concat([Buffer.from([0, 0, 0, 0, 100]), Buffer.alloc(100, 0x61)]);

let durationsMs = emptyDurations();
let failures: string[] = [];

function emptyDurations(): Record<Kind, number[]> {
  return { unary: [], stream: [], http1: [], websocket: [] };
}

function fail(kind: Kind, address: string, what: string): void {
  if (failures.length < 100) failures.push(`${kind} from ${address}: ${what}`);
}

function sessionFrom(port: number, address: string, kind: Kind): ClientHttp2Session {
  const session = connectHttp2(`http://127.0.0.1:${port}`, {
    createConnection: () => connect({ host: '127.0.0.1', port, localAddress: address }),
  });
  session.on('error', (error) => fail(kind, address, `session: ${error.message}`));
  session.on('goaway', (code) => fail(kind, address, `GOAWAY ${code}`));
  return session;
}

const GRPC = { ':method': 'POST', 'content-type': 'application/grpc', te: 'trailers' };

function callUnary(session: ClientHttp2Session, address: string): void {
  const startedMs = performance.now();
  const stream = session.request({
    ...GRPC,
    ':path': '/mixed.Service/Unary',
    'grpc-timeout': `${DEADLINE_MS}m`,
  });
  let status: unknown;
  let bytes = 0;
  stream.on('response', (headers) => {
    status = headers['grpc-status'];
  });
  stream.on('trailers', (trailers) => {
    status = trailers['grpc-status'];
  });
  stream.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
  });
  stream.on('error', () => undefined);
  stream.on('close', () => {
    durationsMs.unary.push(performance.now() - startedMs);
    if (status !== '0' || bytes !== MESSAGE.length)
      fail('unary', address, `status ${String(status)}, ${bytes} bytes, reset ${stream.rstCode}`);
  });
  stream.end(MESSAGE);
}

/** One echo after another, on a call that lasts. */
class Echo {
  readonly #kind: 'stream' | 'websocket';
  readonly #address: string;
  readonly #send: (message: Buffer) => void;
  #left = 0;
  #sentMs = 0;

  constructor(kind: 'stream' | 'websocket', address: string, send: (message: Buffer) => void) {
    this.#kind = kind;
    this.#address = address;
    this.#send = send;
  }

  receive(length: number): void {
    this.#left -= length;
    if (this.#left === 0) durationsMs[this.#kind].push(performance.now() - this.#sentMs);
    if (this.#left < 0) fail(this.#kind, this.#address, 'more came back than was sent');
  }

  next(): void {
    if (this.#left === 0) {
      this.#left = MESSAGE.length;
      this.#sentMs = performance.now();
      this.#send(MESSAGE);
    } else if (performance.now() - this.#sentMs > DEADLINE_MS) {
      fail(this.#kind, this.#address, 'no echo in time');
      this.#sentMs = performance.now();
    }
  }
}

function openStream(port: number, address: string): Echo {
  const session = sessionFrom(port, address, 'stream');
  const stream: ClientHttp2Stream = session.request({
    ...GRPC,
    ':path': '/mixed.Service/Stream',
    'grpc-timeout': '2H',
  });
  const echo = new Echo('stream', address, (message) => stream.write(message));
  stream.on('data', (chunk: Buffer) => echo.receive(chunk.length));
  stream.on('error', (error) => fail('stream', address, error.message));
  stream.on('close', () => fail('stream', address, `the stream has ended, reset ${stream.rstCode}`));
  return echo;
}

function openWebSocket(port: number, address: string): Echo {
  const socket = connect({ host: '127.0.0.1', port, localAddress: address });
  socket.write(
    'GET /web/socket HTTP/1.1\r\nHost: web.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
  );
  const echo = new Echo('websocket', address, (message) => {
    if (isOpen) socket.write(message);
  });
  let head = '';
  let isOpen = false;
  socket.on('error', (error) => fail('websocket', address, error.message));
  socket.on('close', () => fail('websocket', address, 'the socket has ended'));
  socket.on('data', (chunk: Buffer) => {
    if (isOpen) {
      echo.receive(chunk.length);
      return;
    }
    head += chunk.toString('latin1');
    if (!head.includes('\r\n\r\n')) return;
    isOpen = true;
    if (!head.startsWith('HTTP/1.1 101 ')) fail('websocket', address, head.slice(0, 60));
  });
  return echo;
}

function getHttp1(agent: Agent, port: number, address: string): void {
  const startedMs = performance.now();
  const request = requestHttp1({ host: '127.0.0.1', port, path: '/web/page', agent, localAddress: address });
  request.setTimeout(DEADLINE_MS, () => request.destroy(new Error('no answer in time')));
  request.on('error', (error) => fail('http1', address, error.message));
  request.on('response', (response) => {
    let bytes = 0;
    response.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
    });
    response.on('error', (error) => fail('http1', address, error.message));
    response.on('end', () => {
      durationsMs.http1.push(performance.now() - startedMs);
      if (response.statusCode !== 200 || bytes !== MESSAGE.length)
        fail('http1', address, `status ${response.statusCode}, ${bytes} bytes`);
    });
  });
  request.end();
}

function begin(port: number): void {
  const ticks: (() => void)[] = [];
  for (let index = 0; index < EACH; index++) {
    const addressOf = (kind: number): string => `127.10.${kind}.${index + 1}`;
    const session = sessionFrom(port, addressOf(0), 'unary');
    ticks.push(() => callUnary(session, addressOf(0)));
    const stream = openStream(port, addressOf(1));
    ticks.push(() => stream.next());
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    ticks.push(() => getHttp1(agent, port, addressOf(2)));
    const socket = openWebSocket(port, addressOf(3));
    ticks.push(() => socket.next());
  }
  // Spread over the period: they are a hundred clients, not one burst.
  ticks.forEach((tick, index) => {
    setTimeout(() => setInterval(tick, PERIOD_MS), 1000 + (index * PERIOD_MS) / ticks.length);
  });
}

process.on('message', (message: unknown) => {
  if (typeof message === 'number') begin(message);
  else {
    process.send?.({ durationsMs, failures } satisfies HonestReport);
    durationsMs = emptyDurations();
    failures = [];
  }
});
process.on('disconnect', () => process.exit());
