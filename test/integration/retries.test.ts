// The `retry` of a route: what a client and a service see of it, case by case. Many of the cases are those that other implementations of
// gRPC proposal A6 have tests for.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { ErrorCode } from '../../src/h2/error-codes.ts';
import { eventually } from '../support/eventually.ts';
import { type ProxyUnderTest, startProxy, startRawUpstream } from '../support/proxy-under-test.ts';
import type { RawClient } from '../support/raw-client.ts';
import { type Fields, grpcMessage } from '../support/raw-frames.ts';
import type { RawRequest, RawServer } from '../support/raw-server.ts';

const MESSAGE = grpcMessage(Buffer.from('the whole request'));

type Answer = (request: RawRequest) => void;

interface Scene {
  readonly proxy: ProxyUnderTest;
  readonly client: RawClient;
  readonly services: readonly RawServer[];
  /** The requests of all services, in the order of their arrival. */
  readonly requests: readonly RawRequest[];
}

/**
 * @param answers of the first request, of the second and so on, at whichever service; the last one stands for all that follow
 * @param retry the route's key, besides short pauses
 */
async function scene(
  t: TestContext,
  answers: readonly Answer[],
  retry: Readonly<Record<string, unknown>> = {},
  more: { readonly services?: number; readonly limits?: Readonly<Record<string, unknown>> } = {},
): Promise<Scene> {
  const requests: RawRequest[] = [];
  const services = await Promise.all(
    Array.from({ length: more.services ?? 1 }, () =>
      startRawUpstream(t, {
        onRequestEnd: (request) => {
          requests.push(request);
          (answers[requests.length - 1] ?? answers.at(-1))?.(request);
        },
      }),
    ),
  );
  const endpoints = services.map(({ address }) => address);
  const proxy = await startProxy(t, {
    sections: {
      routes: [
        {
          name: 'all',
          match: { path: '/*' },
          upstream: 'voice',
          retry: { backoff: '1ms', maxBackoff: '1ms', ...retry },
        },
      ],
      upstreams: { voice: { endpoints, ...(more.limits === undefined ? {} : { limits: more.limits }) } },
    },
  });
  return { proxy, client: await proxy.rawClient('clear'), services, requests };
}

function trailersOnly(status: number, ...more: Fields): Answer {
  return (request) =>
    request.sendTrailers([
      [':status', '200'],
      ['content-type', 'application/grpc'],
      ['grpc-status', String(status)],
      ['grpc-message', `attempt ${request.field('grpc-previous-rpc-attempts') ?? '0'}`],
      ...more,
    ]);
}

function headersThenTrailers(status: number, ...more: Fields): Answer {
  return (request) => {
    request.sendHeaders();
    request.sendTrailers([['grpc-status', String(status)], ...more]);
  };
}

const echo: Answer = (request) => {
  request.sendHeaders();
  request.peer.sendData(request.streamId, request.body);
  request.sendTrailers();
};

const messageThenUnavailable: Answer = (request) => {
  request.sendHeaders();
  request.sendMessage(Buffer.from('a part'));
  request.sendTrailers([['grpc-status', '14']]);
};

const connectionLost: Answer = ({ peer }) => peer.destroy();
const reset =
  (code: number): Answer =>
  (request) =>
    request.reset(code);
const silence: Answer = () => undefined;
const page: Answer = (request) => {
  request.sendHeaders([
    [':status', '503'],
    ['content-type', 'text/html'],
  ]);
  request.peer.sendData(request.streamId, Buffer.from('<h1>Sorry</h1>'), true);
};

const UNAVAILABLE = trailersOnly(14);
const PUSHBACK = 'grpc-retry-pushback-ms';

/** Lets calls stay in their second attempt. */
const unavailableThenSilence: Answer = (request) =>
  (request.field('grpc-previous-rpc-attempts') === undefined ? UNAVAILABLE : silence)(request);

