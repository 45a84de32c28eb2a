// External authorization through the whole proxy: an authorizer on grpc-js allows, denies, changes header fields, is late or answers
// nonsense.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { ErrorCode } from '../../src/h2/error-codes.ts';
import { FrameType } from '../../src/h2/frame-type.ts';
import { RawHttp1Client } from '../edges/edge-under-test.ts';
import {
  ALLOWED,
  Authorizer,
  type CheckAnswer,
  deniedWith,
  type Judgement,
  setting,
} from '../support/authorizer.ts';
import { eventually } from '../support/eventually.ts';
import { type ProxyUnderTest, startProxy, startRawUpstream } from '../support/proxy-under-test.ts';
import type { RawOutcome } from '../support/raw-client.ts';
import { type Fields, grpcMessage } from '../support/raw-frames.ts';
import type { RawRequest, RawServer } from '../support/raw-server.ts';

interface Scene {
  readonly proxy: ProxyUnderTest;
  readonly authorizer: Authorizer;
  readonly service: RawServer;
}

interface Settings {
  readonly authorize?: Readonly<Record<string, unknown>>;
  readonly route?: Readonly<Record<string, unknown>>;
  readonly upstreams?: Readonly<Record<string, unknown>>;
  /** Where the authorizer is, if not at that of the scene. */
  readonly at?: string;
  readonly onRequestEnd?: (request: RawRequest) => void;
}

async function start(t: TestContext, settings: Settings = {}): Promise<Scene> {
  const authorizer = await Authorizer.start(t);
  const service = await startRawUpstream(t, {
    onRequestEnd: settings.onRequestEnd ?? ((request) => request.succeed()),
  });
  const authorize = { upstream: 'authorizer', timeout: '10s', ...settings.authorize };
  const proxy = await startProxy(t, {
    sections: {
      routes: [{ name: 'all', match: { path: '/*' }, upstream: 'voice', ...settings.route, authorize }],
      upstreams: {
        voice: { endpoints: [service.address] },
        authorizer: { endpoints: [settings.at ?? authorizer.address] },
        ...settings.upstreams,
      },
    },
  });
  return { proxy, authorizer, service };
}

async function call(
  { proxy }: Pick<Scene, 'proxy'>,
  fields: Fields = [],
  path?: string,
): Promise<RawOutcome> {
  const client = await proxy.rawClient('tls');
  const body = grpcMessage(Buffer.from('x'));
  return client.outcome(client.call({ fields, body, ...(path === undefined ? {} : { path }) }));
}

function header(outcome: RawOutcome, name: string): readonly string[] {
  return outcome.headers.flatMap(([one, value]) => (one === name ? [value] : []));
}

function values(request: RawRequest, name: string): readonly string[] {
  return request.fields.flatMap(([one, value]) => (one === name ? [value] : []));
}

test('the authorizer is told of the call, and the service gets what it allows', async (t) => {
  const scene = await start(t, { authorize: { context: { tenant: 'blue' } } });
  const outcome = await call(
    scene,
    [
      ['x-token', 'one'],
      ['x-token', 'two'],
      ['data-bin', 'AAEC'],
      ['cookie', 'a=1'],
      ['cookie', 'b=2'],
      ['x-forwarded-for', '203.0.113.9'],
      ['grpc-timeout', '60S'],
    ],
    '/voice.VoiceAssistant/Say?x=1',
  );
  assert.equal(outcome.grpcStatus, '0');
  const [asked] = scene.authorizer.asked;
  assert.ok(asked !== undefined);
  const { http, time } = asked.request;
  assert.deepEqual(
    [http.method, http.path, http.query, http.host, http.scheme, http.protocol, http.size],
    ['POST', '/voice.VoiceAssistant/Say?x=1', 'x=1', 'service.test', 'https', 'HTTP/2', -1],
  );
  const { headers } = http;
  assert.deepEqual(
    [headers['x-token'], headers['data-bin'], headers['cookie'], headers[':path'], headers['te']],
    ['one,two', 'AAEC', 'a=1; b=2', '/voice.VoiceAssistant/Say?x=1', undefined],
  );
  assert.equal(headers['x-forwarded-for'], '127.0.0.1', 'a client may not say who it is');
  assert.ok(Math.abs(time.seconds - Date.now() / 1000) < 3600);
  assert.equal(asked.source.address?.socketAddress?.address, '127.0.0.1');
  assert.ok((asked.source.address?.socketAddress?.portValue ?? 0) > 0);
  assert.equal(asked.destination.address?.socketAddress?.portValue, scene.proxy.port('tls'));
  assert.deepEqual(asked.contextExtensions, { tenant: 'blue' });
  const [request] = scene.service.requests;
  assert.equal(http.id, request?.field('x-request-id'));
});

