// Limits by a rate limit service, through the whole proxy: a service on grpc-js counts, refuses, changes header fields, is late or answers
// nonsense.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { ErrorCode } from '../../src/h2/error-codes.ts';
import { FrameType } from '../../src/h2/frame-type.ts';
import { RawHttp1Client } from '../edges/edge-under-test.ts';
import { eventually } from '../support/eventually.ts';
import { BEYOND, type LimitAnswer, type LimitReply, LimitService, WITHIN } from '../support/limit-service.ts';
import { type ProxyUnderTest, startProxy, startRawUpstream } from '../support/proxy-under-test.ts';
import type { RawOutcome } from '../support/raw-client.ts';
import { type Fields, grpcMessage } from '../support/raw-frames.ts';
import type { RawRequest, RawServer } from '../support/raw-server.ts';
import { TokenIssuer } from '../support/token-issuer.ts';

interface Scene {
  readonly proxy: ProxyUnderTest;
  readonly limiter: LimitService;
  readonly service: RawServer;
}

interface Settings {
  readonly limit?: Readonly<Record<string, unknown>>;
  readonly more?: readonly unknown[];
  readonly route?: Readonly<Record<string, unknown>>;
  readonly upstreams?: Readonly<Record<string, unknown>>;
  readonly trustedClients?: readonly string[];
  readonly sections?: Readonly<Record<string, unknown>>;
  /** Where the service is, if not at that of the scene. */
  readonly at?: string;
  readonly onRequestEnd?: (request: RawRequest) => void;
}

const TENANT = { tenant: 'header:x-tenant' };

async function start(t: TestContext, settings: Settings = {}): Promise<Scene> {
  const limiter = await LimitService.start(t);
  const service = await startRawUpstream(t, {
    onRequestEnd: settings.onRequestEnd ?? ((request) => request.succeed()),
  });
  const { more = [], trustedClients = [] } = settings;
  const limit = {
    service: 'limiter',
    domain: 'voice',
    descriptors: [TENANT],
    timeout: '10s',
    ...settings.limit,
  };
  const proxy = await startProxy(t, {
    trustedClients,
    sections: {
      ...settings.sections,
      routes: [
        {
          name: 'all',
          match: { path: '/*' },
          upstream: 'voice',
          ...settings.route,
          limits: [limit, ...more],
        },
      ],
      upstreams: {
        voice: { endpoints: [service.address] },
        limiter: { endpoints: [settings.at ?? limiter.address] },
        ...settings.upstreams,
      },
    },
  });
  return { proxy, limiter, service };
}

const BLUE: Fields = [['x-tenant', 'blue']];

async function call(
  { proxy }: Pick<Scene, 'proxy'>,
  fields: Fields = BLUE,
  path?: string,
): Promise<RawOutcome> {
  const client = await proxy.rawClient('tls');
  const body = grpcMessage(Buffer.from('x'));
  return client.outcome(client.call({ fields, body, ...(path === undefined ? {} : { path }) }));
}

function header({ headers }: RawOutcome, name: string): readonly string[] {
  return headers.flatMap(([one, value]) => (one === name ? [value] : []));
}

function values({ fields }: RawRequest, name: string): readonly string[] {
  return fields.flatMap(([one, value]) => (one === name ? [value] : []));
}

/** What the service was told with its latest question: one map for each descriptor. */
function told({ limiter }: Scene): readonly Readonly<Record<string, string>>[] {
  const { descriptors = [] } = limiter.asked.at(-1) ?? {};
  return descriptors.map(({ entries }) => Object.fromEntries(entries.map(({ key, value }) => [key, value])));
}

