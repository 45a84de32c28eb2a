import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AskedRequest, Outcome } from './asked-request.ts';
import { Comparison } from './comparison.ts';
import type { KnownDifference } from './known-differences.ts';

const GRPC: AskedRequest = { name: 'a call', protocol: 'grpc', path: '/', fields: [] };
const HTTP: AskedRequest = { ...GRPC, protocol: 'http' };
const SERVED: Outcome = new Map([['answer', 'served']]);
const REFUSED: Outcome = new Map([['answer', 'refused: 8']]);

const KNOWN: KnownDifference = {
  of: /^a call$/,
  aspect: 'answer',
  framegate: { grpc: 'served' },
  envoy: { grpc: 'refused: 8' },
  why: 'Because.',
};

test('requests that are treated alike are as known', () => {
  const comparison = new Comparison([]);
  comparison.add(GRPC, SERVED, SERVED);
  assert.ok(comparison.isAsKnown);
  assert.match(
    comparison.lines().at(-1) ?? '',
    /^1 requests, 1 served and 0 refused .* 1 were treated alike/,
  );
});

test('a difference that is not known fails the comparison, whatever the aspect', () => {
  const comparison = new Comparison([KNOWN]);
  comparison.add(GRPC, SERVED, REFUSED);
  assert.ok(comparison.isAsKnown);
  comparison.add(GRPC, new Map([...SERVED, ['service saw x-user', 'alice']]), SERVED);
  assert.ok(!comparison.isAsKnown);
  assert.match(comparison.lines().join('\n'), /UNKNOWN .*: service saw x-user: alice, with Envoy nothing/);
});

test('a known difference excuses no other answer, protocol or request', () => {
  for (const [request, framegate, envoy] of [
    [GRPC, REFUSED, SERVED],
    [HTTP, SERVED, REFUSED],
    [{ ...GRPC, name: 'a call of another kind' }, SERVED, REFUSED],
  ] as const) {
    const comparison = new Comparison([KNOWN]);
    comparison.add(GRPC, SERVED, REFUSED);
    comparison.add(request, framegate, envoy);
    assert.ok(!comparison.isAsKnown);
  }
});

test('a known difference that no request of its protocol shows any more fails the comparison', () => {
  const comparison = new Comparison([KNOWN]);
  comparison.add(GRPC, SERVED, SERVED);
  assert.ok(!comparison.isAsKnown);
  assert.match(comparison.lines().join('\n'), /NO LONGER A DIFFERENCE .* \(grpc\): answer/);
});

test('a comparison without requests proves nothing', () => {
  assert.ok(!new Comparison([]).isAsKnown);
});
