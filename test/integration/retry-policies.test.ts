// A route whose retry policy looks at responses: what a service has answered is answered by another attempt, as long as the client has
// been given nothing of it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AttemptEnd, RetryPolicy } from '../../src/calls/retry-policy.ts';
import { startProxy, startRawUpstream } from '../support/proxy-under-test.ts';
import { grpcMessage } from '../support/raw-frames.ts';
import type { RawRequest } from '../support/raw-server.ts';

const MESSAGE = grpcMessage(Buffer.from('the whole request'));

/** Sends calls again that were answered UNAVAILABLE, twice at most. */
class RetryingUnavailable implements RetryPolicy {
  readonly #waitMs: number;

  constructor(waitMs: number) {
    this.#waitMs = waitMs;
  }

  verdict(end: AttemptEnd, retries: number): number {
    return end.grpcStatus === 'UNAVAILABLE' && retries < 2 ? this.#waitMs : -1;
  }
}

function policyKinds(waitMs: number) {
  return [() => ({ key: 'retries', retry: new RetryingUnavailable(waitMs) })];
}

/** A whole response in its header section. */
function answerUnavailable(request: RawRequest): void {
  request.sendTrailers([
    [':status', '200'],
    ['content-type', 'application/grpc'],
    ['grpc-status', '14'],
  ]);
}

function echo(request: RawRequest): void {
  request.sendHeaders();
  request.peer.sendData(request.streamId, request.body);
  request.sendTrailers();
}

for (const waitMs of [0, 30]) {
  test(`a response that is all trailers is answered by another attempt ${waitMs} ms later, with the whole request`, async (t) => {
    const upstream = await startRawUpstream(t, {
      onRequestEnd: (request) => (upstream.requests.length < 3 ? answerUnavailable : echo)(request),
    });
    const proxy = await startProxy(t, { endpoints: [upstream.address], policyKinds: policyKinds(waitMs) });
    const client = await proxy.rawClient('tls');
    const outcome = await client.outcome(client.call({ body: MESSAGE }));
    assert.equal(outcome.grpcStatus, '0');
    assert.deepEqual(outcome.content, MESSAGE);
    const record = await proxy.record(() => true);
    assert.deepEqual([record['attempts'], record['grpcStatus']], [3, 'OK']);
  });
}

test('the client gets the response of the last attempt that the policy grants', async (t) => {
  const upstream = await startRawUpstream(t, { onRequestEnd: answerUnavailable });
  const proxy = await startProxy(t, { endpoints: [upstream.address], policyKinds: policyKinds(0) });
  const client = await proxy.rawClient('tls');
  const outcome = await client.outcome(client.call({ body: MESSAGE }));
  assert.equal(outcome.grpcStatus, '14');
  assert.equal(upstream.requests.length, 3);
});

test('a response that has begun belongs to the client, however it ends', async (t) => {
  const upstream = await startRawUpstream(t, {
    onRequestEnd: (request) => {
      request.sendHeaders();
      request.sendTrailers([['grpc-status', '14']]);
    },
  });
  const proxy = await startProxy(t, { endpoints: [upstream.address], policyKinds: policyKinds(0) });
  const client = await proxy.rawClient('tls');
  const outcome = await client.outcome(client.call({ body: MESSAGE }));
  assert.equal(outcome.grpcStatus, '14');
  assert.equal(upstream.requests.length, 1);
});

test('the line about lost calls counts those that are sent again', async (t) => {
  const upstream = await startRawUpstream(t, {
    onRequestEnd: (request) => {
      if (upstream.requests.length > 3) echo(request);
      if (upstream.requests.length !== 3) return;
      // The client gets the beginning of one response, which then nobody else can give.
      upstream.requests[0].sendHeaders();
      upstream.requests[0].peer.sendData(upstream.requests[0].streamId, MESSAGE);
    },
  });
  const proxy = await startProxy(t, { endpoints: [upstream.address], policyKinds: policyKinds(0) });
  const client = await proxy.rawClient('tls');
  const calls = [1, 2, 3].map(() => client.call({ body: MESSAGE }));
  await client.wantHeaders(calls[0]);
  upstream.requests[0].peer.destroy();
  const outcomes = await Promise.all(calls.map((call) => client.outcome(call)));
  assert.deepEqual(
    outcomes.map(({ grpcStatus }) => grpcStatus),
    ['14', '0', '0'],
  );
  const line = await proxy.line(({ msg }) => String(msg).startsWith('lost '));
  assert.match(String(line['msg']), /^lost 3 calls \(2 of them are sent again\): /);
  assert.deepEqual([line['calls'], line['sentAgain']], [3, 2]);
});
