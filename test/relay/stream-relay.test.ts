// One direction: everything goes on in order and once, and the sender gets credit for what was taken and no more.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { HeaderList } from '../../src/h2/hpack/header-list.ts';
import { StreamRelay } from '../../src/relay/stream-relay.ts';
import { msSince } from '../../src/transport/turn-clock.ts';
import { RecordedStream } from '../support/recorded-stream.ts';

const TRAILERS = HeaderList.of(['grpc-status', '0']);
const TOLD_TRAILERS = 'headers grpc-status=0 end';

class Direction {
  readonly relay: StreamRelay;
  readonly source = new RecordedStream();
  readonly target = new RecordedStream();
  recorded = '';

  constructor(room = Number.POSITIVE_INFINITY, countsMessages = false) {
    this.relay = new StreamRelay(countsMessages);
    this.relay.setSource(this.source.stream);
    this.target.room = room;
  }

  connects(target = this.target): void {
    this.relay.setTarget(target.stream, {
      recordSent: (bytes, start, end) => {
        this.recorded += bytes.toString('latin1', start, end);
      },
    });
  }

  static connected(room?: number): Direction {
    const direction = new Direction(room);
    direction.connects();
    return direction;
  }

  forwards(text: string, endStream = false): void {
    const bytes = Buffer.from(`..${text}.`, 'latin1');
    this.relay.forward(bytes, 2, 2 + text.length, endStream);
    bytes.fill('#');
  }

  /** The target has room for this many bytes more. */
  frees(room: number): string[] {
    this.target.room += room;
    this.relay.resume();
    return this.target.takeLog();
  }
}

describe('with room', () => {
  test('bytes go on at once, the end with the last of them, and all is credited', () => {
    const direction = Direction.connected();
    direction.forwards('one');
    direction.forwards('two', true);
    assert.deepEqual(direction.target.log, ['data "one"', 'data "two" end']);
    assert.equal(direction.source.creditedBytes, 6);
    assert.deepEqual([direction.relay.isEnded, direction.relay.isComplete], [true, true]);
    assert.deepEqual([direction.relay.bytes, direction.relay.pendingBytes], [6, 0]);
    assert.equal(direction.recorded, 'onetwo');
  });

  test('an end without bytes goes on as one', () => {
    const direction = Direction.connected();
    direction.forwards('', true);
    assert.deepEqual(direction.target.log, ['data "" end']);
    assert.equal(direction.relay.isEnded, true);
  });

  test('trailers go on at once and are the end', () => {
    const direction = Direction.connected();
    direction.forwards('data');
    direction.relay.forwardTrailers(TRAILERS);
    assert.deepEqual(direction.target.log, ['data "data"', TOLD_TRAILERS]);
    assert.equal(direction.relay.isEnded, true);
  });
});

describe('without room', () => {
  test('only what was taken is credited; the rest waits and is credited when it is taken', () => {
    const direction = Direction.connected(4);
    direction.forwards('abcdef');
    assert.deepEqual([direction.source.creditedBytes, direction.relay.pendingBytes], [4, 2]);
    direction.forwards('ghi');
    assert.deepEqual([direction.source.creditedBytes, direction.relay.pendingBytes], [4, 5]);
    assert.deepEqual(direction.target.takeLog(), ['data "abcd"']);
    assert.deepEqual(direction.frees(3), ['data "efg"']);
    assert.deepEqual([direction.source.creditedBytes, direction.relay.pendingBytes], [7, 2]);
    assert.deepEqual(direction.frees(100), ['data "hi"']);
    assert.deepEqual([direction.source.creditedBytes, direction.relay.pendingBytes], [9, 0]);
    assert.equal(direction.recorded, 'abcdefghi');
  });

  test('the end goes with the last byte, not before', () => {
    const direction = Direction.connected(0);
    direction.forwards('abcd', true);
    assert.deepEqual([direction.relay.isEnded, direction.relay.isComplete], [false, true]);
    assert.deepEqual(direction.frees(3), ['data "abc"']);
    assert.equal(direction.relay.isEnded, false);
    assert.deepEqual(direction.frees(1), ['data "d" end']);
    assert.equal(direction.relay.isEnded, true);
    assert.deepEqual(direction.frees(10), []);
  });

  test('an end that comes after the bytes goes with the last of them', () => {
    const direction = Direction.connected(0);
    direction.forwards('ab');
    direction.forwards('', true);
    assert.deepEqual(direction.frees(9), ['data "ab" end']);
  });

  test('trailers wait behind the last byte', () => {
    const direction = Direction.connected(1);
    direction.forwards('abc');
    direction.relay.forwardTrailers(TRAILERS);
    assert.deepEqual(direction.target.takeLog(), ['data "a"']);
    assert.deepEqual(direction.frees(1), ['data "b"']);
    assert.deepEqual(direction.frees(1), ['data "c"', TOLD_TRAILERS]);
    assert.equal(direction.relay.isEnded, true);
  });

  test('what is discarded is neither sent nor credited, and trailers may follow at once', () => {
    const direction = Direction.connected(1);
    direction.forwards('abc', true);
    direction.relay.discard();
    assert.deepEqual([direction.relay.pendingBytes, direction.relay.isComplete], [0, false]);
    direction.relay.forwardTrailers(TRAILERS);
    assert.deepEqual(direction.frees(9), ['data "a"', TOLD_TRAILERS]);
    assert.equal(direction.source.creditedBytes, 1);
  });

  test('bytes of our own are credited to nobody', () => {
    const direction = Direction.connected(1);
    direction.relay.setSource(undefined);
    direction.forwards('abc', true);
    direction.frees(9);
    assert.equal(direction.source.creditedBytes, 0);
    assert.equal(direction.relay.isEnded, true);
  });
});