test('bytes that are no UTF-8 do not keep the authorizer from judging', async (t) => {
  const authorizer = await Authorizer.start(t);
  authorizer.judge = () => deniedWith(403, 'judged');
  const authorize = { upstream: 'authorizer', timeout: '10s', failure: 'allow' };
  const proxy = await startProxy(t, {
    sections: {
      routes: [{ name: 'web', match: { path: '/*' }, upstream: 'web', authorize }],
      upstreams: {
        web: { protocol: 'http1', endpoints: ['127.0.0.1:1'] },
        authorizer: { endpoints: [authorizer.address] },
      },
    },
  });
  const client = new RawHttp1Client(t, proxy.port('clear'));
  client.send('GET /p HTTP/1.1', 'Host: service.test', 'X-Odd: a\xffb', 'X-Even: \xc3\xa9', '');
  await client.receives('judged');
  const [asked] = authorizer.asked;
  assert.deepEqual(
    [asked?.request.http.headers['x-odd'], asked?.request.http.headers['x-even']],
    ['a\ufffdb', 'é'],
  );
});

test('an authorizer may set, add and remove header fields of the request, and those of the response', async (t) => {
  const scene = await start(t);
  scene.authorizer.judge = (): CheckAnswer => ({
    status: { code: 0 },
    okResponse: {
      headers: [
        setting('X-User', 'alice'),
        setting('x-group', 'second', { append: { value: true } }),
        setting('x-absent', 'new', { appendAction: 1 }),
        setting('x-there', 'ignored', { appendAction: 1 }),
        setting('x-nowhere', 'ignored', { appendAction: 3 }),
        setting('x-here', 'changed', { appendAction: 3 }),
        setting('x-gone', 'set, but also removed'),
        setting('x-gone', 'added, but also removed', { append: { value: true } }),
        { header: { key: 'x-raw', rawValue: Buffer.from('bytes') } },
      ],
      headersToRemove: ['authorization', 'x-gone', 'host', ':path', 'te', 'content-type'],
      responseHeadersToAdd: [
        setting('x-answer', 'checked'),
        setting('x-service', 'again', { append: { value: true } }),
      ],
    },
  });
  const answering = await start(t, {
    at: scene.authorizer.address,
    onRequestEnd: (request) => {
      request.sendHeaders([
        [':status', '200'],
        ['content-type', 'application/grpc'],
        ['x-service', 'once'],
        ['x-answer', 'of the service'],
      ]);
      request.sendMessage(Buffer.from('x'));
      request.sendTrailers();
    },
  });
  const client = await answering.proxy.rawClient('tls');
  for (const round of [0, 1, 2]) {
    const fields: Fields = [
      ['x-user', 'mallory'],
      ['x_user', 'mallory too'],
      ['x-group', 'first'],
      ['x-there', 'kept'],
      ['x-here', 'old'],
      ['authorization', 'secret'],
    ];
    const outcome = await client.outcome(client.call({ fields, body: grpcMessage(Buffer.from('x')) }));
    assert.equal(outcome.grpcStatus, '0');
    const request = answering.service.requests[round];
    assert.ok(request !== undefined);
    assert.deepEqual(
      [
        'x-user',
        'x_user',
        'x-group',
        'x-absent',
        'x-there',
        'x-nowhere',
        'x-here',
        'x-raw',
        'x-gone',
        'authorization',
      ].map((name) => values(request, name)),
      [['alice'], [], ['first', 'second'], ['new'], ['kept'], [], ['changed'], ['bytes'], [], []],
    );
    assert.deepEqual(
      [values(request, ':path').length, values(request, 'content-type')],
      [1, ['application/grpc']],
    );
    assert.deepEqual(
      [header(outcome, 'x-answer'), header(outcome, 'x-service')],
      [['checked'], ['once', 'again']],
    );
  }
});

