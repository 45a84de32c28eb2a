import assert from 'node:assert/strict';
import { test } from 'node:test';
import { remedyOfStatus } from '../../src/health/predicate.ts';

test('what a check by GET was answered says what to do', () => {
  assert.match(remedyOfStatus(404) ?? '', /health\.path/);
  assert.match(remedyOfStatus(401) ?? '', /without credentials/);
  assert.match(remedyOfStatus(302) ?? '', /redirects are not followed/);
  assert.match(remedyOfStatus(503) ?? '', /its own log/);
  assert.equal(remedyOfStatus(418), undefined);
});
