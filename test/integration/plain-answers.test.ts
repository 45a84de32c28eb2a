// Responses that cannot be passed on as they came: those that break off, that have no business with content, that come
// before the response, and those of gRPC services to requests that are none of theirs.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { status } from '../../src/demo/grpc.ts';
import { ErrorCode } from '../../src/h2/error-codes.ts';
import { FrameType } from '../../src/h2/frame-type.ts';
import { startDemo, startProxy, startRawUpstream } from '../support/proxy-under-test.ts';
import type { Fields } from '../support/raw-frames.ts';
import type { RawRequest } from '../support/raw-server.ts';

const CONTENT_LENGTH: Fields = [
  [':status', '200'],
  ['content-type', 'application/grpc'],
  ['content-length', '42'],
];

const BREAKS: readonly (readonly [what: string, breaks: (request: RawRequest) => void, code: number])[] = [
  ['the connection to the service is lost', (request) => request.peer.socket.destroy(), status.UNAVAILABLE],
  ['the service ends it', (request) => request.sendTrailers(), status.INTERNAL],
];

for (const [what, breaks, code] of BREAKS) {
  test(`a gRPC response that names a length, and ends before it since ${what}, gets a status`, async (t) => {
    const upstream = await startRawUpstream(t, {
      onRequestEnd: (request) => {
        request.sendHeaders(CONTENT_LENGTH);
        request.peer.sendData(request.streamId, Buffer.alloc(11));
        setImmediate(() => breaks(request));
      },
    });
    const proxy = await startProxy(t, { endpoints: [upstream.address] });
    const raw = await proxy.rawClient('clear');
    const { headers, trailers, content } = await raw.outcome(raw.call());
    assert.equal(new Map(headers).get('content-length'), undefined);
    assert.equal(content.length, 11);
    assert.equal(new Map(trailers).get('grpc-status'), String(code));
    // grpc-js refuses a response that does not add up to its length, and says INTERNAL.
    const outcome = await proxy.voiceClient('clear').say({});
    assert.equal(outcome.code, code, outcome.details);
  });
}

test('a response that is no gRPC and breaks off is reset, never ended', async (t) => {
  const upstream = await startRawUpstream(t, {
    onRequestEnd: (request) => {
      request.sendHeaders([
        [':status', '200'],
        ['content-length', '42'],
      ]);
      request.peer.sendData(request.streamId, Buffer.alloc(11));
      setImmediate(() => request.peer.socket.destroy());
    },
  });
  const proxy = await startProxy(t, { endpoints: [upstream.address] });
  const client = await proxy.rawClient('clear');
  const outcome = await client.outcome(client.call({ fields: [['content-type', 'text/plain']] }));
  assert.equal(new Map(outcome.headers).get('content-length'), '42');
  assert.equal(outcome.resetCode, ErrorCode.INTERNAL_ERROR);
});

const BODILESS: readonly (readonly [method: string, httpStatus: string])[] = [
  ['HEAD', '200'],
  ['GET', '204'],
  ['GET', '304'],
];

for (const [method, httpStatus] of BODILESS) {
  test(`DATA behind a ${httpStatus} in answer to ${method} does not reach the client, and the log blames the service`, async (t) => {
    const upstream = await startRawUpstream(t, {
      onRequestEnd: (request) => {
        request.sendHeaders([
          [':status', httpStatus],
          ['content-length', '6'],
        ]);
        request.peer.sendData(request.streamId, Buffer.from('secret'), true);
      },
    });
    const proxy = await startProxy(t, { endpoints: [upstream.address] });
    const client = await proxy.rawClient('clear');
    const outcome = await client.outcome(
      client.call({
        fields: [
          [':method', method],
          ['content-type', 'text/plain'],
        ],
      }),
    );
    assert.equal(outcome.content.length, 0);
    assert.equal(outcome.resetCode, ErrorCode.INTERNAL_ERROR);
    // Of a 204 a length is forbidden (RFC 9110 section 8.6).
    assert.equal(new Map(outcome.headers).get('content-length'), httpStatus === '204' ? undefined : '6');
    const record = await proxy.record();
    assert.match(record.reason, /^upstream_protocol_error: .*response_content_forbidden/);
  });
}

test('a response that ends with its header fields, though it names a length, is a failure of the service', async (t) => {
  const upstream = await startRawUpstream(t, {
    onRequestEnd: (request) =>
      request.sendTrailers([
        [':status', '200'],
        ['content-length', '5'],
      ]),
  });
  const proxy = await startProxy(t, { endpoints: [upstream.address] });
  const client = await proxy.rawClient('clear');
  const outcome = await client.outcome(client.call({ fields: [['content-type', 'text/plain']] }));
  assert.equal(new Map(outcome.headers).get(':status'), '502');
  assert.match(outcome.content.toString(), /content_length_mismatch/);
});

test('trailers of a service are passed on without what counts only before the content', async (t) => {
  const upstream = await startRawUpstream(t, {
    onRequestEnd: (request) => {
      request.sendHeaders();
      request.sendTrailers([
        ['grpc-status', '0'],
        ['content-length', '7'],
        ['x-kept', '1'],
      ]);
    },
  });
  const proxy = await startProxy(t, { endpoints: [upstream.address] });
  const client = await proxy.rawClient('clear');
  const { trailers } = await client.outcome(client.call());
  assert.deepEqual(trailers, [
    ['grpc-status', '0'],
    ['x-kept', '1'],
  ]);
});

const EXPECT: Fields = [['expect', '100-continue']];
const PLAIN: Fields = [['content-type', 'text/plain']];

