// The life of a connection in both roles: messages, resets, GOAWAY, refused streams, and its end.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { HIGHEST_STREAM_ID } from '../../src/h2/connection.ts';
import { ErrorCode } from '../../src/h2/error-codes.ts';
import { HeaderList } from '../../src/h2/hpack/header-list.ts';
import { StreamState } from '../../src/h2/stream-state.ts';
import * as frames from '../support/frames.ts';
import { Endpoint, opened, Wire } from '../support/wire.ts';

const REQUEST = frames.requestBlock();
const REQUEST_TOLD = ':method=POST :scheme=https :path=/a.B/C :authority=example.test';

describe('two connections joined', () => {
  test('a call with data both ways and trailers ends on both sides', () => {
    const wire = Wire.opened();
    wire.client.requests({ fields: [['te', 'trailers']] });
    wire.client.sends(1, 'question', true);
    wire.settles();
    wire.server.tells(`request 1 ${REQUEST_TOLD} te=trailers`, 'data 1 "question" end');
    wire.server.responds(1);
    wire.server.sends(1, 'answer');
    wire.server.stream(1).sendHeaders(HeaderList.of(['grpc-status', '0']), true);
    wire.settles();
    wire.client.tells('response 1 :status=200', 'data 1 "answer"', 'trailers 1 grpc-status=0');
    assert.equal(wire.client.connection.streamCount + wire.server.connection.streamCount, 0);
  });

  test('Trailers-Only, interim responses and request trailers come through', () => {
    const wire = Wire.opened();
    const stream = wire.client.requests();
    stream.sendHeaders(HeaderList.of(['x-checksum', '7']), true);
    wire.settles();
    wire.server.tells(`request 1 ${REQUEST_TOLD}`, 'trailers 1 x-checksum=7');
    wire.server.stream(1).sendHeaders(HeaderList.of([':status', '103']), false);
    wire.server.responds(1, true, ['grpc-status', '12']);
    wire.settles();
    wire.client.tells('response 1 :status=103', 'response 1 :status=200 grpc-status=12 end');
  });

  test('a reset by the client reaches the other owner once, with its code, and is not echoed', () => {
    const wire = Wire.opened();
    const stream = wire.client.requests();
    wire.settles().server.log.length = 0;
    assert.equal(stream.reset(ErrorCode.CANCEL), true);
    wire.settles();
    wire.server.tells('reset 1 CANCEL');
    wire.client.tells();
    assert.equal(wire.client.connection.streamCount + wire.server.connection.streamCount, 0);
  });

  test('a reset by the server reaches the other owner once, with its code, and is not echoed', () => {
    const wire = Wire.opened();
    wire.client.requests();
    wire.settles().server.log.length = 0;
    wire.server.stream(1).reset(0x1234);
    wire.settles();
    wire.client.tells('reset 1 0x1234');
    wire.server.tells();
  });

  test('resets that cross each other are told to nobody', () => {
    const wire = Wire.opened();
    const stream = wire.client.requests();
    wire.settles().server.log.length = 0;
    stream.reset(ErrorCode.CANCEL);
    wire.server.stream(1).reset(ErrorCode.INTERNAL_ERROR);
    wire.settles();
    wire.client.accepts().tells();
    wire.server.accepts().tells();
  });

  test('header blocks above the frame size come through', () => {
    const wire = Wire.opened({}, { maxHeaderListBytes: 200_000, maxHeaderFields: 100 });
    const value = 'v'.repeat(9_000);
    wire.client.requests({
      endStream: true,
      fields: [
        ['a', value],
        ['b', value],
        ['c', value],
      ],
    });
    wire.settles();
    assert.match(wire.server.log[0], /a=v+ b=v+ c=v+ end$/);
    wire.server.accepts();
  });

  test('a PING comes back acknowledged', () => {
    const wire = Wire.opened();
    wire.client.connection.ping(Buffer.from('abcdefgh'));
    wire.settles();
    wire.client.tells('ping acknowledged');
    wire.server.tells();
  });

  test('a smaller HEADER_TABLE_SIZE of the peer is obeyed', () => {
    const server = opened('server', {}, [1, 0]);
    const client = opened('client');
    for (const id of [1, 3, 5]) {
      server.receives(frames.headers(id, REQUEST, { endStream: true }));
      client.requests({ endStream: true });
    }
    client.clears();
    server.takesOutput();
    for (const id of [1, 3, 5]) server.responds(id, true, ['x-repeated', 'value']);
    const bytes = server.takesOutput();
    // The first block begins with the size update to 0 (RFC 7541 section 6.3), and none inserts.
    assert.equal(bytes[9], 0x20);
    client.receives(bytes).accepts();
    assert.equal(client.log.length, 3);
  });
});

