// What a peer may do too often: each flood ends the connection with ENHANCE_YOUR_CALM and its token, and time forgives.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Role } from '../../src/h2/connection.ts';
import { ErrorCode } from '../../src/h2/error-codes.ts';
import type { FloodLimits } from '../../src/h2/flood-limits.ts';
import type { LocalSettings } from '../../src/h2/settings.ts';
import * as frames from '../support/frames.ts';
import { FLOOD_LIMITS } from '../support/local-settings.ts';
import { Endpoint, opened } from '../support/wire.ts';

const REQUEST = frames.requestBlock();

function repeatedly(count: number, build: (index: number) => Buffer): Buffer {
  return Buffer.concat(Array.from({ length: count }, (_, index) => build(index)));
}

/** Stream identifiers that nobody used before, since buckets are refilled and tried again. */
let nextId = 1;
function freshId(): number {
  nextId += 2;
  return nextId;
}

interface FloodCase {
  readonly token: string;
  readonly limit: keyof FloodLimits;
  readonly burst: number;
  readonly perSecond: number;
  /** One more of what is counted. */
  readonly frame: () => Buffer;
  readonly prepare?: (settings: Partial<LocalSettings>) => Endpoint;
}

const FLOODS: readonly FloodCase[] = [
  {
    token: 'too_many_resets',
    limit: 'resets',
    burst: 200,
    perSecond: 20,
    frame: () => {
      const id = freshId();
      return Buffer.concat([frames.headers(id, REQUEST), frames.resetStream(id, ErrorCode.CANCEL)]);
    },
  },
  {
    token: 'too_many_stream_errors',
    limit: 'streamErrors',
    burst: 20,
    perSecond: 2,
    frame: () => frames.headers(freshId(), frames.block([':method', 'GET'])),
  },
  { token: 'too_many_pings', limit: 'pings', burst: 100, perSecond: 10, frame: () => frames.ping() },
  // One was spent on the handshake.
  { token: 'too_many_settings', limit: 'settings', burst: 19, perSecond: 2, frame: () => frames.settings() },
  {
    token: 'too_many_priorities',
    limit: 'priorities',
    burst: 1000,
    perSecond: 100,
    frame: () => frames.priority(1),
  },
  {
    token: 'too_many_window_updates',
    limit: 'windowUpdates',
    burst: 1000,
    perSecond: 100,
    frame: () => frames.windowUpdate(0, 1),
  },
  {
    token: 'too_many_empty_frames',
    limit: 'emptyData',
    burst: 20,
    perSecond: 2,
    frame: () => frames.data(1, ''),
    prepare: (settings) => opened('server', settings).receives(frames.headers(1, REQUEST)),
  },
  {
    token: 'too_many_unknown_frames',
    limit: 'unknownFrames',
    burst: 100,
    perSecond: 10,
    frame: () => frames.frame(0xbe, 0, 0),
  },
  {
    token: 'too_many_refused_streams',
    limit: 'refusedStreams',
    burst: 100,
    perSecond: 10,
    frame: () => frames.headers(freshId(), REQUEST),
    prepare: (settings) => opened('server', { ...settings, maxConcurrentStreams: 0 }),
  },
  { token: 'too_many_goaways', limit: 'goAways', burst: 20, perSecond: 2, frame: () => frames.goAway(0, 0) },
];

function openedServer(settings: Partial<LocalSettings>): Endpoint {
  return opened('server', settings);
}

describe('each flood', () => {
  for (const { token, limit, burst, perSecond, frame, prepare } of FLOODS) {
    const prepared = (floods = FLOOD_LIMITS): Endpoint => (prepare ?? openedServer)({ floods });

    test(`${token}: ${burst} at once are taken, one more ends the connection`, () => {
      const server = prepared().receives(repeatedly(burst, frame));
      assert.equal(server.connection.isClosed, false);
      server.receives(frame());
      server.failsConnection(token, 'ENHANCE_YOUR_CALM');
    });

    for (const times of [2, 0.5]) {
      test(`${token}: limits.floods.${limit} at ${times} times its default`, () => {
        const most = FLOOD_LIMITS[limit] * times;
        // What the handshake has spent.
        const spent = FLOOD_LIMITS[limit] - burst;
        const server = prepared({ ...FLOOD_LIMITS, [limit]: most }).receives(repeatedly(most - spent, frame));
        assert.equal(server.connection.isClosed, false);
        server.receives(frame());
        server.failsConnection(token, 'ENHANCE_YOUR_CALM');
      });
    }

    test(`${token}: each second allows ${perSecond} more`, () => {
      const server = prepared().receives(repeatedly(burst, frame));
      for (let second = 0; second < 3; second++) {
        server.connection.replenish(1);
        server.receives(repeatedly(perSecond, frame));
      }
      assert.equal(server.connection.isClosed, false);
      server.receives(frame());
      server.failsConnection(token, 'ENHANCE_YOUR_CALM');
    });
  }
});