test('the service is told of the call by the descriptors of the route', async (t) => {
  const scene = await start(t, {
    limit: {
      descriptors: [TENANT, { route: 'route', method: 'method', plan: 'text:gold' }, { client: 'client' }],
    },
  });
  const fields: Fields = [
    ['x-tenant', 'blue'],
    ['x-tenant', 'g\u00c3\u00bcn'],
  ];
  assert.equal((await call(scene, fields, '/voice.VoiceAssistant/Say?x=1')).grpcStatus, '0');
  assert.deepEqual(told(scene), [
    { tenant: 'blue,gün' },
    { route: 'all', method: '/voice.VoiceAssistant/Say', plan: 'gold' },
    { client: '127.0.0.1' },
  ]);
  const [asked] = scene.limiter.asked;
  assert.deepEqual([asked?.domain, asked?.hitsAddend], ['voice', 0]);
  assert.deepEqual(
    asked?.descriptors[1]?.entries.map(({ key }) => key),
    ['route', 'method', 'plan'],
    'the order of the keys is that of the file',
  );
});

test('a client cannot choose another client, nor how much the service has to keep, nor that it is not counted', async (t) => {
  const scene = await start(t, {
    limit: { descriptors: [TENANT, { client: 'client' }, { via: 'header:x-forwarded-for' }] },
  });
  const long = 'x'.repeat(4000);
  assert.equal(
    (
      await call(scene, [
        ['x-tenant', long],
        ['x-forwarded-for', '203.0.113.9'],
      ])
    ).grpcStatus,
    '0',
  );
  const [{ tenant = '' } = {}, { client } = {}, { via } = {}] = told(scene);
  assert.ok(tenant.length < 64 && !tenant.includes('xxxx'), tenant);
  assert.deepEqual([client, via], ['127.0.0.1', '127.0.0.1']);
  await call(scene, [['x-tenant', `${long}y`]]);
  assert.notEqual(told(scene)[0]?.['tenant'], tenant, 'another value is counted by itself');
});

test('bytes that are no UTF-8 do not keep the service from counting', async (t) => {
  const scene = await start(t, {
    route: { upstream: 'web' },
    upstreams: { web: { protocol: 'http1', endpoints: ['127.0.0.1:1'] } },
  });
  scene.limiter.reply = () => BEYOND;
  const client = new RawHttp1Client(t, scene.proxy.port('clear'));
  client.send('GET /p HTTP/1.1', 'Host: service.test', 'X-Tenant: a\xffb', '');
  await client.receives('Too many calls');
  assert.deepEqual(told(scene), [{ tenant: 'a\ufffdb' }]);
});

test('an identity is told by name and subject, and a field that it adds is not the one that the client has sent', async (t) => {
  const issuer = await TokenIssuer.start(t);
  const scene = await start(t, {
    limit: { descriptors: [{ who: 'identity' }, { user: 'header:x-user' }] },
    route: { access: { allow: [{ identity: 'office' }, { method: '/open.*' }] } },
    sections: { identities: { office: issuer.identity({ claims: { sub: 'x-user' } }) } },
  });
  const token = issuer.token('alice');
  const fields: Fields = [
    ['authorization', `Bearer ${token}`],
    ['x-user', 'mallory'],
  ];
  assert.equal((await call(scene, fields)).grpcStatus, '0');
  assert.deepEqual(told(scene), [{ who: 'office:alice' }, { user: 'alice' }]);
  assert.equal((await call(scene, [['x-user', 'mallory']], '/open.A/B')).grpcStatus, '0');
  assert.deepEqual(told(scene), [{ who: '127.0.0.1' }]);
  assert.equal((await call(scene, [], '/closed.A/B')).grpcStatus, '16');
  assert.equal(scene.limiter.asked.length, 2, 'nobody is asked about a call that access refuses');
});

test('a trusted peer says which client is counted, also one without an address', async (t) => {
  const scene = await start(t, {
    limit: { descriptors: [{ client: 'client' }] },
    trustedClients: ['127.0.0.0/8'],
  });
  const cases = [
    ['203.0.113.9', '203.0.113.9'],
    ['2001:db8:1:2:3:4:5:6', /^2001:db8:1:2:/],
    ['unknown', 'unknown'],
  ] as const;
  for (const [named, wanted] of cases) {
    assert.equal((await call(scene, [['x-forwarded-for', named]])).grpcStatus, '0');
    const client = told(scene)[0]?.['client'] ?? '';
    if (typeof wanted === 'string') assert.equal(client, wanted);
    else assert.match(client, wanted);
    assert.ok(!client.includes('5:6'), 'a network of 64 bits is one client');
  }
});

