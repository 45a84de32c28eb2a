// Sending under flow control: never beyond a window, on again in turn, one stalled stream apart from the others.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ErrorCode } from '../../src/h2/error-codes.ts';
import { HeaderList } from '../../src/h2/hpack/header-list.ts';
import * as frames from '../support/frames.ts';
import { type Endpoint, opened } from '../support/wire.ts';

const DEFAULT_WINDOW = 65_535;
const INITIAL_WINDOW_SIZE = 4;
const MAX_FRAME_SIZE = 5;

/** A server with `count` open streams 1, 3, 5…, each response begun. */
function serving(
  count: number,
  ...peerSettings: readonly (readonly [id: number, value: number])[]
): Endpoint {
  const server = opened('server', {}, ...peerSettings);
  for (let index = 0; index < count; index++) {
    const id = 1 + 2 * index;
    server.receives(frames.headers(id, frames.requestBlock(), { endStream: true }));
    server.responds(id);
  }
  return server.clears();
}

/** Each stream sends `size` bytes as far as it may, and goes on whenever it is told. @returns bytes left by stream */
function sendsEndlessly(server: Endpoint, ids: readonly number[], size: number): Map<number, number> {
  const left = new Map<number, number>(ids.map((id) => [id, size]));
  for (const id of ids) {
    const offer = (): void => {
      const rest = left.get(id) ?? 0;
      if (rest > 0) left.set(id, rest - server.sends(id, Buffer.alloc(rest)));
    };
    const { owner } = server.stream(id);
    const told = owner.onWritable.bind(owner);
    owner.onWritable = () => {
      told();
      offer();
    };
    offer();
  }
  return left;
}

describe('windows', () => {
  test('a stream sends no more than its own window', () => {
    const server = serving(1, [INITIAL_WINDOW_SIZE, 10]);
    assert.equal(server.sends(1, 'abcdefghijkl', true), 10);
    server.wants('DATA stream=1 length=10');
    server.receives(frames.windowUpdate(1, 1)).tells('writable 1');
    assert.equal(server.sends(1, 'kl', true), 1);
    server.wants('DATA stream=1 length=1');
  });

  test('all streams together send no more than the window of the connection', () => {
    const server = serving(2);
    assert.equal(server.sends(1, Buffer.alloc(60_000)), 60_000);
    assert.equal(server.sends(3, Buffer.alloc(60_000)), DEFAULT_WINDOW - 60_000);
    assert.equal(server.sends(3, 'x'), 0);
    server.clears().receives(frames.windowUpdate(3, 1000)).wants();
    server.tells('writable 3');
    assert.equal(server.sends(3, 'x'), 0);
    server.receives(frames.windowUpdate(0, 7)).tells('writable 3');
    assert.equal(server.sends(3, Buffer.alloc(100)), 7);
  });

  test('a window opened on another stream wakes nobody else', () => {
    const server = serving(2, [INITIAL_WINDOW_SIZE, 0]);
    server.sends(1, 'x');
    server.sends(3, 'x');
    server.receives(frames.windowUpdate(3, 10)).tells('writable 3');
  });

  test('a stream that waits for nothing is not told', () => {
    const server = serving(1);
    server.receives(frames.windowUpdate(1, 10), frames.windowUpdate(0, 10)).tells();
    assert.equal(server.sends(1, 'x'), 1);
    server.receives(frames.windowUpdate(1, 10), frames.windowUpdate(0, 10)).tells();
  });

  test('END_STREAM goes with the last byte only', () => {
    const server = serving(1, [INITIAL_WINDOW_SIZE, 3]);
    assert.equal(server.sends(1, 'abcd', true), 3);
    server.wants('DATA stream=1 length=3');
    server.receives(frames.windowUpdate(1, 5));
    assert.equal(server.sends(1, 'd', true), 1);
    server.wants('DATA stream=1 length=1 END_STREAM');
    assert.equal(server.connection.streamCount, 0);
  });

  test('an empty end needs no window', () => {
    const server = serving(1, [INITIAL_WINDOW_SIZE, 0]);
    assert.equal(server.sends(1, '', true), 0);
    server.wants('DATA stream=1 length=0 END_STREAM');
  });

  test('nothing at all is sent for nothing', () => {
    const server = serving(1);
    assert.equal(server.sends(1, ''), 0);
    server.wants();
  });

  test('one stalled stream does not stall the others', () => {
    const server = serving(3, [INITIAL_WINDOW_SIZE, 100]);
    assert.equal(server.sends(1, Buffer.alloc(1_000)), 100);
    server.receives(frames.windowUpdate(3, 1_000));
    assert.equal(server.sends(3, Buffer.alloc(1_000)), 1_000);
    assert.equal(server.sends(5, 'x'), 1);
  });
});