describe('GOAWAY from the peer', () => {
  test('streams above its identifier are refused to their owners, those below go on', () => {
    const client = opened('client');
    for (let count = 0; count < 3; count++) client.requests({ endStream: true });
    client.clears().receives(frames.goAway(3, ErrorCode.NO_ERROR, 'bye'));
    client.accepts().tells('goaway 3 NO_ERROR "bye"', 'refused 5');
    client.receives(frames.headers(3, frames.responseBlock(), { endStream: true }));
    client.tells('response 3 :status=200 end');
    assert.equal(client.connection.streamCount, 1);
  });

  test('a later one lowers the identifier, and never raises it', () => {
    const client = opened('client');
    for (let count = 0; count < 3; count++) client.requests();
    client.clears();
    client.receives(frames.goAway(HIGHEST_STREAM_ID, 0), frames.goAway(3, 0), frames.goAway(5, 0));
    client.receives(frames.goAway(1, ErrorCode.INTERNAL_ERROR));
    client.tells(
      'goaway 2147483647 NO_ERROR ""',
      'goaway 3 NO_ERROR ""',
      'refused 5',
      'goaway 5 NO_ERROR ""',
      'goaway 1 INTERNAL_ERROR ""',
      'refused 3',
    );
  });

  test('frames for a refused stream are ignored', () => {
    const client = opened('client');
    client.requests();
    client.receives(frames.goAway(0, 0)).clears();
    client.receives(frames.headers(1, frames.responseBlock()), frames.data(1, 'x'), frames.resetStream(1, 8));
    client.accepts().wants().tells();
  });

  test('from a client it leaves requests alone', () => {
    const server = opened('server').receives(frames.headers(1, REQUEST), frames.goAway(0, 0, 'x'));
    server.tells(`request 1 ${REQUEST_TOLD}`, 'goaway 0 NO_ERROR "x"');
    server.receives(frames.headers(3, REQUEST)).tells(`request 3 ${REQUEST_TOLD}`);
  });

  test('debug text is shortened to 256 bytes', () => {
    const client = opened('client').receives(frames.goAway(0, 0, 'x'.repeat(1_000)));
    client.tells('goaway 0 NO_ERROR <256 bytes>');
  });
});

describe('our GOAWAY', () => {
  test('after the first announcement new streams are still taken', () => {
    const server = opened('server');
    server.connection.goAway(HIGHEST_STREAM_ID, 0, 'draining');
    server.receives(frames.headers(1, REQUEST)).tells(`request 1 ${REQUEST_TOLD}`);
    server.wants('GOAWAY stream=0 length=16 last=2147483647 code=NO_ERROR debug="draining"');
  });

  test('after the final one streams above are ignored, with all that comes on them', () => {
    const server = opened('server').receives(frames.headers(1, REQUEST));
    server.connection.goAway(server.connection.lastPeerStreamId, 0, '');
    server.clears();
    server.receives(
      frames.headers(3, REQUEST),
      frames.data(3, 'x'),
      frames.windowUpdate(3, 1),
      frames.headers(3, frames.block(['x', 'y']), { endStream: true }),
      frames.headers(5, REQUEST),
      frames.resetStream(5, ErrorCode.CANCEL),
    );
    server.accepts().wants().tells();
    server.receives(frames.data(1, 'goes on')).tells('data 1 "goes on"');
  });

  test('header compression stays in step over ignored streams', () => {
    const server = opened('server').receives(frames.headers(1, REQUEST));
    server.connection.goAway(1, 0, '');
    server.clears();
    const inserting = Buffer.concat([REQUEST, Buffer.from([0x40, 1, 0x61, 1, 0x62])]);
    server.receives(frames.headers(3, inserting, { endStream: true }));
    server.receives(frames.headers(1, Buffer.from([0xbe]), { endStream: true })).tells('trailers 1 a=b');
  });

  test('the last identifier is not raised by a later GOAWAY for a violation', () => {
    const server = opened('server').receives(frames.headers(1, REQUEST));
    server.connection.goAway(1, 0, '');
    server.receives(frames.headers(3, REQUEST)).clears();
    server.receives(frames.windowUpdate(0, 0));
    assert.match(server.takesOutput().toString('hex', 9), /^00000001/);
  });

  test('a client ends with GOAWAY for stream 0', () => {
    const client = opened('client');
    client.requests();
    client.connection.goAway(0, 0, '');
    client.receives(frames.headers(1, frames.responseBlock(), { endStream: true })).accepts();
  });
});

