// Owners and handler that act, or throw, from within the callbacks: each owner still hears one end, and receive never
// throws.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ErrorCode } from '../../src/h2/error-codes.ts';
import { frameSummaries } from '../support/frame-summary.ts';
import * as frames from '../support/frames.ts';
import { type Endpoint, opened, type Reactions, RecordingOwner } from '../support/wire.ts';

const REQUEST = frames.requestBlock();
const INITIAL_WINDOW_SIZE = 4;

/** Makes the owner of one stream react on its own. */
function reacts(endpoint: Endpoint, id: number, reactions: Reactions): void {
  const { owner } = endpoint.stream(id);
  assert.ok(owner instanceof RecordingOwner);
  owner.reactions = reactions;
}

/** A server with requests on streams 1, 3, 5…, each response begun. */
function serving(
  count: number,
  ...peerSettings: readonly (readonly [id: number, value: number])[]
): Endpoint {
  const server = opened('server', {}, ...peerSettings);
  for (let index = 0; index < count; index++) {
    server.receives(frames.headers(1 + 2 * index, REQUEST));
    server.responds(1 + 2 * index);
  }
  return server.clears();
}

function pinging(count: number): Endpoint {
  const server = serving(count);
  server.connection.ping(Buffer.alloc(8));
  return server.clears();
}

function asking(count: number): Endpoint {
  const client = opened('client');
  for (let index = 0; index < count; index++) client.requests();
  return client.clears();
}

function fault(): never {
  throw new Error('a fault of the layer above');
}

describe('a handler or owner that throws', () => {
  const cases: readonly (readonly [callback: keyof Reactions, endpoint: () => Endpoint, frame: Buffer])[] = [
    ['onRequest', () => serving(2), frames.headers(5, REQUEST)],
    ['onData', () => serving(2), frames.data(1, 'x')],
    ['onTrailers', () => serving(2), frames.headers(1, frames.block(), { endStream: true })],
    ['onReset', () => serving(2), frames.resetStream(1, 8)],
    ['onReset', () => serving(2), frames.windowUpdate(1, 0)],
    ['onSettings', () => serving(2), frames.settings()],
    ['onPingAcknowledged', () => pinging(2), frames.pingAcknowledgement()],
    ['onGoAway', () => asking(2), frames.goAway(0, 0)],
    ['onRefused', () => asking(2), frames.goAway(0, 0)],
    ['onResponse', () => asking(2), frames.headers(1, frames.responseBlock())],
  ];
  for (const [callback, make, frame] of cases) {
    test(`internal_error: ${callback}; the peer gets INTERNAL_ERROR, every owner is told, nothing is thrown`, () => {
      const endpoint = make();
      endpoint.reactions[callback] = fault;
      endpoint.receives(frame, frames.ping());
      const error = endpoint.violations.at(-1);
      assert.ok(error?.cause instanceof Error);
      assert.equal(error.cause.message, 'a fault of the layer above');
      endpoint.failsConnection('internal_error', 'INTERNAL_ERROR');
      const ends = endpoint.log.filter((line) => /^(lost|reset|refused) /.test(line));
      assert.ok(ends.length >= 2 && new Set(ends).size === ends.length, ends.join());
    });
  }

  test('internal_error: onWritable, when a window opens', () => {
    const server = serving(1, [INITIAL_WINDOW_SIZE, 0]);
    server.sends(1, 'x');
    server.reactions.onWritable = fault;
    server.receives(frames.windowUpdate(1, 1));
    server.failsConnection('internal_error', 'INTERNAL_ERROR');
  });

  test('internal_error: onWritable, when output drained', () => {
    const server = serving(2, [INITIAL_WINDOW_SIZE, 1_000_000]);
    server.receives(frames.windowUpdate(0, 1_000_000));
    server.sends(1, Buffer.alloc(300_000));
    server.takesOutput();
    server.reactions.onWritable = fault;
    server.connection.outputDrained();
    server.failsConnection('internal_error', 'INTERNAL_ERROR');
    assert.deepEqual(server.log.slice(-2), ['lost 1', 'lost 3']);
  });

  test('onViolation for a stream: the connection ends, the owners are told', () => {
    const server = serving(2);
    server.reactions.onViolation = fault;
    server.receives(frames.windowUpdate(1, 0));
    assert.equal(server.connection.isClosed, true);
    assert.deepEqual(
      server.log.filter((line) => !line.startsWith('violation')),
      ['reset 1 PROTOCOL_ERROR window_update_zero', 'lost 3'],
    );
  });

  test('onViolation for the connection: the owners are told', () => {
    const server = serving(2);
    server.reactions.onViolation = fault;
    server.receives(frames.windowUpdate(0, 0));
    server.tells('violation window_update_zero', 'lost 1', 'lost 3');
    assert.equal(server.connection.isClosed, true);
  });

  test('onConnectionLost: the other owners are told all the same', () => {
    const server = serving(3);
    reacts(server, 1, { onConnectionLost: fault });
    server.connection.connectionLost('gone');
    assert.deepEqual(
      server.log.filter((line) => line.startsWith('lost')),
      ['lost 1', 'lost 3', 'lost 5'],
    );
  });

  test('the peer learns nothing of the cause', () => {
    const server = serving(1);
    server.reactions.onData = fault;
    server.receives(frames.data(1, 'x'));
    assert.doesNotMatch(server.takesOutput().toString('latin1'), /layer above/);
  });
});