test('fields that clients may not send are removed from the request, and those of the authorizer stay', async (t) => {
  const scene = await start(t, {
    route: {
      headers: { request: { remove: ['x-user'] }, response: { set: { 'x-answer': 'of the route' } } },
    },
  });
  const judged: Judgement[] = [
    { status: { code: 0 }, okResponse: { headers: [setting('x-user', 'alice')] } },
    ALLOWED,
    { status: { code: 0 }, okResponse: { responseHeadersToAdd: [setting('x-answer', 'of the authorizer')] } },
  ];
  const seen: unknown[] = [];
  for (const [index, judgement] of judged.entries()) {
    scene.authorizer.judge = () => judgement;
    const outcome = await call(scene, [['x-user', 'mallory']]);
    const request = scene.service.requests[index];
    assert.ok(request !== undefined);
    seen.push([values(request, 'x-user'), header(outcome, 'x-answer')]);
  }
  assert.deepEqual(seen, [
    [['alice'], ['of the route']],
    [[], ['of the route']],
    [[], ['of the authorizer']],
  ]);
});

test('a call keeps what its authorizer has set when it is sent again', async (t) => {
  let count = 0;
  const scene = await start(t, {
    onRequestEnd: (request) => {
      if (count++ === 0) request.reset(ErrorCode.REFUSED_STREAM);
      else request.succeed();
    },
  });
  scene.authorizer.judge = () => ({
    status: { code: 0 },
    okResponse: { headers: [setting('x-user', 'alice')], headersToRemove: ['x-secret'] },
  });
  assert.equal((await call(scene, [['x-secret', 'abc']])).grpcStatus, '0');
  assert.deepEqual(
    scene.service.requests.map((request) => [values(request, 'x-user'), values(request, 'x-secret')]),
    [
      [['alice'], []],
      [['alice'], []],
    ],
  );
  assert.equal(scene.authorizer.asked.length, 1);
});

test('a question that hangs holds no other question', async (t) => {
  const scene = await start(t, { authorize: { timeout: '10s' } });
  let isHeld = true;
  scene.authorizer.judge = () => (isHeld ? 'silent' : ALLOWED);
  const client = await scene.proxy.rawClient('tls');
  const held = client.call({ body: grpcMessage(Buffer.from('x')) });
  await eventually('it is asked', () => scene.authorizer.asked.length === 1);
  isHeld = false;
  assert.equal((await call(scene)).grpcStatus, '0');
  client.sendReset(held, ErrorCode.CANCEL);
  await eventually('the question is given up', () => scene.authorizer.cancelled === 1);
});

test('a denial reaches a gRPC client with the status of gRPC, the body as its message, and its fields as metadata', async (t) => {
  const scene = await start(t);
  const cases = [
    [401, '16'],
    [403, '7'],
    [429, '14'],
    [404, '12'],
    [200, '2'],
    [302, '2'],
    [0, '7'],
    [199, '7'],
    [700, '7'],
  ] as const;
  for (const [httpStatus, grpcStatus] of cases) {
    scene.authorizer.judge = () =>
      deniedWith(httpStatus, 'line one\nline two\u0007', [setting('x-why', 'rule 7')]);
    const outcome = await call(scene);
    assert.deepEqual(
      [outcome.grpcStatus, outcome.grpcMessage, header(outcome, 'x-why'), header(outcome, ':status')],
      [grpcStatus, 'line one line two?', ['rule 7'], ['200']],
      `HTTP ${httpStatus}`,
    );
  }
  assert.equal(scene.service.requests.length, 0);
  const record = await scene.proxy.record();
  assert.match(
    record.reason,
    /^authorization_denied: line one line two\? It was denied by upstream authorizer with HTTP 401/,
  );
});