describe('the end', () => {
  test('every owner is told once, the registry is empty, and nothing is read or sent any more', () => {
    const server = opened('server');
    server.receives(frames.headers(1, REQUEST), frames.headers(3, REQUEST)).clears();
    server.connection.connectionLost('the socket broke');
    server.connection.connectionLost('twice');
    server.tells('lost 1', 'lost 3');
    assert.equal(server.connection.streamCount, 0);
    assert.equal(server.connection.isClosed, true);
    assert.equal(server.stream(1).state, StreamState.CLOSED);
    server.receives(frames.ping(), frames.headers(5, REQUEST));
    server.responds(1);
    assert.equal(server.sends(1, 'abc'), 3);
    assert.equal(server.stream(1).reset(ErrorCode.CANCEL), false);
    server.stream(1).credit(100_000);
    server.connection.goAway(0, 0, '');
    server.connection.ping(Buffer.alloc(8));
    server.connection.outputDrained();
    server.wants().tells();
  });

  test('a violation tells owners the reason, and who ended the connection', () => {
    const server = opened('server');
    const reasons: string[] = [];
    server.reactions.onConnectionLost = (reason) => reasons.push(reason);
    server.receives(frames.headers(1, REQUEST), frames.ping('short'));
    assert.deepEqual(reasons, [
      'this proxy ended it because of a violation: PING of 5 bytes (FRAME_SIZE_ERROR, ping_frame_size)',
    ]);
    server.tells(`request 1 ${REQUEST_TOLD}`, 'violation ping_frame_size', 'lost 1');
  });

  test('what follows the violation in the same chunk is not read', () => {
    const server = opened('server').receives(frames.windowUpdate(0, 0), frames.headers(1, REQUEST));
    server.tells('violation window_update_zero');
  });

  test('GOAWAY names the last stream that was processed', () => {
    const server = opened('server').receives(frames.headers(1, REQUEST), frames.headers(7, REQUEST)).clears();
    server.receives(frames.windowUpdate(0, 0));
    assert.equal(server.takesOutput().readUInt32BE(9), 7);
  });

  test('a stream opened on a dead connection is over before it began', () => {
    const client = opened('client');
    client.connection.connectionLost('gone');
    const stream = client.requests();
    assert.equal(stream.state, StreamState.CLOSED);
    assert.equal(client.sends(stream.id, 'abc'), 3);
    assert.equal(stream.reset(ErrorCode.CANCEL), false);
    assert.equal(client.connection.streamCount, 0);
    client.wants();
  });
});

test('the owners of live streams can be listed', () => {
  const client = opened('client');
  const first = client.requests();
  const second = client.requests();
  assert.deepEqual(client.connection.streamOwners(), [first.owner, second.owner]);
  first.reset(ErrorCode.CANCEL);
  assert.deepEqual(client.connection.streamOwners(), [second.owner]);
});

test('numbers that tell when to open another connection', () => {
  const client = new Endpoint('client');
  assert.equal(client.connection.peerMaxConcurrentStreams, Number.POSITIVE_INFINITY);
  client.receives(frames.settings([3, 50]));
  assert.equal(client.connection.peerMaxConcurrentStreams, 50);
  assert.equal(client.connection.isWornOut, false);
});
