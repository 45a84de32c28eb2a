// Bytes past Node's stream classes, on real sockets: nothing is lost, doubled or late, backpressure holds, and the end is told.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectClear, createServer as createClearServer, type Server, Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { type TestContext, test } from 'node:test';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';
import { SocketBytes } from '../../src/transport/socket-bytes.ts';
import { type BytesOwner, SocketHandle } from '../../src/transport/socket-handle.ts';
import { testCertificate } from '../support/certificates.ts';
import { eventually } from '../support/eventually.ts';

const certificate = await testCertificate('localhost');

interface Ends {
  /** Whose bytes are taken and given by SocketBytes. */
  readonly ours: Socket;
  readonly peer: Socket;
}

const TRANSPORTS: Readonly<Record<string, (t: TestContext) => Promise<Ends>>> = {
  TLS: (t) => {
    const server = createTlsServer({ cert: certificate.certPem, key: certificate.keyPem });
    return ends(t, server, 'secureConnection', (port) => {
      const peer = connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false });
      return { peer, connected: once(peer, 'secureConnect') };
    });
  },
  TCP: (t) =>
    ends(t, createClearServer(), 'connection', (port) => {
      const peer = connectClear(port, '127.0.0.1');
      return { peer, connected: once(peer, 'connect') };
    }),
};

async function ends(
  t: TestContext,
  server: Server,
  acceptEvent: string,
  dial: (port: number) => { readonly peer: Socket; readonly connected: Promise<unknown> },
): Promise<Ends> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  const accepted: Promise<unknown[]> = once(server, acceptEvent);
  const { peer, connected } = dial(address.port);
  const [ours] = await accepted;
  await connected;
  assert.ok(ours instanceof Socket);
  t.after(() => {
    peer.destroy();
    ours.destroy();
    server.close();
  });
  for (const socket of [peer, ours]) socket.on('error', () => {});
  return { ours, peer };
}

/** Writes one after the other, as the transport does. */
class Writing implements BytesOwner {
  readonly socketBytes: SocketBytes;
  readonly receive: (chunk: Buffer, isKept: boolean) => void;
  readonly errors: Error[] = [];
  readonly faults: unknown[] = [];
  readonly #waiting: Buffer[] = [];
  #isBusy = false;

  constructor(socket: Duplex, receive: (chunk: Buffer, isKept: boolean) => void = () => {}) {
    this.receive = receive;
    this.socketBytes = new SocketBytes(socket, this);
  }

  get isDone(): boolean {
    return !this.#isBusy && this.#waiting.length === 0;
  }

  write(chunk: Buffer): void {
    this.#waiting.push(chunk);
    this.#go();
  }

  written(error: Error | undefined): void {
    this.#isBusy = false;
    if (error === undefined) this.#go();
    else this.errors.push(error);
  }

  fail(fault: unknown): void {
    this.faults.push(fault);
  }

  #go(): void {
    while (!this.#isBusy) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      this.#isBusy = !this.socketBytes.write(next);
    }
  }
}

/** Bytes of which each tells its place. */
function pattern(length: number, seed: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let index = 0; index < length; index++) bytes[index] = (index * 31 + (index >> 8) + seed) & 255;
  return bytes;
}

function collect(socket: Socket): Buffer[] {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  return chunks;
}

function lengthOf(chunks: readonly Buffer[]): number {
  return chunks.reduce((sum, { length }) => sum + length, 0);
}

