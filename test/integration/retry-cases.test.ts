// The cases for which other implementations of gRPC have tests of retries and deadlines, through a proxy.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { playRetryCases } from '../support/play-retry-cases.ts';
import { RETRY_CASES } from '../support/retry-cases.ts';

test('clients and services see what gRPC says of retries and deadlines, case by case', async (t) => {
  const seen = await playRetryCases(RETRY_CASES);
  for (const [index, { what, clientSees, serviceSees }] of RETRY_CASES.entries())
    await t.test(what, () => assert.deepEqual(seen[index], { clientSees, serviceSees }));
});