/** With stream 1 open for DATA both ways. */
function withStream(role: Role): Endpoint {
  const endpoint = opened(role);
  if (role === 'server') {
    endpoint.receives(frames.headers(1, REQUEST));
    endpoint.responds(1);
  } else {
    endpoint.requests();
    endpoint.receives(frames.headers(1, frames.responseBlock()));
  }
  return endpoint.clears();
}

describe('what is no flood', () => {
  test('resets of streams that were answered', () => {
    const server = opened('server');
    server.reactions.onRequest = (stream) => server.responds(stream.id);
    const frame = FLOODS[0].frame;
    for (let count = 0; count < 1_000; count++) {
      server.receives(frame());
      server.clears();
    }
    assert.equal(server.connection.isClosed, false);
  });

  test('two WINDOW_UPDATEs for each call, though all answers come without DATA', () => {
    const server = opened('server');
    server.reactions.onRequest = (stream) => server.responds(stream.id, true);
    for (let count = 0; count < 3_000; count++) {
      const id = freshId();
      server.receives(
        frames.headers(id, REQUEST, { endStream: true }),
        frames.windowUpdate(id, 1),
        frames.windowUpdate(0, 1),
      );
      server.clears();
    }
    assert.equal(server.connection.isClosed, false);

    const client = opened('client');
    for (let count = 0; count < 3_000; count++) {
      const { id } = client.requests({ endStream: true });
      client.receives(
        frames.windowUpdate(id, 1),
        frames.windowUpdate(0, 1),
        frames.headers(id, frames.responseBlock(), { endStream: true }),
      );
      client.clears();
    }
    assert.equal(client.connection.isClosed, false);
  });

  test('resets of streams that are older than 20 milliseconds', () => {
    const server = opened('server', { maxConcurrentStreams: 1_000 });
    const ids = Array.from({ length: 500 }, freshId);
    server.receives(...ids.map((id) => frames.headers(id, REQUEST)));
    server.nowMs = 21;
    server.receives(...ids.map((id) => frames.resetStream(id, ErrorCode.CANCEL)));
    assert.equal(server.connection.isClosed, false);
  });

  test('too_many_resets: streams reset within 20 milliseconds are too many all the same', () => {
    const server = opened('server', { maxConcurrentStreams: 1_000 });
    const ids = Array.from({ length: 201 }, freshId);
    server.receives(...ids.map((id) => frames.headers(id, REQUEST)));
    server.nowMs = 20;
    server.receives(...ids.map((id) => frames.resetStream(id, ErrorCode.CANCEL)));
    server.failsConnection('too_many_resets', 'ENHANCE_YOUR_CALM');
  });

  test('resets of calls whose own deadline is over, also where request and reset arrive as one', () => {
    const server = opened('server');
    for (let second = 0; second < 20; second++) {
      server.reactions.peerDeadlineMs = () => [10, 25, 50, 0.001][second % 4];
      server.receives(repeatedly(500, FLOODS[0].frame)).clears();
      server.connection.replenish(1);
    }
    assert.equal(server.connection.isClosed, false);
  });

  test('too_many_resets: no client resets more by its deadlines than by waiting 20 milliseconds each time', () => {
    const server = opened('server');
    server.reactions.peerDeadlineMs = () => 0.001;
    for (let second = 0; second < 3; second++) {
      server.receives(repeatedly(6_400, FLOODS[0].frame)).clears();
      server.connection.replenish(1);
    }
    assert.equal(server.connection.isClosed, false);
    server.receives(repeatedly(6_401, FLOODS[0].frame));
    server.failsConnection('too_many_resets', 'ENHANCE_YOUR_CALM');
  });

  test('too_many_resets: a deadline that is still far excuses nothing', () => {
    const server = opened('server');
    server.reactions.peerDeadlineMs = () => 51;
    server.receives(repeatedly(201, FLOODS[0].frame));
    server.failsConnection('too_many_resets', 'ENHANCE_YOUR_CALM');
  });

  test('as many resets as calls that a service has answered', () => {
    const server = opened('server');
    for (let count = 0; count < 1_000; count++) {
      server.connection.callAnswered();
      server.receives(FLOODS[0].frame()).clears();
    }
    assert.equal(server.connection.isClosed, false);
    // What was answered is no credit for later: the burst is all that can be saved up.
    for (let count = 0; count < 1_000; count++) server.connection.callAnswered();
    server.receives(repeatedly(201, FLOODS[0].frame));
    server.failsConnection('too_many_resets', 'ENHANCE_YOUR_CALM');
  });

  test('resets by a server', () => {
    const client = opened('client');
    for (let count = 0; count < 300; count++) {
      const stream = client.requests();
      client.receives(frames.resetStream(stream.id, ErrorCode.REFUSED_STREAM)).clears();
    }
    assert.equal(client.connection.isClosed, false);
  });

  test('small DATA frames, however many', () => {
    const server = opened('server').receives(frames.headers(1, REQUEST));
    for (let count = 0; count < 5_000; count++) {
      server.receives(frames.data(1, 'x'));
      server.stream(1).credit(1);
      server.clears();
    }
    assert.equal(server.connection.isClosed, false);
  });

  test('empty DATA between full ones, or at the end of streams', () => {
    const server = opened('server');
    for (let count = 0; count < 100; count++) {
      const id = freshId();
      server.receives(
        frames.headers(id, REQUEST),
        frames.data(id, ''),
        frames.data(id, '', { endStream: true }),
      );
      server.responds(id, true);
    }
    server.accepts();
  });

  test('window updates for the DATA we send', () => {
    const server = opened('server').receives(frames.headers(1, REQUEST, { endStream: true }));
    server.responds(1);
    for (let count = 0; count < 2_000; count++) {
      server.sends(1, 'x');
      server.receives(frames.windowUpdate(0, 1), frames.windowUpdate(1, 1)).clears();
    }
    assert.equal(server.connection.isClosed, false);
  });

  // As grpc-go measures its bandwidth: on both sides, for as long as a stream lives.
  for (const role of ['server', 'client'] as const) {
    test(`a PING for each DATA frame that we send, in the ${role} role`, () => {
      const endpoint = withStream(role);
      for (let count = 0; count < 1_000; count++) {
        assert.equal(endpoint.sends(1, 'x'), 1);
        endpoint.receives(frames.windowUpdate(0, 1), frames.ping()).clears();
      }
      assert.equal(endpoint.connection.isClosed, false);
    });

    test(`a PING for each DATA frame that we receive, in the ${role} role`, () => {
      const endpoint = withStream(role);
      for (let count = 0; count < 1_000; count++) endpoint.receives(frames.data(1, 'x'), frames.ping());
      endpoint.accepts();
    });

    test(`too_many_pings: without DATA in between they are too many, in the ${role} role`, () => {
      const endpoint = withStream(role);
      for (let count = 0; count < 1_000; count++) {
        endpoint.sends(1, 'x');
        endpoint.receives(frames.data(1, 'x'));
      }
      endpoint.clears().receives(repeatedly(100, () => frames.ping()));
      assert.equal(endpoint.connection.isClosed, false, 'DATA earns no more than the burst');
      endpoint.receives(frames.ping());
      endpoint.failsConnection('too_many_pings', 'ENHANCE_YOUR_CALM');
    });
  }

  test('acknowledgements of PINGs that we sent, and the one of our SETTINGS', () => {
    const server = opened('server');
    for (let count = 0; count < 1_000; count++) server.connection.ping(Buffer.alloc(8));
    server.receives(repeatedly(1_000, () => frames.pingAcknowledgement()));
    server.accepts();
  });

  test('what crosses the end of a stream: a window of DATA in small frames, a trailer section, a reset', () => {
    const server = opened('server');
    for (let index = 0; index < 1_500; index++) {
      const id = 1 + 2 * index;
      server.receives(frames.headers(id, REQUEST));
      server.nowMs += 100;
      server.stream(id).reset(ErrorCode.CANCEL);
      server.receives(
        repeatedly(100, () => frames.data(id, 'x'.repeat(500))),
        frames.headers(id, frames.block(['a', 'b']), { endStream: true }),
        frames.resetStream(id, ErrorCode.CANCEL),
      );
    }
    server.accepts();
  });
});

