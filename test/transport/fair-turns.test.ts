// F20: a chunk of very many small frames does not keep the other connections waiting; nothing of it is lost.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { HeaderList } from '../../src/h2/hpack/header-list.ts';
import type { Stream } from '../../src/h2/stream.ts';
import { Http2Transport } from '../../src/transport/http2-transport.ts';
import { turnNowMs } from '../../src/transport/turn-clock.ts';
import { eventually } from '../support/eventually.ts';
import * as frames from '../support/frames.ts';
import { LOCAL_SETTINGS } from '../support/local-settings.ts';
import { MemorySocket, nextTurns } from '../support/memory-socket.ts';
import { IGNORING_OWNER } from '../support/recorded-stream.ts';

const ANSWER = HeaderList.of([':status', '200']);

/** Makes every request cost a quarter of a millisecond, whatever the machine. */
function spendTime(): void {
  const untilMs = performance.now() + 0.25;
  while (performance.now() < untilMs);
}

const NOTHING: Buffer = Buffer.alloc(0);

class Busy {
  readonly socket = new MemorySocket();
  readonly transport: Http2Transport;
  readonly served: number[] = [];
  onServed = (): void => undefined;
  violations = 0;

  /** @param head what comes with the first bytes */
  constructor(t: TestContext, head = NOTHING) {
    const handler = {
      onRequest: (stream: Stream) => {
        spendTime();
        stream.owner = IGNORING_OWNER;
        this.served.push(stream.id);
        this.onServed();
        stream.sendHeaders(ANSWER, true);
      },
      onSettings() {},
      onGoAway() {},
      onPingAcknowledged() {},
      onCaughtUp() {},
      onOutputDrained() {},
      onViolation: () => {
        this.violations++;
      },
    };
    this.transport = new Http2Transport(this.socket, 'server', LOCAL_SETTINGS, handler, { onClosed() {} });
    t.after(() => this.socket.vanish());
    this.transport.start(Buffer.concat([frames.preface(), frames.settings(), head]));
  }
}

/** As many requests as come in one read, about. */
const REQUESTS = 1000;

function requests(first = 0): Buffer {
  const block = frames.requestBlock();
  return Buffer.concat(
    Array.from({ length: REQUESTS }, (_, index) =>
      frames.headers(2 * (first + index) + 1, block, { endStream: true }),
    ),
  );
}

function ids(count: number): number[] {
  return Array.from({ length: count }, (_, index) => 2 * index + 1);
}

test('a chunk of a thousand requests is served in several turns of the event loop, in order', async (t) => {
  const busy = new Busy(t);
  busy.transport.receive(requests());
  assert.ok(busy.served.length < REQUESTS, 'all at once');
  assert.equal(busy.socket.isPaused(), true, 'more is read meanwhile');
  await eventually('all are served', () => busy.served.length === REQUESTS);
  assert.deepEqual(busy.served, ids(REQUESTS));
  await nextTurns();
  assert.equal(busy.socket.isPaused(), false);
  assert.equal(busy.violations, 0);
});

test('the requests of a part of a chunk have one time, at which the part began to be read', async (t) => {
  const busy = new Busy(t);
  const times: number[] = [];
  busy.onServed = () => times.push(turnNowMs());
  busy.transport.receive(requests());
  const first = times.length;
  await eventually('all are served', () => busy.served.length === REQUESTS);
  const later = times.slice(first);
  assert.ok(
    new Set(later).size < later.length / 2,
    `${new Set(later).size} times of ${later.length} requests`,
  );
  assert.ok(new Set(later).size > 1, 'each part has its own');
});

test('a client whose first bytes are a thousand requests is not read from before they are served', async (t) => {
  const busy = new Busy(t, requests());
  assert.ok(busy.served.length < REQUESTS, 'all at once');
  assert.equal(busy.socket.isPaused(), true, 'what comes meanwhile would be copied again and again');
  await eventually('all are served', () => busy.served.length === REQUESTS);
  await nextTurns();
  assert.equal(busy.socket.isPaused(), false);
  assert.equal(busy.violations, 0);
});

