// A connection on a socket: one write a turn, slabs given back, an end that cannot be held up, and nothing thrown.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Role } from '../../src/h2/connection.ts';
import type { ConnectionHandler } from '../../src/h2/connection-handler.ts';
import { ErrorCode } from '../../src/h2/error-codes.ts';
import { FrameType } from '../../src/h2/frame-type.ts';
import { HeaderList } from '../../src/h2/hpack/header-list.ts';
import type { Stream } from '../../src/h2/stream.ts';
import { Http2Transport } from '../../src/transport/http2-transport.ts';
import * as frames from '../support/frames.ts';
import { LOCAL_SETTINGS } from '../support/local-settings.ts';
import { MemorySocket, nextTurns } from '../support/memory-socket.ts';
import { IGNORING_OWNER } from '../support/recorded-stream.ts';

const HELLO = Buffer.concat([frames.preface(), frames.settings()]);
const PING = frames.frame(FrameType.PING, 0, 0, ' 8 bytes');

class Side implements ConnectionHandler {
  readonly socket = new MemorySocket();
  readonly log: string[] = [];
  readonly streams: Stream[] = [];
  readonly transport: Http2Transport;

  constructor(t: TestContext, role: Role = 'server') {
    const events = { onClosed: (reason: string) => this.log.push(`closed: ${reason}`) };
    this.transport = new Http2Transport(this.socket, role, LOCAL_SETTINGS, this, events);
    t.after(() => this.socket.vanish());
  }

  /** With the peer's first frames received and ours written. */
  static async opened(t: TestContext): Promise<Side> {
    const side = new Side(t);
    side.transport.start(HELLO);
    await nextTurns();
    side.socket.writes.length = 0;
    side.takeLog();
    return side;
  }

  onRequest(stream: Stream): void {
    this.streams.push(stream);
    stream.owner = {
      ...IGNORING_OWNER,
      onWritable: () => this.log.push('writable'),
      onConnectionLost: (reason) => this.log.push(`lost: ${reason}`),
    };
  }

  onSettings(): void {
    this.log.push('settings');
  }

  onGoAway(): void {}
  onPingAcknowledged(): void {}
  onCaughtUp(): void {}
  onOutputDrained(): void {}

  onViolation(error: Error): void {
    this.log.push(`violation: ${error.message}`);
  }

  takeLog(): string[] {
    return this.log.splice(0);
  }
}

function request(streamId: number): Buffer {
  return frames.headers(streamId, frames.requestBlock());
}

test('all output of one turn leaves in one write', async (t) => {
  const side = new Side(t);
  assert.equal(side.socket.written.length, 0, 'nothing is written before the turn is over');
  side.transport.start(HELLO);
  for (let index = 0; index < 10; index++) side.socket.arrives(PING);
  await nextTurns();
  assert.equal(side.socket.writes.length, 1);
  side.transport.connection.ping(Buffer.alloc(8));
  side.transport.connection.ping(Buffer.alloc(8));
  await nextTurns();
  assert.equal(side.socket.writes.length, 2);
  assert.equal(side.socket.writes[1].length, 2 * 17);
});

test('bytes read from the socket before are taken as the first', async (t) => {
  const side = new Side(t);
  side.transport.start(HELLO.subarray(0, 30));
  assert.deepEqual(side.takeLog(), []);
  side.socket.arrives(HELLO.subarray(30));
  await nextTurns();
  assert.deepEqual(side.takeLog(), ['settings']);
});

test('a slab is not written to again before the socket has taken it', async (t) => {
  const side = await Side.opened(t);
  side.socket.isStalled = true;
  side.transport.connection.ping(Buffer.from('11111111'));
  await nextTurns();
  const held = side.socket.writes[0];
  side.transport.connection.ping(Buffer.from('22222222'));
  await nextTurns();
  assert.equal(side.socket.writes.length, 1, 'one write at a time while the peer does not read');
  assert.equal(held.toString('latin1', 9), '11111111');
  side.socket.release();
  await nextTurns();
  assert.equal(side.socket.writes.length, 2);
  assert.equal(side.socket.writes[1].toString('latin1', 9), '22222222');
});

test('data that had to wait for the socket is asked for when the socket has taken some', async (t) => {
  const side = await Side.opened(t);
  const grown = Buffer.concat([frames.windowUpdate(0, 1_000_000), frames.windowUpdate(1, 1_000_000)]);
  side.socket.arrives(Buffer.concat([request(1), grown]));
  await nextTurns();
  side.socket.isStalled = true;
  const [stream] = side.streams;
  stream.sendHeaders(HeaderList.of([':status', '200']), false);
  const body = Buffer.alloc(600_000);
  const taken = stream.sendData(body, 0, body.length, false);
  assert.ok(taken > 0 && taken < body.length);
  await nextTurns();
  side.takeLog();
  side.socket.release();
  await nextTurns();
  assert.deepEqual(side.takeLog(), ['writable']);
});