test('too_many_settings: acknowledgements of SETTINGS that we never sent', () => {
  const server = opened('server').receives(repeatedly(20, () => frames.settingsAcknowledgement()));
  server.failsConnection('too_many_settings', 'ENHANCE_YOUR_CALM');
});

test('too_many_pings: acknowledgements of PINGs that we never sent', () => {
  const server = opened('server').receives(repeatedly(101, () => frames.pingAcknowledgement()));
  server.failsConnection('too_many_pings', 'ENHANCE_YOUR_CALM');
});

test('too_many_late_frames: resets of a stream that ended long ago', () => {
  const server = opened('server').receives(frames.headers(1, REQUEST), frames.resetStream(1, 8));
  server.receives(repeatedly(1_100, () => frames.resetStream(1, 8)));
  server.failsConnection('too_many_late_frames', 'ENHANCE_YOUR_CALM');
});

test('too_many_late_frames: header blocks on a stream that we reset', () => {
  const server = opened('server').receives(frames.headers(1, REQUEST));
  server.stream(1).reset(ErrorCode.CANCEL);
  server.receives(repeatedly(1_100, () => frames.headers(1, REQUEST)));
  server.failsConnection('too_many_late_frames', 'ENHANCE_YOUR_CALM');
});

for (const [what, frame] of [
  ['bytes', frames.data(1, Buffer.alloc(1_000))],
  ['empty frames', frames.data(1, '')],
] as const) {
  test(`late_data_exceeded: ${what} for a stream that we reset, beyond what its window allowed`, () => {
    const server = opened('server').receives(frames.headers(1, REQUEST));
    server.stream(1).reset(ErrorCode.CANCEL);
    server.receives(repeatedly(70_000, () => frame));
    server.failsConnection('late_data_exceeded', 'FLOW_CONTROL_ERROR');
  });
}