const INTERIM: readonly (readonly [what: string, fields: Fields, statuses: readonly string[]])[] = [
  ['a gRPC client that expects 100 gets it, and no other', EXPECT, ['100', '200']],
  ['a gRPC client that expects nothing gets none', [], ['200']],
  ['a plain client that expects nothing gets all but 100', PLAIN, ['103', '200']],
  ['a plain client that expects 100 gets all', [...PLAIN, ...EXPECT], ['100', '103', '200']],
];

for (const [what, fields, statuses] of INTERIM) {
  test(`interim responses: ${what}`, async (t) => {
    const upstream = await startRawUpstream(t, {
      onRequest: (request) => {
        request.sendHeaders([[':status', '100']]);
        request.sendHeaders([
          [':status', '103'],
          ['link', '</a>'],
          ['content-length', '9'],
        ]);
      },
      onRequestEnd: (request) => request.succeed(),
    });
    const proxy = await startProxy(t, { endpoints: [upstream.address] });
    const client = await proxy.rawClient('clear');
    const call = client.call({ fields, endStream: false });
    if (statuses.includes('100')) await client.wantHeaders(call);
    else await upstream.wantRequest();
    client.sendData(call, Buffer.alloc(5), true);
    await client.outcome(call);
    const blocks = client.framesOf(call).filter(({ type }) => type === FrameType.HEADERS);
    const seen = blocks.flatMap((block) => new Map(block.fields).get(':status') ?? []);
    assert.deepEqual(seen, statuses);
    // A length in an interim response is forbidden (RFC 9110 section 8.6).
    assert.ok(blocks.every((block) => !block.fields.some(([name]) => name === 'content-length')));
    assert.equal(upstream.requests[0].field('expect'), new Map(fields).get('expect'));
  });
}

test('a plain HTTP/2 request that a gRPC service resets gets an HTTP response that says what to do', async (t) => {
  // As grpcio does.
  const upstream = await startRawUpstream(t, {
    onRequest: (request) => request.reset(ErrorCode.INTERNAL_ERROR),
  });
  const proxy = await startProxy(t, { endpoints: [upstream.address] });
  const client = await proxy.rawClient('clear');
  const fields: Fields = [
    [':method', 'GET'],
    ['content-type', 'text/plain'],
    ['user-agent', 'curl/8.0'],
  ];
  const outcome = await client.outcome(client.call({ fields }));
  assert.equal(new Map(outcome.headers).get(':status'), '502');
  assert.match(
    outcome.content.toString(),
    /reset this request \(INTERNAL_ERROR\) without an answer, as gRPC services do .*gRPC client such as grpcurl.*\(FG3025\)/,
  );
  assert.equal(outcome.resetCode, undefined);
});

test('codes by which a client knows what to do are passed on to plain requests too', async (t) => {
  for (const code of [ErrorCode.REFUSED_STREAM, ErrorCode.HTTP_1_1_REQUIRED]) {
    const upstream = await startRawUpstream(t, { onRequest: (request) => request.reset(code) });
    const proxy = await startProxy(t, { endpoints: [upstream.address] });
    const client = await proxy.rawClient('clear');
    const outcome = await client.outcome(client.call({ fields: PLAIN }));
    assert.equal(outcome.resetCode, code);
  }
});

test('a plain HTTP/2 request to a service of grpc-js gets its status, and a text that says what to do', async (t) => {
  const demo = await startDemo(t);
  const proxy = await startProxy(t, { endpoints: [demo.address] });
  const client = await proxy.rawClient('clear');
  const fields: Fields = [
    [':method', 'GET'],
    ['content-type', 'text/html'],
  ];
  const outcome = await client.outcome(client.call({ fields }));
  assert.equal(new Map(outcome.headers).get(':status'), '415');
  assert.match(outcome.content.toString(), /Call it with a gRPC client/);
});

const GIVEN = 'Thu, 01 Jan 1970 00:00:00 GMT';
const NO_GRPC: Fields = [['content-type', 'text/plain']];
const DATED: readonly (readonly [
  what: string,
  response: Fields,
  fields: Fields,
  date: RegExp | undefined,
])[] = [
  [
    'a response without Date gets one',
    [],
    NO_GRPC,
    /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$/,
  ],
  ['the Date of a service stays', [['date', GIVEN]], NO_GRPC, new RegExp(`^${GIVEN}$`)],
  ['a gRPC response without Date gets none', [['content-type', 'application/grpc']], [], undefined],
];

for (const [what, response, fields, date] of DATED) {
  test(`${what}, each time it comes`, async (t) => {
    const upstream = await startRawUpstream(t, {
      onRequestEnd: (request) => {
        request.sendHeaders([[':status', '200'], ...response]);
        request.sendTrailers();
      },
    });
    const proxy = await startProxy(t, { endpoints: [upstream.address] });
    const client = await proxy.rawClient('clear');
    // The second header block is one that is known.
    for (let round = 0; round < 2; round++) {
      const { headers } = await client.outcome(client.call({ fields }));
      const dates = headers.filter(([name]) => name === 'date').map(([, value]) => value);
      assert.equal(dates.length, date === undefined ? 0 : 1, JSON.stringify(headers));
      if (date !== undefined) assert.match(dates[0], date);
    }
  });
}

test('a refusal of ours says when it was made, over both protocols', async (t) => {
  const proxy = await startProxy(t, {});
  const client = await proxy.rawClient('clear');
  const { headers } = await client.outcome(client.call({ path: '/nowhere', fields: NO_GRPC }));
  assert.equal(headers.filter(([name]) => name === 'date').length, 1, JSON.stringify(headers));
  const answer = await fetch(`http://127.0.0.1:${proxy.port('clear')}/nowhere`);
  assert.equal(answer.status, 426);
  assert.match(answer.headers.get('date') ?? '', /^\w{3}, [^,]* GMT$/, 'one, and not two');
});