test('the chunk may be used for something else as soon as receive() returns', async (t) => {
  const busy = new Busy(t);
  const chunk = requests();
  busy.transport.receive(chunk);
  chunk.fill(0xff);
  await eventually('all are served', () => busy.served.length === REQUESTS);
  assert.equal(busy.violations, 0);
});

test('what comes in the meantime is read behind it', async (t) => {
  const busy = new Busy(t);
  busy.transport.receive(requests());
  busy.transport.receive(requests(REQUESTS));
  await eventually('all are served', () => busy.served.length === 2 * REQUESTS);
  assert.deepEqual(busy.served, ids(2 * REQUESTS));
});

test('a connection that is closed in the meantime serves no more', async (t) => {
  const busy = new Busy(t);
  busy.transport.receive(requests());
  const served = busy.served.length;
  busy.transport.close();
  await nextTurns(8);
  assert.equal(busy.served.length, served);
});

test('a request that takes its time elsewhere ends the turn of its connection', async (t) => {
  const busy = new Busy(t);
  busy.onServed = () => busy.transport.connection.yieldTurn();
  const block = frames.requestBlock();
  const some = Array.from({ length: 6 }, (_, index) =>
    frames.headers(2 * index + 1, block, { endStream: true }),
  );
  busy.transport.receive(Buffer.concat(some));
  for (let served = 1; served <= 6; served++) {
    assert.equal(busy.served.length, served);
    await nextTurns(1);
  }
  await nextTurns(1);
  // What was done in another turn leaves nothing behind.
  busy.onServed = () => undefined;
  busy.transport.connection.yieldTurn();
  busy.transport.receive(Buffer.concat([13, 15].map((id) => frames.headers(id, block, { endStream: true }))));
  assert.equal(busy.served.length, 8);
  assert.equal(busy.socket.isPaused(), false);
});

test('a turn that has ended is not begun again by the next chunk, as TLS brings several in one', async (t) => {
  const busy = new Busy(t);
  busy.onServed = () => busy.transport.connection.yieldTurn();
  const block = frames.requestBlock();
  const chunks = [1, 3, 5, 7].map((id) => frames.headers(id, block, { endStream: true }));
  for (const chunk of chunks) {
    busy.transport.receive(chunk);
    chunk.fill(0xff);
  }
  for (let served = 1; served <= 4; served++) {
    assert.equal(busy.served.length, served);
    await nextTurns(1);
  }
  assert.deepEqual(busy.served, [1, 3, 5, 7]);
  assert.equal(busy.violations, 0);
  assert.equal(busy.socket.isPaused(), false);
});

test('a few requests are not divided, and a few more that take long are', (t) => {
  for (const [count, served] of [
    [16, 16],
    [40, 16],
  ]) {
    const busy = new Busy(t);
    const block = frames.requestBlock();
    const some = Array.from({ length: count }, (_, index) =>
      frames.headers(2 * index + 1, block, { endStream: true }),
    );
    busy.transport.receive(Buffer.concat(some));
    assert.equal(busy.served.length, served, `of ${count}`);
  }
});

test('reads of one socket that follow each other share a turn: the socket rests until the next', async (t) => {
  const busy = new Busy(t);
  const block = frames.requestBlock(['bulk', 'v'.repeat(2500)]);
  const some = (first: number, count: number): Buffer =>
    Buffer.concat(
      Array.from({ length: count }, (_, index) =>
        frames.headers(2 * (first + index) + 1, block, { endStream: true }),
      ),
    );
  busy.transport.receive(some(0, 2));
  assert.equal(busy.socket.isPaused(), false, 'a short read is the last of its turn');
  busy.transport.receive(some(2, 8));
  assert.equal(busy.served.length, 10);
  assert.equal(busy.socket.isPaused(), true);
  await eventually('it is read from again', () => !busy.socket.isPaused());
});
