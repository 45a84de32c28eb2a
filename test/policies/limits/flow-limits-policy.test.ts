// What the limits of a route say of one call: which of them apply to which direction, with whose tokens.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type FlowLimits, UNLIMITED } from '../../../src/calls/flow-limits.ts';
import type { AdmittedCall, Policy } from '../../../src/calls/policy.ts';
import type { LimitKeyPart, RateLimitConfig, RouteLimitConfig } from '../../../src/config/limits-config.ts';
import type { StoreConfig } from '../../../src/config/stores-config.ts';
import { Quotas } from '../../../src/limits/quotas.ts';
import { accessPolicy } from '../../../src/policies/access/access-policy.ts';
import { flowLimitsPolicy } from '../../../src/policies/limits/flow-limits-policy.ts';
import { POLICY_KINDS } from '../../../src/policies/policy-kinds.ts';
import { routeConfig } from '../../support/route-config.ts';
import { standIn } from '../../support/stand-in.ts';

interface Given {
  readonly isGrpc?: boolean;
  readonly client?: string;
  readonly fields?: Readonly<Record<string, string>>;
}

function call({ isGrpc = true, client = '192.0.2.1', fields = {} }: Given = {}): AdmittedCall {
  return standIn<AdmittedCall>({
    isGrpc,
    header: (name: string) => fields[name],
    subject: standIn<AdmittedCall['subject']>({ clientKey: client }),
  });
}

function rate(given: Partial<RateLimitConfig>): RateLimitConfig {
  return {
    kind: 'rate',
    count: 'messages',
    direction: 'request',
    rate: { count: 60, periodMs: 1000 },
    burst: 60,
    by: [{ kind: 'route' }],
    exceed: 'slow',
    ...given,
  };
}

const by = (...kinds: readonly ('client' | 'route' | 'stream')[]): readonly LimitKeyPart[] =>
  kinds.map((kind) => ({ kind }));

function policyOf(limits: readonly RouteLimitConfig[], quotas = new Quotas(() => 0)): Policy | undefined {
  return flowLimitsPolicy(routeConfig({ name: 'voice', limits }), { quotas });
}

function limitsOf(policy: Policy | undefined, given: Given = {}): FlowLimits {
  const limits = policy?.limitFlow?.(call(given));
  assert.ok(limits !== undefined);
  return limits;
}

test('a route whose limits only count calls has no such policy', () => {
  assert.equal(policyOf([rate({ count: 'calls', exceed: 'refuse', direction: 'both' })]), undefined);
  assert.equal(flowLimitsPolicy(undefined, { quotas: new Quotas(() => 0) }), undefined);
  assert.equal(flowLimitsPolicy(routeConfig({}), { quotas: new Quotas(() => 0) }), undefined);
});

test('each limit applies to its direction, and one of both directions has one count for both', () => {
  const limits = limitsOf(
    policyOf([
      rate({ direction: 'request' }),
      rate({ direction: 'response', exceed: 'end' }),
      rate({ direction: 'both', by: by('stream') }),
    ]),
  );
  assert.equal(limits.request.rates.length, 2);
  assert.equal(limits.response.rates.length, 2);
  assert.equal(limits.request.rates[1].tokens, limits.response.rates[1].tokens);
  assert.deepEqual(
    [limits.request.rates[0].exceeded, typeof limits.response.rates[0].exceeded],
    [undefined, 'function'],
  );
});

test('streams have tokens of their own, and calls of one client the same', () => {
  const ofStreams = policyOf([rate({ by: by('stream') })]);
  assert.notEqual(limitsOf(ofStreams).request.rates[0].tokens, limitsOf(ofStreams).request.rates[0].tokens);
  const ofClients = policyOf([rate({ by: by('client'), burst: 60 })]);
  const tokensOf = (client: string): number => {
    const { tokens, key } = limitsOf(ofClients, { client }).request.rates[0];
    return tokens.take(key, 40);
  };
  assert.equal(tokensOf('192.0.2.1'), 0);
  assert.ok(tokensOf('192.0.2.1') > 0);
  assert.equal(tokensOf('192.0.2.2'), 0);
});