test('too_much_padding: a megabyte more of padding than of content', () => {
  const server = opened('server').receives(frames.headers(1, REQUEST));
  const padded = frames.data(1, 'x', { padding: 255 });
  server.receives(repeatedly(4_000, () => padded));
  server.accepts();
  server.receives(repeatedly(200, () => padded));
  server.failsConnection('too_much_padding', 'ENHANCE_YOUR_CALM');
});

test('a service may send 15.8 MB of padding for 314 KB of content, as the interoperability test of gRPC does', () => {
  const client = opened('client', { initialWindowBytes: 2 ** 30, connectionWindowBytes: 2 ** 30 });
  const stream = client.requests({ endStream: true });
  client.receives(frames.headers(stream.id, frames.responseBlock()));
  client.receives(repeatedly(62_840, () => frames.data(stream.id, 'xxxxx', { padding: 254 })));
  client.accepts();
});

test('padding beside as much content is no flood', () => {
  const server = opened('server').receives(frames.headers(1, REQUEST));
  server.reactions.onData = (_bytes, start, end) => server.stream(1).credit(end - start);
  server.receives(repeatedly(20_000, () => frames.data(1, 'x'.repeat(255), { padding: 255 }))).accepts();
});

function settingsOf(count: number): Buffer {
  return frames.settings(...Array.from({ length: count }, () => [0xf0, 1] as const));
}

function blockBegun(continuations: number): Buffer {
  const piece = frames.continuation(1, frames.block(['a', 'b']), false);
  return Buffer.concat([
    frames.headers(1, REQUEST, { endHeaders: false }),
    repeatedly(continuations, () => piece),
  ]);
}

describe('limits.floods of what has no time', () => {
  const floods = { ...FLOOD_LIMITS, settingsEntries: 40, continuations: 20, interimResponses: 2 };

  test('settingsEntries', () => {
    const server = opened('server', { floods }).receives(settingsOf(40));
    server.accepts();
    server.receives(settingsOf(41)).failsConnection('settings_too_many_entries', 'ENHANCE_YOUR_CALM');
  });

  test('continuations', () => {
    opened('server', { floods }).receives(blockBegun(20)).accepts();
    opened('server', { floods })
      .receives(blockBegun(21))
      .failsConnection('continuation_flood', 'ENHANCE_YOUR_CALM');
  });

  test('interimResponses', () => {
    const client = opened('client', { floods });
    const stream = client.requests({ endStream: true });
    const hints = frames.headers(stream.id, frames.block([':status', '103']));
    client.receives(hints, hints).accepts();
    client.receives(hints).failsStream(stream.id, 'too_many_interim_responses', 'ENHANCE_YOUR_CALM');
  });

  for (const [role, limit] of [
    ['server', 'paddingBytes'],
    ['client', 'upstreamPaddingBytes'],
  ] as const) {
    test(`${limit}, in the ${role} role`, () => {
      const endpoint = opened(role, { floods: { ...FLOOD_LIMITS, [limit]: 65_536 } });
      if (role === 'client') endpoint.requests({ endStream: true });
      endpoint.receives(frames.headers(1, role === 'client' ? frames.responseBlock() : REQUEST));
      const padded = frames.data(1, 'x', { padding: 200 });
      endpoint.receives(repeatedly(320, () => padded));
      endpoint.accepts();
      endpoint
        .receives(repeatedly(20, () => padded))
        .failsConnection('too_much_padding', 'ENHANCE_YOUR_CALM');
    });
  }
});