/** What the service does with one attempt after the other; how often it is asked; which status the client gets. */
const CASES: readonly (readonly [
  what: string,
  answers: readonly Answer[],
  attempts: number,
  status: string,
  retry?: Readonly<Record<string, unknown>>,
])[] = [
  ['a call that is answered OK is not repeated', [echo], 1, '0'],
  ['UNAVAILABLE, then OK', [UNAVAILABLE, echo], 2, '0'],
  ['UNAVAILABLE twice, then OK', [UNAVAILABLE, UNAVAILABLE, echo], 3, '0'],
  ['UNAVAILABLE for ever: the client gets the last answer', [UNAVAILABLE], 3, '14'],
  ['as many attempts as the route says', [UNAVAILABLE], 5, '14', { attempts: 5 }],
  ['a status that is not listed', [trailersOnly(8), echo], 1, '8'],
  ['a status that is listed', [trailersOnly(8), echo], 2, '0', { on: ['RESOURCE_EXHAUSTED'] }],
  ['UNAVAILABLE, then a status that is not listed', [UNAVAILABLE, trailersOnly(13)], 2, '13'],
  ['a status in trailers when only headers have arrived', [headersThenTrailers(14), echo], 2, '0'],
  ['a status in trailers, to the last attempt', [headersThenTrailers(14)], 3, '14'],
  ['a status in trailers, without hold', [headersThenTrailers(14)], 1, '14', { hold: 'off' }],
  ['a status in trailers that is not listed', [headersThenTrailers(5), echo], 1, '5'],
  ['a status behind a message commits the call', [messageThenUnavailable, echo], 1, '14'],
  ['pushback of nothing: at once', [trailersOnly(14, [PUSHBACK, '0']), echo], 2, '0'],
  ['pushback of 20 ms', [trailersOnly(14, [PUSHBACK, '20']), echo], 2, '0'],
  ['pushback in trailers', [headersThenTrailers(14, [PUSHBACK, '1']), echo], 2, '0'],
  ['negative pushback: never again', [trailersOnly(14, [PUSHBACK, '-1']), echo], 1, '14'],
  ['negative pushback in trailers: never again', [headersThenTrailers(14, [PUSHBACK, '-1']), echo], 1, '14'],
  ['pushback that is no number: never again', [trailersOnly(14, [PUSHBACK, 'soon']), echo], 1, '14'],
  ['pushback beyond 32 bits: never again', [trailersOnly(14, [PUSHBACK, '2147483648']), echo], 1, '14'],
  ['empty pushback: never again', [trailersOnly(14, [PUSHBACK, '']), echo], 1, '14'],
  ['pushback does not make a status retryable', [trailersOnly(5, [PUSHBACK, '0']), echo], 1, '5'],
  ['pushback makes no attempt more', [trailersOnly(14, [PUSHBACK, '0'])], 3, '14'],
  ['a lost connection', [connectionLost, echo], 2, '0'],
  ['a connection that is lost again and again', [connectionLost], 2, '14', { attempts: 2 }],
  ['a lost connection, UNAVAILABLE not listed', [connectionLost, echo], 1, '14', { on: ['ABORTED'] }],
  ['a stream refused twice is UNAVAILABLE', [reset(7), reset(7), echo], 3, '0'],
  ['a reset whose status is not listed', [reset(ErrorCode.INTERNAL_ERROR), echo], 1, 'reset 2'],
  ['a reset whose status is listed', [reset(ErrorCode.INTERNAL_ERROR), echo], 2, '0', { on: ['INTERNAL'] }],
  ['a page of 503 in place of gRPC is UNAVAILABLE', [page, echo], 2, '0'],
  ['a reset behind headers alone', [headersThenReset, echo], 2, '0', { on: ['INTERNAL'] }],
  ['silence, with a time for each attempt', [silence, echo], 2, '0', { perTry: '1s' }],
  ['silence for ever, with a time for each attempt', [silence], 3, '14', { perTry: '10ms' }],
  [
    'headers and then silence, with a time for each attempt',
    [headersAlone, echo],
    2,
    '0',
    {
      perTry: '1s',
      hold: '10s',
    },
  ],
];

function headersThenReset(request: RawRequest): void {
  request.sendHeaders();
  request.reset(ErrorCode.INTERNAL_ERROR);
}

function headersAlone(request: RawRequest): void {
  request.sendHeaders();
}

for (const [what, answers, attempts, status, retry] of CASES) {
  test(what, async (t) => {
    const { client, proxy, requests } = await scene(t, answers, retry);
    const { grpcStatus, resetCode, content } = await client.outcome(client.call({ body: MESSAGE }));
    assert.equal(grpcStatus ?? `reset ${resetCode}`, status);
    if (status === '0') assert.deepEqual(content, MESSAGE);
    for (const request of requests) assert.deepEqual(request.body, MESSAGE);
    assert.equal(requests.length, attempts);
    const record = await proxy.record();
    assert.equal(record['attempts'], attempts);
  });
}

