// Where an attempt goes that runs beside another one of the same call.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pickBeside } from '../../src/relay/pick-beside.ts';
import type { CallEndpoint, CallTarget } from '../../src/relay/snapshot.ts';
import { holdingFor } from '../support/attempt-parts.ts';
import { standIn } from '../support/stand-in.ts';

const TRAITS = { hash: undefined, method: '/a.B/C' };

interface Condition {
  readonly hasRoom?: boolean;
  readonly isExcluded?: boolean;
  readonly isFailing?: boolean;
  /** No calls go there while endpoints of a higher priority can be used. */
  readonly isStandby?: boolean;
}

/** @returns the index of the endpoint that is picked, or -1, if the call has been at the first one */
function picked(...conditions: readonly Condition[]): number {
  const endpoints = conditions.map(({ isExcluded = false, isFailing = false }) =>
    standIn<CallEndpoint>({
      isExcluded,
      lastFailure: isFailing ? { token: 'upstream_refused', sentence: 'Down.' } : undefined,
    }),
  );
  const canTake = ({
    hasRoom = true,
    isExcluded = false,
    isFailing = false,
    isStandby = false,
  }: Condition): boolean => hasRoom && !isExcluded && !isFailing && !isStandby;
  const upstream = standIn<CallTarget>({
    endpoints,
    getsCalls: (endpoint: CallEndpoint) => {
      const {
        isExcluded = false,
        isFailing = false,
        isStandby = false,
      } = conditions[endpoints.indexOf(endpoint)];
      return !isExcluded && !isFailing && !isStandby;
    },
    pickFor: (_holding: unknown, tried: readonly CallEndpoint[]) =>
      endpoints.find((endpoint, index) => canTake(conditions[index]) && !tried.includes(endpoint)),
  });
  const found = pickBeside(upstream, holdingFor(), endpoints.slice(0, 1), TRAITS);
  return found === undefined ? -1 : endpoints.indexOf(found);
}

test('another endpoint is taken', () => {
  assert.equal(picked({}, {}, {}), 1);
  assert.equal(picked({}, { hasRoom: false }, {}), 2);
});

test('as long as another can be used, the same is not taken, even if no other has room', () => {
  assert.equal(picked({}, { hasRoom: false }), -1);
  assert.equal(picked({}, { hasRoom: false }, { isExcluded: true }), -1);
});

test('the same is taken if no other can be used', () => {
  assert.equal(picked({}), 0);
  assert.equal(picked({}, { isExcluded: true }, { isFailing: true }), 0);
  assert.equal(picked({}, { isStandby: true }), 0);
  assert.equal(picked({ hasRoom: false }, { isFailing: true }), -1);
});