test('a limit by a header field does not apply to calls without the field', () => {
  const policy = policyOf([rate({ by: [{ kind: 'header', name: 'x-tenant' }] })]);
  assert.equal(limitsOf(policy, { fields: { 'x-tenant': 'blue' } }).request.rates.length, 1);
  assert.equal(policy?.limitFlow?.(call({})), undefined);
  assert.equal(policy?.limitFlow?.(call({ fields: { 'x-tenant': '' } })), undefined);
});

test('what does not concern a call is not made for it, and sizes are made once for all calls', () => {
  const bodies = policyOf([{ kind: 'bodySize', bytes: 1000 }]);
  assert.equal(bodies?.limitFlow?.(call({ isGrpc: true })), undefined);
  const ofWeb = limitsOf(bodies, { isGrpc: false });
  assert.equal(ofWeb.request.bodySize?.mostBytes, 1000);
  assert.equal(ofWeb.response, UNLIMITED);
  assert.equal(limitsOf(bodies, { isGrpc: false }), ofWeb);

  const messages = policyOf([{ kind: 'messageSize', direction: 'response', bytes: 100 }]);
  assert.equal(messages?.limitFlow?.(call({ isGrpc: false })), undefined);
  const ofGrpc = limitsOf(messages);
  assert.equal(ofGrpc.request, UNLIMITED);
  assert.equal(ofGrpc.response.messageSize?.mostBytes, 100);
  assert.equal(limitsOf(messages), ofGrpc);
});

test('a limit of messages in a time stands beside the size of messages, in its direction', () => {
  const both = limitsOf(policyOf([rate({}), { kind: 'messageSize', direction: 'both', bytes: 100 }]));
  const { request, response } = both;
  assert.deepEqual([request.rates.length, request.messageSize?.mostBytes], [1, 100]);
  assert.deepEqual([response.rates.length, response.messageSize?.mostBytes], [0, 100]);
});

test('clients that choose their key are named, so that they can be bounded', () => {
  const limits = limitsOf(policyOf([rate({ by: [{ kind: 'header', name: 'x-tenant' }] })]), {
    fields: { 'x-tenant': 'blue' },
  });
  const [{ key, client }] = limits.request.rates;
  assert.deepEqual([key, client], ['blue', '192.0.2.1']);
});

/** How many messages may pass at once. */
function mostAtOnce(limit: Partial<RateLimitConfig>): number {
  const { tokens, key } = limitsOf(
    policyOf([rate({ rate: { count: 1000, periodMs: 1000 }, burst: 1, by: by('stream'), ...limit })]),
  ).request.rates[0];
  let taken = 0;
  while (tokens.take(key, 1) === 0) taken++;
  return taken;
}

test('a paced stream has at least the tokens of 100 ms, or 250 ms with a store, and one that is ended what it is given', () => {
  assert.equal(mostAtOnce({ exceed: 'slow' }), 100);
  const shared = policyOf([rate({ rate: { count: 1000, periodMs: 1000 }, burst: 1, store: 'fleet' })]);
  assert.equal(limitsOf(shared).request.rates[0].tokens.burst, 250);
  assert.equal(mostAtOnce({ exceed: 'end' }), 1);
});

function sliceOf(count: number, burst: number, exceed: 'slow' | 'end' = 'slow'): number {
  const limit = rate({ count: 'bytes', rate: { count, periodMs: 1000 }, burst, exceed });
  return limitsOf(policyOf([limit])).request.rates[0].sliceBytes;
}

test('bytes are let pass in slices that the burst can have', () => {
  assert.deepEqual(
    [
      sliceOf(1000, 1000),
      sliceOf(100_000, 100_000),
      sliceOf(1e9, 1e9),
      sliceOf(1000, 10, 'end'),
      sliceOf(1, 1),
    ],
    [512, 2000, 16_384, 10, 1],
  );
});

test('of several sizes the smallest counts, each for its direction', () => {
  const policy = policyOf([
    { kind: 'messageSize', direction: 'both', bytes: 4096 },
    { kind: 'messageSize', direction: 'request', bytes: 100 },
    { kind: 'bodySize', bytes: 2000 },
    { kind: 'bodySize', bytes: 1000 },
  ]);
  const limits = limitsOf(policy);
  assert.deepEqual(
    [limits.request.messageSize?.mostBytes, limits.response.messageSize?.mostBytes],
    [100, 4096],
  );
  const { request, response } = limitsOf(policy, { isGrpc: false });
  assert.deepEqual([request.bodySize?.mostBytes, response.bodySize], [1000, undefined]);
  const { message, token, httpStatus, retryAfterMs } = limits.request.messageSize?.exceeded(200) ?? {};
  assert.deepEqual(
    [token, httpStatus, retryAfterMs, message],
    [
      'message_too_large',
      413,
      undefined,
      'A message of 200 bytes; the limit of route voice is 100 bytes (messageSize).',
    ],
  );
});