describe('time', () => {
  test('header_block_timeout: a header block that is never finished, and nothing else is ever sent', () => {
    const server = opened('server');
    server.nowMs = 5_000;
    server.receives(frames.headers(1, REQUEST, { endHeaders: false }));
    server.connection.checkTime(14_999);
    server.accepts();
    server.connection.checkTime(15_000);
    server.failsConnection('header_block_timeout', 'ENHANCE_YOUR_CALM');
  });

  test('header_block_timeout: a HEADERS frame that trickles in', () => {
    const server = opened('server');
    const request = frames.headers(1, REQUEST);
    server.nowMs = 5_000;
    server.receives(request.subarray(0, 9));
    for (let at = 9; at < 19; at++) {
      server.nowMs += 1_000;
      server.receives(request.subarray(at, at + 1));
    }
    // The first byte of its payload came at 6 s.
    server.connection.checkTime(15_999);
    server.accepts();
    server.connection.checkTime(16_000);
    server.failsConnection('header_block_timeout', 'ENHANCE_YOUR_CALM');
  });

  test('header_block_timeout: any other frame that trickles in, and a payload that never begins', () => {
    for (const frame of [frames.settings([4, 70_000], [5, 20_000]), frames.ping(), frames.goAway(0, 0)]) {
      for (const size of [9, 12]) {
        const server = opened('server');
        server.nowMs = 1_000;
        server.receives(frame.subarray(0, size));
        server.connection.checkTime(11_000);
        server.failsConnection('header_block_timeout', 'ENHANCE_YOUR_CALM');
      }
    }
  });

  test('a client whose every chunk ends within another frame has as much time as any', () => {
    const server = opened('server');
    const bytes = repeatedly(100, () => frames.headers(freshId(), REQUEST, { endStream: true }));
    server.reactions.onRequest = (stream) => server.responds(stream.id, true);
    const step = Math.floor(bytes.length / 60);
    for (let at = 0; at < bytes.length - 9; at += step) {
      server.nowMs += 1_000;
      server.receives(bytes.subarray(at, at + step));
      server.connection.checkTime(server.nowMs);
    }
    assert.equal(server.connection.isClosed, false);
  });

  test('a frame cannot be finished while nothing is read, and DATA has no time limit', () => {
    const paused = opened('server').receives(frames.headers(1, REQUEST).subarray(0, 12));
    paused.connection.checkTime(1_000_000, false);
    paused.accepts();
    const slow = opened('server').receives(
      frames.headers(1, REQUEST),
      frames.data(1, 'abcdef').subarray(0, 12),
    );
    slow.connection.checkTime(1_000_000);
    slow.accepts();
  });

  test('a header block that was finished has no time limit', () => {
    const server = opened('server');
    server.receives(frames.headers(1, REQUEST));
    server.connection.checkTime(0);
    server.connection.checkTime(1_000_000);
    server.accepts();
  });

  test('limits.headerTimeout and limits.openingTimeout are what counts', () => {
    const slow = opened('server', { headerTimeoutMs: 60_000 });
    slow.receives(frames.headers(1, REQUEST, { endHeaders: false }));
    slow.connection.checkTime(59_999);
    slow.accepts();
    slow.connection.checkTime(60_000);
    slow.failsConnection('header_block_timeout', 'ENHANCE_YOUR_CALM');
    const silent = new Endpoint('server', { settingsTimeoutMs: 2_000 });
    silent.receives(frames.preface(), frames.settings());
    silent.connection.checkTime(0);
    silent.connection.checkTime(2_000);
    silent.failsConnection('settings_timeout', 'SETTINGS_TIMEOUT');
  });

  test('settings_timeout: SETTINGS that are never acknowledged', () => {
    const server = new Endpoint('server').receives(frames.preface(), frames.settings());
    server.connection.checkTime(7_000);
    server.connection.checkTime(16_999);
    server.accepts();
    server.connection.checkTime(17_000);
    server.failsConnection('settings_timeout', 'SETTINGS_TIMEOUT');
  });
});

test('a flood in one chunk is cut off in the middle of the chunk', () => {
  const server = opened('server').receives(repeatedly(3_000, FLOODS[0].frame));
  assert.equal(server.log.filter((line) => line.startsWith('request')).length, 201);
  server.failsConnection('too_many_resets', 'ENHANCE_YOUR_CALM');
});