describe('INITIAL_WINDOW_SIZE with streams open', () => {
  test('a larger one lets waiting streams go on', () => {
    const server = serving(2, [INITIAL_WINDOW_SIZE, 0]);
    assert.equal(server.sends(1, 'abc'), 0);
    server.receives(frames.settings([INITIAL_WINDOW_SIZE, 2])).tells('writable 1', 'settings');
    assert.equal(server.sends(1, 'abc'), 2);
    assert.equal(server.sends(3, 'abc'), 2);
  });

  test('a smaller one makes windows negative, and updates must first make up for it', () => {
    const server = serving(1, [INITIAL_WINDOW_SIZE, 100]);
    assert.equal(server.sends(1, Buffer.alloc(80)), 80);
    server.receives(frames.settings([INITIAL_WINDOW_SIZE, 10]));
    assert.equal(server.stream(1).sendWindow, -70);
    assert.equal(server.sends(1, 'x'), 0);
    server.clears();
    server.receives(frames.windowUpdate(1, 70)).tells();
    assert.equal(server.sends(1, 'x'), 0);
    server.receives(frames.windowUpdate(1, 1)).tells('writable 1');
    assert.equal(server.sends(1, 'xy'), 1);
  });

  test('it does not touch the window of the connection', () => {
    const server = serving(1, [INITIAL_WINDOW_SIZE, 1_000_000]);
    assert.equal(server.sends(1, Buffer.alloc(100_000)), DEFAULT_WINDOW);
  });

  test('new streams begin with the new size', () => {
    const server = serving(1);
    server.receives(frames.settings([INITIAL_WINDOW_SIZE, 5]));
    server.receives(frames.headers(3, frames.requestBlock(), { endStream: true }));
    server.responds(3);
    assert.equal(server.sends(3, 'abcdefgh'), 5);
  });

  test('several in one frame count by the last', () => {
    const server = serving(1);
    server.receives(frames.settings([INITIAL_WINDOW_SIZE, 5], [INITIAL_WINDOW_SIZE, 7]));
    assert.equal(server.sends(1, 'abcdefghijk'), 7);
  });
});

describe('turns', () => {
  test('streams that wait for the connection go on in the order they began to wait', () => {
    const server = serving(4);
    server.sends(7, Buffer.alloc(DEFAULT_WINDOW));
    for (const id of [5, 1, 3]) assert.equal(server.sends(id, 'x'), 0);
    server.receives(frames.windowUpdate(0, 100));
    server.tells('writable 5', 'writable 1', 'writable 3');
  });

  test('a stream that was served and still has data goes behind those not served yet', () => {
    const server = serving(4, [INITIAL_WINDOW_SIZE, 1_000_000]);
    server.sends(1, Buffer.alloc(DEFAULT_WINDOW));
    sendsEndlessly(server, [3, 5, 7], 100_000);
    server.clears();
    for (let turn = 0; turn < 7; turn++) server.receives(frames.windowUpdate(0, 100));
    server.tells(...[3, 5, 7, 3, 5, 7, 3].map((id) => `writable ${id}`));
  });

  test('a stream reset while it waits loses its turn and harms nobody', () => {
    const server = serving(3);
    server.sends(1, Buffer.alloc(DEFAULT_WINDOW));
    server.sends(3, 'x');
    server.sends(5, 'x');
    server.receives(frames.resetStream(3, ErrorCode.CANCEL), frames.windowUpdate(0, 10));
    server.tells('reset 3 CANCEL', 'writable 5');
  });

  test('a stream whose window closed while it waited for the connection waits for its own', () => {
    const server = serving(2, [INITIAL_WINDOW_SIZE, DEFAULT_WINDOW]);
    const left = sendsEndlessly(server, [1, 3], DEFAULT_WINDOW);
    assert.equal(left.get(3), DEFAULT_WINDOW);
    server.receives(frames.settings([INITIAL_WINDOW_SIZE, 0]), frames.windowUpdate(0, 100_000)).clears();
    server.receives(frames.windowUpdate(0, 1)).tells();
    server.receives(frames.windowUpdate(3, DEFAULT_WINDOW)).tells('writable 3');
    assert.equal(left.get(3), 0);
  });
});

describe('output that is not read', () => {
  test('DATA stops at the high-water mark and goes on in turn when it drained', () => {
    const server = serving(3, [INITIAL_WINDOW_SIZE, 10_000_000]);
    server.receives(frames.windowUpdate(0, 10_000_000));
    const left = sendsEndlessly(server, [1, 3, 5], 200_000);
    const pending = server.output.pendingBytes;
    assert.ok(pending >= 262_144 && pending < 262_144 + 1_000, `${pending} bytes wait`);
    assert.deepEqual(
      [...left.values()].map((rest) => rest > 0),
      [false, true, true],
    );
    while ([...left.values()].some((rest) => rest > 0)) {
      assert.ok(server.takesOutput().length > 0);
      server.connection.outputDrained();
    }
    server.tells('writable 3', 'writable 5', 'writable 5');
  });

  test('headers, resets and acknowledgements are not held back', () => {
    const server = serving(2, [INITIAL_WINDOW_SIZE, 10_000_000]);
    server.receives(frames.windowUpdate(0, 10_000_000));
    server.sends(1, Buffer.alloc(300_000));
    const before = server.output.pendingBytes;
    server.responds(3, true);
    server.receives(frames.ping());
    server.stream(1).reset(ErrorCode.CANCEL);
    assert.ok(server.output.pendingBytes > before);
    assert.equal(server.connection.streamCount, 0);
  });
});