test('a descriptor whose header field is missing is left out, and without any the service is not asked', async (t) => {
  const scene = await start(t, {
    limit: { descriptors: [TENANT, { user: 'header:x-user', plan: 'text:a' }] },
  });
  scene.limiter.reply = () => BEYOND;
  assert.equal((await call(scene, [])).grpcStatus, '0');
  assert.equal(scene.limiter.asked.length, 0);
  assert.equal((await call(scene, [['x-user', 'alice']])).grpcStatus, '8');
  assert.deepEqual(told(scene), [{ user: 'alice', plan: 'a' }]);
});

test('a call over the limit is refused, and its client learns when to call again', async (t) => {
  const scene = await start(t);
  scene.limiter.reply = () => ({
    ...BEYOND,
    responseHeaders: [
      { key: 'X-RateLimit-Limit', value: '3' },
      { key: 'grpc-status', value: '0' },
      { key: 'connection', value: 'close' },
      { key: 'x-bad', value: 'a\r\nb: c' },
    ],
  });
  const outcome = await call(scene);
  assert.deepEqual(
    [outcome.grpcStatus, outcome.grpcMessage, header(outcome, 'grpc-retry-pushback-ms')],
    ['8', 'Too many calls (3 each second may be made); call again in 1500 ms. (FG3040)', ['1500']],
  );
  assert.deepEqual(
    [header(outcome, 'x-ratelimit-limit'), header(outcome, 'connection'), header(outcome, 'x-bad')],
    [['3'], [], []],
  );
  assert.equal(scene.service.requests.length, 0);
  const { reason } = await scene.proxy.record();
  assert.equal(
    reason,
    'call_limit: Too many calls (3 each second may be made); call again in 1500 ms. The service of upstream limiter says so, in the domain voice (limits[0] of the route).',
  );
});

test('a client without gRPC gets 429 with the body of the service, and a service that names no time does not invite it at once', async (t) => {
  const scene = await start(t, {
    limit: { descriptors: [{ method: 'method' }] },
    route: { upstream: 'web' },
    upstreams: { web: { protocol: 'http1', endpoints: ['127.0.0.1:1'] } },
  });
  const client = new RawHttp1Client(t, scene.proxy.port('clear'));
  const answers: readonly (readonly [LimitAnswer, readonly string[], RegExp])[] = [
    [
      { ...BEYOND, rawBody: Buffer.from('slow down') },
      ['HTTP/1.1 429', 'retry-after: 2', 'content-length: 9'],
      /\r\n\r\nslow down$/,
    ],
    [{ overallCode: 2 }, ['HTTP/1.1 429'], /Too many calls; call again later\. \(FG3040\)\n$/],
    [
      { overallCode: 2, statuses: [{ code: 2, durationUntilReset: {} }] },
      ['HTTP/1.1 429'],
      /Too many calls; call again later\. \(FG3040\)\n$/,
    ],
  ];
  for (const [index, [answer, lines, body]] of answers.entries()) {
    scene.limiter.reply = () => answer;
    client.send('GET /page?a=1 HTTP/1.1', 'Host: service.test', '');
    const text = (await client.receives(index === 0 ? 'slow down' : 'later. (FG3040)\n')).toLowerCase();
    for (const line of lines) assert.ok(text.includes(line.toLowerCase()), `${line} in ${text}`);
    assert.match(text, new RegExp(body.source, 'i'));
    if (index > 0) assert.ok(!text.slice(text.lastIndexOf('http/1.1')).includes('retry-after'), text);
  }
  assert.deepEqual(told(scene), [{ method: '/page' }]);
});