test('a request that announces a body that is too large is refused once `access` has let it pass, a gRPC call is not', () => {
  const policy = policyOf([{ kind: 'bodySize', bytes: 1000 }]);
  const judge = (length: string | undefined, isGrpc = false): string | undefined => {
    let said: string | undefined;
    const fields = length === undefined ? {} : { 'content-length': length };
    policy?.ask?.(call({ isGrpc, fields }), {
      admit: () => {
        said = 'admitted';
      },
      refuse: ({ token }) => {
        said = token;
      },
    });
    return said;
  };
  assert.deepEqual(
    [judge('1001'), judge('1000'), judge(undefined), judge('1001', true), judge('nonsense')],
    ['message_too_large', 'admitted', 'admitted', 'admitted', 'admitted'],
  );
  assert.ok(POLICY_KINDS.indexOf(accessPolicy) < POLICY_KINDS.indexOf(flowLimitsPolicy));
  assert.equal(typeof policyOf([rate({})])?.ask, 'undefined', 'other limits cost no question');
});

test('an exceeded limit is named and counted, with the time after which to call again', () => {
  const quotas = new Quotas(() => 0);
  const refused: number[] = [];
  quotas.onRefused = ({ index }) => refused.push(index);
  const limits = limitsOf(
    policyOf([rate({}), rate({ count: 'bytes', exceed: 'end', by: by('client'), burst: 100 })], quotas),
  );
  const exceeded = limits.request.rates[1].exceeded;
  const failed = exceeded?.(17, 5);
  assert.deepEqual([failed?.token, failed?.retryAfterMs, refused], ['byte_limit', 17, [1]]);
  assert.equal(
    failed?.message,
    'The bytes of this call are beyond the limit of route voice: 60 bytes each second from the client, 100 bytes at once; call again in 17 ms.',
  );
  assert.equal(failed?.onlyForLog, ' The limit is counted by client (limits[1]).');
  const never = exceeded?.(Number.POSITIVE_INFINITY, 500);
  assert.deepEqual(
    [never?.retryAfterMs, never?.message],
    [
      undefined,
      'A message of 500 bytes is beyond the limit of route voice: 60 bytes each second from the client, 100 bytes at once; send smaller ones.',
    ],
  );
});

test('a limit whose store does not answer, and is closed, ends streams with UNAVAILABLE: those that are paced once it is gone', () => {
  const quotas = new Quotas(() => 0);
  const refused: number[] = [];
  quotas.onRefused = ({ index }) => refused.push(index);
  quotas.use([], [standIn<StoreConfig>({ name: 'fleet', failure: 'closed' })]);
  const limits = limitsOf(
    policyOf([rate({ store: 'fleet' }), rate({ store: 'fleet', exceed: 'end' }), rate({})], quotas),
  );
  const [paced, ended, local] = limits.request.rates;
  for (const failed of [paced.outOfReach?.(), ended.exceeded?.(1000, 1)]) {
    assert.deepEqual(
      [failed?.token, failed?.grpcStatus, failed?.httpStatus, failed?.retryAfterMs],
      ['limit_store_unavailable', 14, 503, 1000],
    );
    assert.equal(
      failed?.message,
      'The messages of this call cannot be counted now, so no more are allowed; call again in 1000 ms.',
    );
    assert.match(failed?.onlyForLog ?? '', /^ Store fleet does not answer, and its failure is closed\. /);
  }
  assert.deepEqual(refused, [0, 1]);
  quotas.leases.storeChanged({ store: 'fleet', isUp: true, holders: 1 });
  assert.equal(paced.outOfReach?.(), undefined);
  assert.equal(ended.exceeded?.(1000, 1).token, 'message_limit');
  assert.equal(local.outOfReach, undefined);
});
