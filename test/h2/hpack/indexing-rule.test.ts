import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DO_NOT_INDEX, INDEX, indexingRule, NEVER_INDEX } from '../../../src/h2/hpack/indexing-rule.ts';

test('credentials are never indexed by anybody', () => {
  assert.equal(indexingRule('authorization', 'Bearer 1'), NEVER_INDEX);
  assert.equal(indexingRule('proxy-authorization', 'Basic 1'), NEVER_INDEX);
});

test('cookies stay out of our table, and short ones out of every table', () => {
  for (const name of ['cookie', 'set-cookie']) {
    assert.equal(indexingRule(name, 'a'.repeat(19)), NEVER_INDEX);
    assert.equal(indexingRule(name, 'a'.repeat(20)), DO_NOT_INDEX);
  }
});

test('what changes with each call is not indexed', () => {
  for (const name of [
    'content-length',
    'date',
    'grpc-timeout',
    'traceparent',
    'x-request-id',
    'grpc-trace-bin',
  ]) {
    assert.equal(indexingRule(name, '1'), DO_NOT_INDEX, name);
  }
});

test('everything else may be indexed, a path too', () => {
  for (const name of [':path', ':authority', 'content-type', 'user-agent', 'grpc-encoding']) {
    assert.equal(indexingRule(name, '1'), INDEX, name);
  }
});