test('a service may set header fields of the request and the response, and what it may not set is left out', async (t) => {
  const scene = await start(t, {
    onRequestEnd: (request) => {
      request.sendHeaders([
        [':status', '200'],
        ['content-type', 'application/grpc'],
        ['ratelimit-limit', 'of the service'],
      ]);
      request.sendMessage(Buffer.from('x'));
      request.sendTrailers();
    },
  });
  scene.limiter.reply = () => ({
    overallCode: 1,
    responseHeaders: [
      { key: 'RateLimit-Limit', value: '3' },
      { key: 'ratelimit-limit', rawValue: Buffer.from('3;w=1') },
      { key: 'grpc-status', value: '13' },
      { key: 'content-type', value: 'text/html' },
    ],
    requestHeaders: [
      { key: 'x-counted', value: 'yes' },
      { key: ':path', value: '/other' },
      { key: 'te', value: 'gzip' },
      { key: 'x-bad', value: 'a\nb' },
    ],
  });
  const outcome = await call(scene, [...BLUE, ['x-counted', 'no']]);
  assert.deepEqual(
    [outcome.grpcStatus, header(outcome, 'ratelimit-limit'), header(outcome, 'content-type')],
    ['0', ['3', '3;w=1'], ['application/grpc']],
  );
  const [request] = scene.service.requests;
  assert.ok(request !== undefined);
  assert.deepEqual(
    [values(request, 'x-counted'), values(request, 'x-bad'), values(request, ':path').length],
    [['yes'], [], 1],
  );
});

const UNUSABLE: Readonly<Record<string, LimitReply>> = {
  'a status of gRPC': { error: { code: 13, details: 'out of order' } },
  'the status UNAVAILABLE, as a call over the limit gets from Envoy': { error: { code: 14 } },
  'the status of the limit itself': { error: { code: 8 } },
  'the code UNKNOWN': { overallCode: 0 },
  'a code of its own': { overallCode: 7 },
  'an empty answer': {},
  'a field without a name': { overallCode: 2, responseHeaders: [{ key: '', value: 'x' }] },
  'too many fields': {
    overallCode: 2,
    responseHeaders: Array.from({ length: 200 }, (_, index) => ({ key: `x-${index}`, value: 'b' })),
  },
  'more than it may say': { overallCode: 2, rawBody: Buffer.alloc(70_000) },
};

test('a call passes where there is no answer, which the log and the metrics say', async (t) => {
  const scene = await start(t);
  for (const [what, reply] of Object.entries(UNUSABLE)) {
    scene.limiter.reply = () => reply;
    assert.equal((await call(scene)).grpcStatus, '0', what);
  }
  scene.limiter.reply = () => BEYOND;
  assert.equal((await call(scene)).grpcStatus, '8');
  await scene.proxy.line(
    ({ msg, policy, upstream }) =>
      policy === 'limits' &&
      upstream === 'limiter' &&
      typeof msg === 'string' &&
      msg.startsWith('calls pass without an answer: '),
  );
  const families = await scene.proxy.plane.metrics();
  assert.ok(families.some(({ name }) => name === 'framegate_limit_service_questions_total'));
  assert.ok(families.some(({ name }) => name === 'framegate_limit_service_seconds'));
  assert.ok(!families.some(({ name }) => name.startsWith('framegate_authorize')));
  const { counts } = await scene.proxy.plane.diagnoses();
  assert.equal(counts['FG3047'], Object.keys(UNUSABLE).length);
});

test('with failure: closed a call without an answer is refused, and says why in the log alone', async (t) => {
  const scene = await start(t, { limit: { failure: 'closed' } });
  let count = 0;
  for (const [what, reply] of Object.entries(UNUSABLE)) {
    scene.limiter.reply = () => reply;
    const outcome = await call(scene);
    assert.deepEqual(
      [outcome.grpcStatus, outcome.grpcMessage],
      ['14', 'Whether this call is within its limits cannot be found out now; call again later. (FG3047)'],
      what,
    );
    const records = await scene.proxy.wantRecords(++count);
    assert.match(
      records[count - 1]?.reason ?? '',
      /^limit_service_unavailable: .* Why: .+ \(limits\[0\] of the route\)\.$/,
      what,
    );
  }
  assert.equal(scene.service.requests.length, 0);
});