test('a denial reaches a client without gRPC as it is', async (t) => {
  const scene = await start(t, {
    route: { upstream: 'web' },
    upstreams: { web: { protocol: 'http1', endpoints: ['127.0.0.1:1'] } },
  });
  scene.authorizer.judge = () =>
    deniedWith(302, 'go there', [
      setting('location', 'https://login.test/'),
      setting('content-type', 'text/html'),
      setting('content-length', '9999'),
      setting('set-cookie', 'a=1', { append: { value: true } }),
      setting('set-cookie', 'b=2'),
    ]);
  const client = new RawHttp1Client(t, scene.proxy.port('clear'));
  client.send('GET /page HTTP/1.1', 'Host: service.test', '');
  const text = await client.receives('go there');
  assert.match(text, /^HTTP\/1\.1 302 /);
  for (const line of [
    'location: https://login.test/',
    'content-type: text/html',
    'content-length: 8',
    'set-cookie: a=1',
    'set-cookie: b=2',
  ])
    assert.equal(text.toLowerCase().split(`\r\n${line}\r\n`).length, 2, `${line} once in ${text}`);
  assert.ok(!text.includes('9999'));
  assert.equal(scene.authorizer.asked[0]?.request.http.protocol, 'HTTP/1.1');
});

const UNUSABLE: Readonly<Record<string, Judgement>> = {
  'a status of gRPC': { error: { code: 13, details: 'out of order' } },
  'neither yes nor no': {},
  'an error of its own': { status: { code: 13 }, errorResponse: { status: { code: 500 }, body: 'x' } },
  'a field of gRPC': { status: { code: 0 }, okResponse: { headers: [setting('grpc-timeout', '1S')] } },
  'a pseudo-header field': { status: { code: 0 }, okResponse: { headers: [setting(':path', '/other')] } },
  'a field of the hop': { status: { code: 0 }, okResponse: { headers: [setting('connection', 'close')] } },
  'a value with a line break': {
    status: { code: 0 },
    okResponse: { headers: [setting('x-a', 'a\r\nb: c')] },
  },
  'a name with a space': { status: { code: 0 }, okResponse: { headers: [setting('x a', 'b')] } },
  'a response field of gRPC': {
    status: { code: 0 },
    okResponse: { responseHeadersToAdd: [setting('grpc-status', '0')] },
  },
  'an unknown action': {
    status: { code: 0 },
    okResponse: { headers: [setting('x-a', 'b', { appendAction: 9 })] },
  },
  'too many fields': {
    status: { code: 0 },
    okResponse: { headers: Array.from({ length: 200 }, (_, index) => setting(`x-${index}`, 'b')) },
  },
  'more than it may say': {
    status: { code: 0 },
    okResponse: { headers: [setting('x-a', 'b'.repeat(70_000))] },
  },
};

test('an answer that cannot be used refuses the call, and says why in the log alone', async (t) => {
  const scene = await start(t);
  let count = 0;
  for (const [what, judgement] of Object.entries(UNUSABLE)) {
    scene.authorizer.judge = () => judgement;
    const outcome = await call(scene);
    assert.deepEqual(
      [outcome.grpcStatus, outcome.grpcMessage],
      ['14', 'Whether this call may pass cannot be found out now; call again later. (FG3045)'],
      what,
    );
    const records = await scene.proxy.wantRecords(++count);
    assert.match(
      records[count - 1]?.reason ?? '',
      /^authorizer_unavailable: .* Why: .+ \(authorize of the route\)\.$/,
      what,
    );
  }
  assert.equal(scene.service.requests.length, 0);
});

test('with failure: allow a call passes where there is no answer, which the log and the metrics say', async (t) => {
  const scene = await start(t, { authorize: { failure: 'allow' } });
  for (const [what, judgement] of Object.entries(UNUSABLE)) {
    scene.authorizer.judge = () => judgement;
    assert.equal((await call(scene)).grpcStatus, '0', what);
  }
  scene.authorizer.judge = () => deniedWith(403, 'no');
  assert.equal((await call(scene)).grpcStatus, '7');
  await scene.proxy.line(
    ({ msg }) => typeof msg === 'string' && msg.startsWith('calls pass without an answer: '),
  );
  const families = await scene.proxy.plane.metrics();
  const counted = families.find(({ name }) => name === 'framegate_authorize_questions_total');
  assert.ok(counted !== undefined);
  const { counts, recent } = await scene.proxy.plane.diagnoses();
  assert.equal(counts['FG3045'], Object.keys(UNUSABLE).length);
  const found = recent.find(({ code }) => code === 'FG3045');
  assert.equal(found?.upstream, 'authorizer');
  assert.match(found.sentence, /^Calls pass without an answer: .+[^.]\.$/);
});