describe('before there is a target', () => {
  test('everything waits, without credit, and goes on when there is one', () => {
    const direction = new Direction();
    direction.forwards('abc');
    direction.relay.forwardTrailers(TRAILERS);
    direction.relay.resume();
    assert.equal(direction.source.creditedBytes, 0);
    direction.connects();
    assert.deepEqual(direction.target.log, ['data "abc"', TOLD_TRAILERS]);
    assert.equal(direction.source.creditedBytes, 3);
  });

  test('an end alone can go with the header block, and then does not go again', () => {
    const direction = new Direction();
    assert.equal(direction.relay.takeEnd(), false, 'there is no end yet');
    direction.relay.end();
    assert.equal(direction.relay.isComplete, true);
    assert.equal(direction.relay.takeEnd(), true);
    assert.equal(direction.relay.takeEnd(), false);
    direction.connects();
    assert.deepEqual(direction.target.log, []);
    assert.equal(direction.relay.isEnded, true);
  });

  test('an end alone that the header block did not take goes as empty DATA', () => {
    const direction = new Direction();
    direction.relay.end();
    direction.connects();
    assert.deepEqual(direction.target.log, ['data "" end']);
  });

  test('the header block cannot take an end that has bytes or trailers before it', () => {
    const withData = new Direction();
    withData.forwards('x', true);
    assert.equal(withData.relay.takeEnd(), false);
    const withTrailers = new Direction();
    withTrailers.relay.forwardTrailers(TRAILERS);
    assert.equal(withTrailers.relay.takeEnd(), false);
    withTrailers.connects();
    assert.deepEqual(withTrailers.target.log, [TOLD_TRAILERS]);
  });
});

describe('a second target', () => {
  test('is given what the first had been given, and then what waits, and only that is credited', () => {
    const direction = Direction.connected(4);
    direction.forwards('abcd');
    direction.forwards('ef', true);
    direction.relay.clearTarget();
    direction.relay.replay([Buffer.from('ab'), Buffer.from('cd')], false);
    assert.deepEqual([direction.source.creditedBytes, direction.relay.pendingBytes], [4, 6]);
    const second = new RecordedStream();
    second.room = 3;
    direction.recorded = '';
    direction.connects(second);
    assert.equal(direction.source.creditedBytes, 4);
    second.room = 2;
    direction.relay.resume();
    assert.equal(direction.source.creditedBytes, 5, 'the first byte that was never credited');
    second.room = 9;
    direction.relay.resume();
    assert.deepEqual(second.log, ['data "abc"', 'data "de"', 'data "f" end']);
    assert.equal(direction.source.creditedBytes, 6);
    assert.equal(direction.recorded, 'abcdef', 'so that it could be replayed again');
    assert.equal(direction.relay.bytes, 6, 'received once');
  });

  test('gets the end again where the first had it, in its header block if that is all', () => {
    const direction = new Direction();
    direction.relay.end();
    assert.equal(direction.relay.takeEnd(), true);
    direction.connects();
    direction.relay.clearTarget();
    direction.relay.replay([], true);
    assert.deepEqual([direction.relay.isEnded, direction.relay.isComplete], [false, true]);
    assert.equal(direction.relay.takeEnd(), true);
  });

  test('gets what comes while there is none', () => {
    const direction = Direction.connected();
    direction.forwards('ab');
    direction.relay.clearTarget();
    direction.relay.replay([Buffer.from('ab')], false);
    direction.forwards('cd');
    direction.relay.forwardTrailers(TRAILERS);
    const second = new RecordedStream();
    direction.connects(second);
    assert.deepEqual(second.log, ['data "abcd"', TOLD_TRAILERS]);
    assert.equal(direction.source.creditedBytes, 4);
  });
});