for (const [name, open] of Object.entries(TRANSPORTS)) {
  test(`${name}: this Node lets the handle be used`, async (t) => {
    const { ours } = await open(t);
    assert.ok(SocketHandle.of(ours, new Writing(ours)) !== undefined);
  });

  test(`${name}: what the owner throws at bytes is told to it, and not to Node`, async (t) => {
    const { ours, peer } = await open(t);
    const fault = new Error('a fault of ours');
    const writing = new Writing(ours, () => {
      throw fault;
    });
    writing.socketBytes.start();
    writing.socketBytes.resume();
    peer.write('one');
    await eventually('the fault is told', () => writing.faults.length > 0);
    assert.deepEqual(writing.faults, [fault]);
  });

  test(`${name}: what is written arrives whole and in order, however long the peer does not read`, async (t) => {
    const { ours, peer } = await open(t);
    const writing = new Writing(ours);
    const parts = [pattern(1, 1), pattern(70_000, 2), pattern(9, 3), pattern(8_388_608, 4), pattern(300, 5)];
    for (const part of parts) writing.write(part);
    await new Promise(setImmediate);
    assert.ok(!writing.isDone, 'eight megabytes do not fit into the system');
    const received = collect(peer);
    await eventually('all is written', () => writing.isDone);
    const expected = Buffer.concat(parts);
    await eventually('all has arrived', () => lengthOf(received) >= expected.length);
    assert.ok(Buffer.concat(received).equals(expected));
  });

  test(`${name}: what arrives is given whole and in order, what came before the start first`, async (t) => {
    const { ours, peer } = await open(t);
    const parts = [pattern(20, 1), pattern(1_000_000, 2), pattern(3, 3)];
    peer.write(parts[0]);
    await eventually('the first bytes are here', () => ours.readableLength === 20 || ours.read(0) !== null);
    const received: Buffer[] = [];
    // The chunk is only lent.
    const { socketBytes } = new Writing(ours, (chunk) => received.push(Buffer.from(chunk)));
    socketBytes.start();
    socketBytes.resume();
    for (const part of parts.slice(1)) peer.write(part);
    const expected = Buffer.concat(parts);
    await eventually('all has arrived', () => lengthOf(received) >= expected.length);
    assert.ok(Buffer.concat(received).equals(expected));
  });

  test(`${name}: a pause holds the peer back, and loses nothing`, async (t) => {
    const { ours, peer } = await open(t);
    const received: Buffer[] = [];
    const { socketBytes } = new Writing(ours, (chunk) => {
      received.push(Buffer.from(chunk));
      if (received.length === 1) socketBytes.pause();
    });
    socketBytes.start();
    socketBytes.resume();
    const sent = pattern(16_777_216, 7);
    let isSent = false;
    peer.write(sent, () => {
      isSent = true;
    });
    await eventually('the first chunk', () => received.length > 0);
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
    assert.ok(!isSent && lengthOf(received) < 1_000_000, 'more than was under way came through the pause');
    socketBytes.resume();
    await eventually('all has arrived', () => lengthOf(received) === sent.length);
    assert.ok(Buffer.concat(received).equals(sent));
  });

  test(`${name}: a pause from the first moment holds, where somebody else has read the first bytes`, async (t) => {
    const { ours, peer } = await open(t);
    let receivedBytes = 0;
    const { socketBytes } = new Writing(ours, (chunk) => {
      receivedBytes += chunk.length;
    });
    const isTakenOver = new Promise<void>((resolve) => {
      const takeOver = (): void => {
        ours.removeListener('data', takeOver);
        socketBytes.start();
        socketBytes.pause();
        resolve();
      };
      ours.on('data', takeOver);
    });
    peer.write(Buffer.from('first'));
    await isTakenOver;
    let isSent = false;
    peer.write(pattern(33_554_432, 3), () => {
      isSent = true;
    });
    for (let turn = 0; turn < 200; turn++) await new Promise(setImmediate);
    assert.ok(!isSent && receivedBytes <= 131_072, `${receivedBytes} bytes came through the pause`);
  });

  test(`${name}: the end of the peer is told by 'end', and what is written after it is over at once`, async (t) => {
    const { ours, peer } = await open(t);
    const writing = new Writing(ours);
    writing.socketBytes.start();
    writing.socketBytes.resume();
    peer.end();
    await once(ours, 'end');
    await eventually('closed', () => ours.closed);
    writing.write(pattern(10, 1));
    assert.ok(writing.isDone, 'nobody waits for a write to a closed socket');
  });

  test(`${name}: a socket destroyed in the middle of a write says so once`, async (t) => {
    const { ours } = await open(t);
    const writing = new Writing(ours);
    writing.write(pattern(16_777_216, 1));
    assert.ok(!writing.isDone);
    ours.destroy();
    await eventually('the write is given up', () => writing.isDone);
    assert.equal(writing.errors.length, 1);
  });

  test(`${name}: a peer that resets the connection ends a write with an error`, async (t) => {
    const { ours, peer } = await open(t);
    const writing = new Writing(ours);
    writing.socketBytes.start();
    writing.socketBytes.resume();
    writing.write(pattern(16_777_216, 1));
    // With bytes that it has not read: the system makes that a reset.
    peer.destroy();
    await eventually('closed', () => ours.closed);
    await eventually('the write is given up', () => writing.isDone);
    assert.ok(ours.destroyed);
  });
}

test('a socket that still connects is written to by its stream until it is connected', async (t) => {
  const server = createClearServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  const received: Buffer[] = [];
  server.on('connection', (socket) => socket.on('data', (chunk: Buffer) => received.push(chunk)));
  const socket = connectClear(address.port, '127.0.0.1');
  t.after(() => {
    socket.destroy();
    server.close();
  });
  const writing = new Writing(socket);
  const parts = [pattern(10, 1), pattern(20, 2), pattern(30, 3)];
  writing.write(parts[0]);
  writing.write(parts[1]);
  await eventually('both are written', () => writing.isDone);
  writing.write(parts[2]);
  await eventually('all has arrived', () => lengthOf(received) === 60);
  assert.deepEqual(Buffer.concat(received), Buffer.concat(parts));
});

test('a stream that is no socket is used as the stream it is', async () => {
  const written: Buffer[] = [];
  const duplex = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      written.push(Buffer.from(chunk));
      done();
    },
  });
  const received: string[] = [];
  const writing = new Writing(duplex, (chunk, isKept) => received.push(`${chunk.toString()} ${isKept}`));
  const { socketBytes } = writing;
  assert.equal(SocketHandle.of(duplex, writing), undefined);
  socketBytes.start();
  socketBytes.resume();
  assert.equal(socketBytes.write(Buffer.from('out')), true);
  duplex.push('in');
  await eventually('it is read', () => received.length > 0);
  assert.deepEqual([written.map(String), received], [['out'], ['in true']]);
});