describe('pieces', () => {
  test('DATA is cut at the largest frame the peer takes', () => {
    const server = serving(1);
    server.sends(1, Buffer.alloc(40_000), true);
    server.wants(
      'DATA stream=1 length=16384',
      'DATA stream=1 length=16384',
      'DATA stream=1 length=7232 END_STREAM',
    );
  });

  test('a larger MAX_FRAME_SIZE is used up to 32 KiB', () => {
    const server = serving(1, [MAX_FRAME_SIZE, 16_777_215]);
    server.sends(1, Buffer.alloc(DEFAULT_WINDOW), true);
    server.wants('DATA stream=1 length=32768', 'DATA stream=1 length=32767 END_STREAM');
  });

  test('exactly two frames are two frames', () => {
    const server = serving(1);
    server.sends(1, Buffer.alloc(32_768), true);
    server.wants('DATA stream=1 length=16384', 'DATA stream=1 length=16384 END_STREAM');
  });

  test('a suffix goes behind the block', () => {
    const server = serving(1);
    const suffix = frames.block(['x-request-id', '7']);
    const padded = Buffer.concat([suffix, Buffer.alloc(20)]);
    server.stream(1).sendHeaders(HeaderList.of(['grpc-status', '0']), true, padded, suffix.length);
    const peer = opened('client');
    peer.requests({ endStream: true });
    peer.receives(frames.headers(1, frames.responseBlock())).clears();
    peer.receives(server.takesOutput()).tells('trailers 1 grpc-status=0 x-request-id=7');
  });
});

describe('what the state forbids is left out', () => {
  test('DATA, headers and a second end behind END_STREAM', () => {
    const client = opened('client');
    const stream = client.requests({ endStream: true });
    client.clears();
    assert.equal(client.sends(1, 'abc', true), 3);
    assert.equal(stream.sendHeaders(HeaderList.of(), true), false);
    client.wants();
  });

  test('anything on a closed stream, a second reset too', () => {
    const server = serving(1);
    assert.equal(server.stream(1).reset(ErrorCode.CANCEL), true);
    assert.equal(server.stream(1).reset(ErrorCode.CANCEL), false);
    assert.equal(server.sends(1, 'abc'), 3);
    server.responds(1);
    server.wants('RST_STREAM stream=1 length=4 code=CANCEL');
  });

  test('a stream given up before it began leaves no trace', () => {
    const client = opened('client');
    const stream = client.connection.openStream(client.requests().owner);
    client.clears();
    assert.equal(client.sends(1, 'x'), 1);
    client.wants('DATA stream=1 length=1');
    assert.equal(stream.reset(ErrorCode.CANCEL), false);
    assert.equal(client.connection.streamCount, 1);
    client.wants();
  });
});

/** A server whose client is still sending on stream 1. */
function beingSentTo(): Endpoint {
  const server = opened('server');
  return server.receives(frames.headers(1, frames.requestBlock(), { endStream: false })).clears();
}

test('the receive window of the connection shrinks by what has come, and is whole again with the credit', () => {
  const server = beingSentTo();
  const receiveWindow = (): number | undefined => server.stream(1).room.connectionReceiveWindow;
  assert.equal(receiveWindow(), DEFAULT_WINDOW);
  server.receives(frames.data(1, 'x'.repeat(1000)));
  assert.equal(receiveWindow(), DEFAULT_WINDOW - 1000);
  for (let count = 0; count < 2; count++) server.receives(frames.data(1, 'x'.repeat(16_000)));
  assert.equal(receiveWindow(), DEFAULT_WINDOW, 'it was credited');
});

describe('the reset behind a complete response', () => {
  test('leaves only when the response was written, since a client that reads both at once may not see the response', () => {
    const server = beingSentTo();
    // What was handed to the socket before is not the response.
    server.connection.ping(Buffer.alloc(8));
    const before = server.output.takeSlab();
    assert.ok(before);
    server.responds(1, true);
    assert.equal(server.stream(1).reset(ErrorCode.NO_ERROR), true);
    server.output.releaseSlab(before);
    server.connection.outputDrained();
    server.wants('HEADERS stream=1 length=1 END_STREAM|END_HEADERS');
    server.connection.outputDrained();
    server.wants('RST_STREAM stream=1 length=4 code=NO_ERROR');
    server.connection.outputDrained();
    server.wants();
  });

  test('leaves at once when nothing is left to be written', () => {
    const server = beingSentTo();
    server.responds(1, true);
    server.takesOutput();
    server.stream(1).reset(ErrorCode.NO_ERROR);
    server.wants('RST_STREAM stream=1 length=4 code=NO_ERROR');
  });

  test('with any other code leaves in its turn', () => {
    const server = beingSentTo();
    server.responds(1);
    server.stream(1).reset(ErrorCode.CANCEL);
    server.wants('HEADERS stream=1 length=1 END_HEADERS', 'RST_STREAM stream=1 length=4 code=CANCEL');
  });
});