test('an authorizer that is late refuses the call in time, and the question is given up', async (t) => {
  // It does not know of deadlines, unlike those of gRPC libraries.
  const fake = await startRawUpstream(t, {});
  const scene = await start(t, { at: fake.address, authorize: { timeout: '50ms' } });
  const outcome = await call(scene);
  assert.equal(outcome.grpcStatus, '14');
  const record = await scene.proxy.record();
  assert.match(record.reason, /^authorizer_unavailable: .* has not answered in 50 ms \(authorize\.timeout\)/);
  const { peer, streamId } = await fake.wantRequest();
  await peer.want(
    'the question is given up',
    (frame) => frame.streamId === streamId && frame.type === FrameType.RST_STREAM,
  );
});

test('an authorizer that cannot be reached refuses the call', async (t) => {
  const scene = await start(t, { at: '127.0.0.1:1' });
  const outcome = await call(scene);
  assert.equal(outcome.grpcStatus, '14');
  assert.match((await scene.proxy.record()).reason, /^authorizer_unavailable: .* Why: .*127\.0\.0\.1:1/);
});

test('a call that its client cancels gives its question up', async (t) => {
  const scene = await start(t);
  scene.authorizer.judge = () => 'silent';
  const client = await scene.proxy.rawClient('tls');
  const stream = client.call({ body: grpcMessage(Buffer.from('x')) });
  await eventually('it is asked', () => scene.authorizer.asked.length === 1);
  client.sendReset(stream, ErrorCode.CANCEL);
  await eventually('the question is given up', () => scene.authorizer.cancelled === 1);
  await eventually('no call runs', () => scene.proxy.plane.load.calls === 0);
  assert.equal(scene.service.requests.length, 0);
});

test('answers frame by frame that are no gRPC, are cut off or are too long are none', async (t) => {
  const replies: Readonly<Record<string, (request: RawRequest) => void>> = {
    'a reset': (request) => request.reset(ErrorCode.INTERNAL_ERROR),
    'no message': (request) => {
      request.sendHeaders();
      request.sendTrailers();
    },
    'two messages': (request) => {
      request.sendHeaders();
      request.sendMessage(Buffer.alloc(0));
      request.sendMessage(Buffer.alloc(0));
      request.sendTrailers();
    },
    'no status': (request) => {
      request.sendHeaders();
      request.sendMessage(Buffer.from([10, 0]));
      request.sendTrailers([['x-other', '1']]);
    },
    'a page': (request) =>
      request.sendHeaders([
        [':status', '404'],
        ['content-type', 'text/html'],
      ]),
    'bytes that are no message': (request) => request.succeed(Buffer.from([0xff, 0xff, 0xff])),
    'a field that ends too early': (request) => request.succeed(Buffer.from([10, 99])),
    'a length without its message': (request) => {
      request.sendHeaders();
      request.peer.sendData(request.streamId, Buffer.from([0, 0x7f, 0xff, 0xff, 0xff]));
    },
    'a compressed message': (request) => {
      request.sendHeaders();
      request.peer.sendData(request.streamId, Buffer.from([1, 0, 0, 0, 0]));
      request.sendTrailers();
    },
    'a lost connection': (request) => request.peer.destroy(),
  };
  let reply: ((request: RawRequest) => void) | undefined;
  const fake = await startRawUpstream(t, { onRequestEnd: (request) => reply?.(request) });
  const scene = await start(t, { at: fake.address });
  let count = 0;
  for (const [what, one] of Object.entries(replies)) {
    reply = one;
    const outcome = await call(scene);
    const records = await scene.proxy.wantRecords(++count);
    assert.equal(outcome.grpcStatus, '14', what);
    assert.match(records[count - 1]?.reason ?? '', /^authorizer_unavailable: /, what);
  }
  reply = (request) => request.succeed(Buffer.from([10, 0]));
  assert.equal((await call(scene)).grpcStatus, '0', 'the next call is served');
});