test('each attempt says how many there were before it, those of the client included', async (t) => {
  const { client, requests } = await scene(t, [UNAVAILABLE]);
  const field = 'grpc-previous-rpc-attempts';
  await client.outcome(client.call({ body: MESSAGE }));
  assert.deepEqual(
    requests.map((request) => request.field(field)),
    [undefined, '1', '2'],
  );
  await client.outcome(client.call({ body: MESSAGE, fields: [[field, '4']] }));
  assert.deepEqual(
    requests.slice(3).map((request) => request.fields.filter(([name]) => name === field)),
    ['4', '5', '6'].map((value) => [[field, value]]),
  );
});

test('another endpoint than the one that failed is asked, where there is one', async (t) => {
  const { client, services } = await scene(t, [UNAVAILABLE, echo, UNAVAILABLE, echo], {}, { services: 2 });
  for (let count = 0; count < 2; count++)
    assert.equal((await client.outcome(client.call({ body: MESSAGE }))).grpcStatus, '0');
  for (const { requests } of services) assert.equal(requests.length, 2);
});

test('a request larger than 64 KiB is not sent again', async (t) => {
  const { client, requests } = await scene(t, [UNAVAILABLE]);
  const streamId = client.call({ endStream: false });
  client.pump(streamId, 65_537);
  await eventually('all of it was sent', () => client.pumped(streamId) === 65_537);
  client.sendData(streamId, Buffer.alloc(0), true);
  assert.equal((await client.outcome(streamId)).grpcStatus, '14');
  assert.equal(requests.length, 1);
});

test('headers that are followed by nothing are passed on after the time for which they are held', async (t) => {
  const { client, requests } = await scene(t, [headersAlone], { hold: '20ms' });
  const streamId = client.call({ body: MESSAGE });
  await eventually('the headers arrive', () => client.framesOf(streamId).length > 0);
  requests[0].sendTrailers([['grpc-status', '14']]);
  assert.equal((await client.outcome(streamId)).grpcStatus, '14');
  assert.equal(requests.length, 1);
});

test('a pause that is longer than what is left of the deadline is not begun', async (t) => {
  const { client, requests } = await scene(t, [trailersOnly(14, [PUSHBACK, '60000'])]);
  const { grpcStatus } = await client.outcome(
    client.call({ body: MESSAGE, fields: [['grpc-timeout', '30S']] }),
  );
  assert.equal(grpcStatus, '14');
  assert.equal(requests.length, 1);
});

test('no more calls are retried at a time than the limit of the upstream, and the record says so', async (t) => {
  const calls = 40;
  const { client, proxy, requests } = await scene(
    t,
    [unavailableThenSilence],
    {},
    { limits: { retries: '0%' } },
  );
  const streams = Array.from({ length: calls }, () => client.call({ body: MESSAGE }));
  const records = await proxy.wantRecords(calls - 20);
  await eventually('twenty are retried', () => requests.length === calls + 20);
  for (const { reason } of records)
    assert.match(reason, /^Upstream voice has 20 retries, as many as it may \(limits\.retries: 0% of /);
  for (const streamId of streams) client.sendReset(streamId, ErrorCode.CANCEL);
  await proxy.wantRecords(calls);
});

test('a request that is not gRPC is not sent again', async (t) => {
  const { client, requests } = await scene(t, [page]);
  await client.outcome(client.call({ body: MESSAGE, fields: [['content-type', 'text/plain']] }));
  assert.equal(requests.length, 1);
});

test('a call to an upstream of which nothing can be reached is tried again until an endpoint is back', async (t) => {
  const { client, services, requests } = await scene(t, [echo], {
    attempts: 5,
    backoff: '400ms',
    maxBackoff: '400ms',
  });
  const { port } = services[0];
  services[0].close();
  const streamId = client.call({ body: MESSAGE });
  const back = await startRawUpstream(t, { port, onRequestEnd: echo });
  assert.equal((await client.outcome(streamId)).grpcStatus, '0');
  assert.deepEqual([requests.length, back.requests.length], [0, 1]);
});