test('close() sends what is written, tells streams and ends the socket; again it does nothing', async (t) => {
  const side = await Side.opened(t);
  side.socket.arrives(request(1));
  await nextTurns();
  side.transport.connection.goAway(1, ErrorCode.NO_ERROR, 'bye');
  side.transport.close();
  side.transport.close();
  await nextTurns();
  assert.equal(side.socket.writes.length, 1);
  assert.match(side.socket.written.toString('latin1'), /bye$/);
  assert.equal(side.socket.hasEnded, true);
  assert.deepEqual(side.takeLog(), ['lost: the connection was closed']);
  side.socket.push(null);
  await nextTurns(4);
  side.transport.close();
  assert.deepEqual(side.takeLog(), ['closed: the peer closed the connection']);
});

for (const follows of ['closes its side', 'resets the connection'])
  test(`a violation stays the reason of the end when the peer ${follows} afterwards`, async (t) => {
    const side = await Side.opened(t);
    side.transport.receive(Buffer.from('9cb1f6e2b7a31c0db0', 'hex'));
    await nextTurns();
    if (follows === 'closes its side') side.socket.push(null);
    else side.socket.destroy(Object.assign(new Error('reset'), { code: 'ECONNRESET' }));
    await nextTurns(4);
    assert.match(
      side.takeLog().at(-1) ?? '',
      /^closed: this proxy ended it because of a violation: .*\(FRAME_SIZE_ERROR, \w+\)$/,
    );
  });

test('a fault after the peer has closed is no reason of the end', async (t) => {
  const side = await Side.opened(t);
  side.socket.push(null);
  await nextTurns();
  side.transport.fail(new Error('a fault of ours'));
  await nextTurns(4);
  assert.ok(side.takeLog().includes('closed: the peer closed the connection'));
});

test('destroy() ends the socket at once and says why, once', async (t) => {
  const side = await Side.opened(t);
  side.socket.arrives(request(1));
  await nextTurns();
  side.transport.connection.ping(Buffer.alloc(8));
  side.transport.destroy('no more');
  side.transport.destroy('another reason');
  side.transport.close();
  assert.equal(side.socket.destroyed, true);
  assert.deepEqual(side.takeLog(), ['lost: no more']);
  await nextTurns();
  assert.deepEqual(side.takeLog(), ['closed: no more']);
  assert.deepEqual(side.socket.writes, []);
});

test('a violation is answered with GOAWAY, and then the connection ends', async (t) => {
  const side = await Side.opened(t);
  side.socket.arrives(request(1));
  await nextTurns();
  side.socket.arrives(frames.data(0, 'x'));
  await nextTurns();
  assert.equal(side.socket.written[3], FrameType.GOAWAY);
  assert.equal(side.socket.hasEnded, true);
  const log = side.takeLog();
  assert.equal(log.length, 2);
  assert.match(log[0], /^violation: /);
  assert.match(log[1], /^lost: /);
});

test('an error of the socket is told to streams by its cause and thrown at nobody', async (t) => {
  const causes = {
    ECONNRESET: 'the peer reset the connection',
    EPIPE: 'the peer closed the connection',
    ETIMEDOUT: 'the connection timed out',
    EHOSTDOWN: 'the connection failed (EHOSTDOWN)',
  };
  for (const [code, reason] of Object.entries(causes)) {
    const side = await Side.opened(t);
    side.socket.arrives(request(1));
    await nextTurns();
    side.takeLog();
    side.socket.destroy(Object.assign(new Error('from below'), { code }));
    await nextTurns();
    assert.deepEqual(side.takeLog(), [`lost: ${reason}`, `closed: ${reason}`]);
  }
});

test('bytes that come after the end are ignored', async (t) => {
  const side = await Side.opened(t);
  side.transport.close();
  side.socket.arrives(request(1));
  await nextTurns();
  assert.deepEqual(side.streams, []);
});

test('what fails to be written after the socket is gone is forgotten', async (t) => {
  const side = await Side.opened(t);
  side.socket.isStalled = true;
  side.transport.connection.ping(Buffer.alloc(8));
  await nextTurns();
  side.transport.connection.ping(Buffer.alloc(8));
  side.socket.destroy();
  await nextTurns(4);
  side.transport.connection.ping(Buffer.alloc(8));
  side.transport.flush();
  assert.equal(side.socket.writes.length, 1);
});

for (const event of ['end', 'close'] as const) {
  test(`a fault while the socket's '${event}' is acted on is told to the handler, and ends the connection only`, async (t) => {
    const side = await Side.opened(t);
    t.mock.method(side.transport.connection, 'connectionLost', () => {
      throw new Error('a fault of ours');
    });
    if (event === 'end') side.socket.push(null);
    else side.socket.destroy();
    await nextTurns();
    assert.match(side.takeLog().join(), /violation: internal error/);
    assert.ok(side.socket.destroyed);
  });
}

test('a fault in a flush ends its connection, and tells the streams and the handler', async (t) => {
  const side = await Side.opened(t);
  side.transport.receive(frames.headers(1, frames.requestBlock()));
  side.takeLog();
  t.mock.method(side.transport.connection, 'outputDrained', () => {
    throw new Error('a fault of ours');
  });
  side.transport.receive(PING);
  await nextTurns();
  const log = side.takeLog();
  assert.match(log.join(), /violation: internal error.*lost: this proxy ended it after an internal error/);
  assert.ok(side.socket.destroyed);
});