test('a service that is silent or dead holds a call for no longer than the timeout', async (t) => {
  const silent = await start(t, { limit: { timeout: '50ms' } });
  silent.limiter.reply = () => 'silent';
  assert.equal((await call(silent)).grpcStatus, '0');
  // It does not know of deadlines, unlike those of gRPC libraries.
  const fake = await startRawUpstream(t, {});
  const closed = await start(t, { at: fake.address, limit: { timeout: '50ms', failure: 'closed' } });
  assert.equal((await call(closed)).grpcStatus, '14');
  assert.match(
    (await closed.proxy.record()).reason,
    /^limit_service_unavailable: .* has not answered in 50 ms \(limits\[0\]\.timeout\)/,
  );
  const { peer, streamId } = await fake.wantRequest();
  await peer.want(
    'the question is given up',
    (frame) => frame.streamId === streamId && frame.type === FrameType.RST_STREAM,
  );
  const dead = await start(t, { at: '127.0.0.1:1' });
  assert.equal((await call(dead)).grpcStatus, '0');
});

test('a question that hangs holds no other call, and a cancelled call gives it up', async (t) => {
  const scene = await start(t);
  scene.limiter.reply = ({ descriptors }) =>
    descriptors[0]?.entries[0]?.value === 'slow' ? 'silent' : WITHIN;
  const client = await scene.proxy.rawClient('tls');
  const body = grpcMessage(Buffer.from('x'));
  const held = client.call({ fields: [['x-tenant', 'slow']], body });
  await eventually('it is asked', () => scene.limiter.asked.length === 1);
  assert.equal((await client.outcome(client.call({ fields: BLUE, body }))).grpcStatus, '0');
  client.sendReset(held, ErrorCode.CANCEL);
  await eventually('the question is given up', () => scene.limiter.cancelled === 1);
  await eventually('no call runs', () => scene.proxy.plane.load.calls === 0);
  assert.equal(scene.service.requests.length, 1);
});

test('answers frame by frame that are no gRPC, are cut off or are no message are none', async (t) => {
  const replies: Readonly<Record<string, (request: RawRequest) => void>> = {
    'a reset': (request) => request.reset(ErrorCode.INTERNAL_ERROR),
    'no message': (request) => {
      request.sendHeaders();
      request.sendTrailers();
    },
    'a page': (request) =>
      request.sendHeaders([
        [':status', '404'],
        ['content-type', 'text/html'],
      ]),
    'bytes that are no message': (request) => request.succeed(Buffer.from([0xff, 0xff, 0xff])),
    'a status that ends too early': (request) => request.succeed(Buffer.from([8, 1, 18, 99])),
    'a status that is no message': (request) => request.succeed(Buffer.from([8, 1, 18, 1, 0xff])),
    'a duration that is no message': (request) => request.succeed(Buffer.from([8, 1, 18, 3, 34, 1, 0xff])),
    'a lost connection': (request) => request.peer.destroy(),
  };
  let reply: ((request: RawRequest) => void) | undefined;
  const fake = await startRawUpstream(t, { onRequestEnd: (request) => reply?.(request) });
  const scene = await start(t, { at: fake.address, limit: { failure: 'closed' } });
  for (const [what, one] of Object.entries(replies)) {
    reply = one;
    assert.equal((await call(scene)).grpcStatus, '14', what);
  }
  reply = (request) => request.succeed(Buffer.from([8, 1]));
  assert.equal((await call(scene)).grpcStatus, '0', 'the next call is served');
});

test('limits are asked one after the other, after those that the proxy counts', async (t) => {
  const scene = await start(t, {
    limit: { domain: 'first' },
    more: [
      { service: 'limiter', domain: 'second', descriptors: [TENANT], timeout: '10s' },
      { count: 'calls', rate: '2/h' },
    ],
  });
  assert.equal((await call(scene)).grpcStatus, '0');
  assert.deepEqual(
    scene.limiter.asked.map(({ domain }) => domain),
    ['first', 'second'],
  );
  scene.limiter.reply = ({ domain }) => (domain === 'first' ? BEYOND : WITHIN);
  assert.equal((await call(scene)).grpcStatus, '8');
  assert.equal(
    scene.limiter.asked.length,
    3,
    'the second is not asked about a call that the first has refused',
  );
  scene.limiter.reply = () => WITHIN;
  assert.equal((await call(scene)).grpcStatus, '8');
  assert.equal(scene.limiter.asked.length, 3, 'no service is asked about a call beyond a limit of the proxy');
});