test('messages are counted once each, where they are counted', () => {
  const direction = new Direction(3, true);
  direction.connects();
  const message = `\0\0\0\0\u0003abc`;
  direction.forwards(message + message.slice(0, 2));
  direction.forwards(message.slice(2));
  assert.equal(direction.relay.messages, 2);
  direction.relay.clearTarget();
  direction.relay.replay([Buffer.from(message.slice(0, 3))], false);
  direction.connects();
  assert.equal(direction.relay.messages, 2);
  assert.equal(new StreamRelay(false).messages, 0);
});

test('whatever the pieces and the room: the bytes arrive in order, once, ended once, credited exactly', () => {
  const step = fc.oneof(fc.record({ data: fc.nat(2000) }), fc.record({ room: fc.nat(3000) }));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), fc.boolean(), (steps, endsByTrailers) => {
      const direction = Direction.connected(0);
      let sent = '';
      for (const each of steps) {
        if ('room' in each) {
          direction.target.room += each.room;
          direction.relay.resume();
        } else {
          const text = String.fromCharCode(97 + (sent.length % 26)).repeat(each.data);
          sent += text;
          direction.forwards(text);
        }
        assert.equal(direction.source.creditedBytes + direction.relay.pendingBytes, sent.length);
        assert.equal(direction.recorded, sent.slice(0, direction.source.creditedBytes));
      }
      if (endsByTrailers) direction.relay.forwardTrailers(TRAILERS);
      else direction.forwards('', true);
      direction.frees(Number.POSITIVE_INFINITY);
      assert.equal(direction.recorded, sent);
      assert.equal(direction.relay.isEnded, true);
    }),
    { numRuns: 100 },
  );
});

test('a request that is whole goes to a target as it has room, and nobody is credited for it', () => {
  const direction = new Direction(3);
  direction.relay.send(Buffer.from('whole'));
  assert.deepEqual([direction.relay.isComplete, direction.relay.takeEnd()], [true, false]);
  direction.connects();
  assert.equal(Buffer.concat(direction.relay.pending).toString(), 'le');
  assert.deepEqual(direction.frees(2), ['data "who"', 'data "le" end']);
  assert.deepEqual(direction.relay.pending, []);
  assert.equal(direction.recorded, 'whole');
});

test('a request without content ends with its header section', () => {
  const { relay } = new Direction();
  relay.send(Buffer.alloc(0));
  assert.deepEqual([relay.takeEnd(), relay.isEnded], [true, true]);
});

/** Waits until the clock has moved on. @returns its time */
function later(): number {
  const fromMs = performance.now();
  while (performance.now() < fromMs + 5);
  return performance.now();
}

test('the stamps say when bytes came last, and when the target took some of those that waited', () => {
  const target = new RecordedStream();
  const relay = new StreamRelay(false);
  relay.setTarget(target.stream);
  const bytes = Buffer.from('abcdef');
  assert.ok(msSince(relay.stamp, later()) >= 4);
  relay.forward(bytes, 0, 1, false);
  assert.ok(msSince(relay.stamp, performance.now()) < msSince(relay.stamp, later()));
  target.room = 0;
  const beganMs = later();
  assert.ok(msSince(relay.stamp, beganMs) >= 4, 'the time of the bytes before');
  relay.forward(bytes, 0, 6, false);
  assert.equal(msSince(relay.stamp, beganMs), 0);
  assert.equal(msSince(relay.stuckStamp, beganMs), 0);
  const resumedMs = later();
  relay.resume();
  assert.ok(msSince(relay.stuckStamp, resumedMs) >= 4, 'nothing was taken');
  target.room = 2;
  relay.resume();
  assert.equal(msSince(relay.stuckStamp, resumedMs), 0, 'some was taken');
  assert.ok(msSince(relay.stamp, resumedMs) >= 4, 'and nothing has come');
  const headMs = later();
  relay.noteHead(new HeaderList());
  assert.equal(msSince(relay.stamp, headMs), 0);
});
