import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judge } from '../../bench/compare/h2load-output.ts';

function output(requests: string, twoHundreds: number, dataBytes: number): string {
  return [
    'starting benchmark...',
    'finished in 1.52s, 65789.47 req/s, 12.30MB/s',
    `requests: ${requests}`,
    `status codes: ${twoHundreds} 2xx, 0 3xx, 0 4xx, 0 5xx`,
    `traffic: 18.70MB (19600000) total, 5.72MB (6000000) headers (space savings 60.00%), 6.58MB (${dataBytes}) data`,
    'time for request:      120us     12.30ms      2.90ms       800us    71.00%',
  ].join('\n');
}

test('a run in which every call was answered in full has no problem', () => {
  const text = output(
    '100 total, 100 started, 100 done, 100 succeeded, 0 failed, 0 errored, 0 timeout',
    100,
    6900,
  );
  assert.deepEqual(judge(text, 100, 69), { succeededCalls: 100, problem: undefined });
});

test('calls that were dropped are counted and named', () => {
  const text = output(
    '100 total, 100 started, 97 done, 97 succeeded, 3 failed, 3 errored, 0 timeout',
    97,
    6693,
  );
  assert.deepEqual(judge(text, 100, 69), { succeededCalls: 97, problem: '3 of 100 calls dropped' });
});

test('an error of gRPC, which is HTTP 200 as well, is found by the bytes that are missing', () => {
  const text = output(
    '100 total, 100 started, 100 done, 100 succeeded, 0 failed, 0 errored, 0 timeout',
    100,
    6831,
  );
  assert.equal(judge(text, 100, 69).problem, '6831 response bytes instead of 6900');
});

test('output of another shape is an error, not a figure', () => {
  assert.throws(() => judge('h2load: could not connect', 100, 69), /not understood/);
});