test('what no authorizer has processed is asked again', async (t) => {
  let refused = 0;
  const fake = await startRawUpstream(t, {
    onRequestEnd: (request) => {
      if (refused++ === 0) request.reset(ErrorCode.REFUSED_STREAM);
      else request.succeed(Buffer.from([10, 0]));
    },
  });
  const scene = await start(t, { at: fake.address });
  assert.equal((await call(scene)).grpcStatus, '0');
  assert.equal(fake.requests.length, 2);
});

test('a stream is asked about again, goes on while it is allowed, and ends with the denial', async (t) => {
  const scene = await start(t, {
    authorize: { recheck: '1s' },
    onRequestEnd: () => undefined,
  });
  const client = await scene.proxy.rawClient('tls');
  const stream = client.call({ body: grpcMessage(Buffer.from('x')), endStream: false });
  const request = await scene.service.wantRequest();
  request.sendHeaders();
  request.sendMessage(Buffer.from('one'));
  await eventually('it is asked again', () => scene.authorizer.asked.length >= 2);
  request.sendMessage(Buffer.from('two'));
  await eventually('the stream goes on', () => client.contentOf(stream).includes('two'));
  scene.authorizer.judge = () => deniedWith(401, 'the session has ended', [setting('x-why', 'logout')]);
  const outcome = await client.outcome(stream);
  assert.deepEqual([outcome.grpcStatus, outcome.grpcMessage], ['16', 'the session has ended']);
  assert.deepEqual(
    outcome.trailers.find(([name]) => name === 'x-why'),
    ['x-why', 'logout'],
  );
  assert.match((await scene.proxy.record()).reason, /^authorization_denied: the session has ended/);
});

test('a stream about which there is no answer later ends, or goes on with failure: allow', async (t) => {
  const ended = await start(t, {
    authorize: { recheck: '1s', timeout: '1s' },
    onRequestEnd: () => undefined,
  });
  const kept = await start(t, {
    authorize: { recheck: '1s', timeout: '1s', failure: 'allow' },
    onRequestEnd: () => undefined,
  });
  const streams = [];
  for (const scene of [ended, kept]) {
    const client = await scene.proxy.rawClient('tls');
    const stream = client.call({ body: grpcMessage(Buffer.from('x')), endStream: false });
    const request = await scene.service.wantRequest();
    request.sendHeaders();
    scene.authorizer.judge = () => 'silent';
    streams.push({ client, stream, request });
  }
  const [first, second] = streams;
  assert.ok(first !== undefined && second !== undefined);
  assert.equal((await first.client.outcome(first.stream)).grpcStatus, '14');
  assert.match((await ended.proxy.record()).reason, /^authorizer_unavailable: /);
  await eventually('the other is asked about twice more', () => kept.authorizer.asked.length >= 3);
  second.request.sendTrailers();
  assert.equal((await second.client.outcome(second.stream)).grpcStatus, '0');
});

test('the calls of a route without authorize ask nobody', async (t) => {
  const authorizer = await Authorizer.start(t);
  const service = await startRawUpstream(t, { onRequestEnd: (request) => request.succeed() });
  const proxy = await startProxy(t, {
    sections: {
      routes: [
        { name: 'open', match: { path: '/open.*' }, upstream: 'voice' },
        { name: 'all', match: { path: '/*' }, upstream: 'voice', authorize: { upstream: 'authorizer' } },
      ],
      upstreams: { voice: { endpoints: [service.address] }, authorizer: { endpoints: [authorizer.address] } },
    },
  });
  authorizer.judge = () => ALLOWED;
  assert.equal((await call({ proxy }, [], '/open.A/B')).grpcStatus, '0');
  assert.equal(authorizer.asked.length, 0);
  assert.equal((await call({ proxy }, [], '/a.B/C')).grpcStatus, '0');
  assert.equal(authorizer.asked.length, 1);
});