describe('owners that end streams', () => {
  test('a request may be reset from within onRequest', () => {
    const server = opened('server');
    server.reactions.onRequest = (stream) => stream.reset(ErrorCode.REFUSED_STREAM);
    server.receives(frames.headers(1, REQUEST), frames.data(1, 'x', { endStream: true }));
    server.wants('RST_STREAM stream=1 length=4 code=REFUSED_STREAM').accepts();
    assert.equal(server.connection.streamCount, 0);
  });

  test('a request may be answered in full from within onRequest', () => {
    const server = opened('server');
    server.reactions.onRequest = (stream) => server.responds(stream.id, true);
    server.receives(frames.headers(1, REQUEST, { endStream: true })).accepts();
    assert.equal(server.connection.streamCount, 0);
  });

  test('an owner that resets when it is reset sends nothing', () => {
    const server = serving(1);
    server.reactions.onReset = () => server.stream(1).reset(ErrorCode.CANCEL);
    server.receives(frames.resetStream(1, ErrorCode.CANCEL)).wants().tells('reset 1 CANCEL');
  });

  test('an owner that is reset for a violation sends nothing more', () => {
    const server = serving(1);
    server.reactions.onReset = () => {
      server.stream(1).reset(ErrorCode.CANCEL);
      server.sends(1, 'x', true);
    };
    server.receives(frames.windowUpdate(1, 0)).wants('RST_STREAM stream=1 length=4 code=PROTOCOL_ERROR');
  });

  test('a stream reset by another owner when windows grow is not told to go on', () => {
    const server = serving(2, [INITIAL_WINDOW_SIZE, 0]);
    server.sends(1, 'x');
    server.sends(3, 'x');
    reacts(server, 1, { onWritable: () => server.stream(3).reset(ErrorCode.CANCEL) });
    server.receives(frames.settings([INITIAL_WINDOW_SIZE, 10])).tells('writable 1', 'settings');
  });

  test('a stream reset by another owner in the queue is not told to go on', () => {
    const server = serving(3);
    server.sends(5, Buffer.alloc(65_535));
    server.sends(1, 'x');
    server.sends(3, 'x');
    reacts(server, 1, { onWritable: () => server.stream(3).reset(ErrorCode.CANCEL) });
    server.receives(frames.windowUpdate(0, 10)).tells('writable 1');
  });

  test('a stream reset by another owner on GOAWAY is not refused as well', () => {
    const client = asking(2);
    reacts(client, 1, { onRefused: () => client.stream(3).reset(ErrorCode.CANCEL) });
    client.receives(frames.goAway(0, 0)).tells('goaway 0 NO_ERROR ""', 'refused 1');
  });

  test('an owner that opens another stream when it is refused is not refused for ever', () => {
    const client = asking(1);
    let retries = 0;
    client.reactions.onRefused = () => {
      if (++retries < 5) client.requests();
    };
    client.receives(frames.goAway(0, 0)).tells('goaway 0 NO_ERROR ""', 'refused 1');
  });
});

describe('owners and handlers that end the connection', () => {
  test('from within onRefused: nobody is told two ends', () => {
    const client = asking(3);
    reacts(client, 1, { onRefused: () => client.connection.connectionLost('given up') });
    client.receives(frames.goAway(0, 0)).tells('goaway 0 NO_ERROR ""', 'refused 1', 'lost 3', 'lost 5');
  });

  test('from within onWritable, when windows grow: nothing is told behind the end', () => {
    const server = serving(2, [INITIAL_WINDOW_SIZE, 0]);
    server.sends(1, 'x');
    server.sends(3, 'x');
    reacts(server, 1, { onWritable: () => server.connection.connectionLost('given up') });
    server.receives(frames.windowUpdate(0, 1), frames.settings([INITIAL_WINDOW_SIZE, 10]));
    assert.deepEqual(server.log.slice(0, 3), ['writable 1', 'lost 1', 'lost 3']);
    assert.ok(!server.log.includes('writable 3'));
  });

  test('from within onData: the rest of the chunk is not read', () => {
    const server = serving(1);
    server.reactions.onData = () => server.connection.connectionLost('given up');
    server.receives(frames.data(1, 'abc', { padding: 4, endStream: true }), frames.headers(3, REQUEST));
    server.tells('data 1 "abc"', 'lost 1');
  });

  test('from within onGoAway: nobody is refused as well', () => {
    const client = asking(2);
    client.reactions.onGoAway = () => client.connection.connectionLost('given up');
    client.receives(frames.goAway(0, 0)).tells('goaway 0 NO_ERROR ""', 'lost 1', 'lost 3');
  });

  test('from within onConnectionLost: nobody is told twice', () => {
    const server = serving(2);
    server.reactions.onConnectionLost = () => server.connection.connectionLost('again');
    server.connection.connectionLost('gone');
    server.tells('lost 1', 'lost 3');
  });

  test('nothing follows the GOAWAY of a violation, whatever is sent while owners are told', () => {
    const server = serving(2);
    const sendsMore = (): void => {
      for (const id of [1, 3]) {
        server.sends(id, 'x', true);
        server.stream(id).reset(ErrorCode.CANCEL);
      }
      server.connection.goAway(0, 0, '');
      server.connection.ping(Buffer.alloc(8));
    };
    server.reactions.onConnectionLost = sendsMore;
    server.reactions.onViolation = sendsMore;
    server.receives(frames.windowUpdate(0, 0));
    assert.match(frameSummaries(server.takesOutput()).at(-1) ?? '', /^GOAWAY .*window_update_zero/);
    assert.deepEqual(
      server.log.filter((line) => line.startsWith('lost')),
      ['lost 1', 'lost 3'],
    );
  });
});
