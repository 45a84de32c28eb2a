// What PUT /api/upstreams/NAME/endpoints may say, and how each mistake is told: the field, what is wrong, and what to do.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseEndpointList } from '../../src/config/endpoint-list.ts';
import { MOST_ENDPOINTS } from '../../src/config/endpoint-update.ts';

function problemsOf(value: unknown): readonly string[] {
  const list = parseEndpointList(typeof value === 'string' ? value : JSON.stringify(value));
  assert.ok('problems' in list);
  return list.problems.map(({ field, message, remedy }) => `${field}: ${message} (${remedy})`);
}

test('endpoints are texts or maps, each address once, and hold for a time or for ever', () => {
  const endpoints = [
    '10.0.0.1:50051',
    { address: '[::1]:50051', weight: 2, priority: 1, zone: 'a' },
    '10.0.0.1:50051',
  ];
  const list = parseEndpointList(JSON.stringify({ endpoints, ttl: '60s' }));
  assert.ok(!('problems' in list));
  assert.deepEqual(
    list.endpoints.map(({ address, weight, priority, zone }) => [address.text, weight, priority, zone]),
    [
      ['10.0.0.1:50051', 1, 0, undefined],
      ['[::1]:50051', 2, 1, 'a'],
    ],
  );
  assert.equal(list.ttlMs, 60_000);
  assert.deepEqual(parseEndpointList('{"endpoints":[],"ttl":"off"}'), { endpoints: [], ttlMs: undefined });
});

test('each mistake names its field and the remedy', () => {
  assert.match(
    problemsOf('{"endpoints": [')[0],
    /^: is not JSON: .* \(send \{"endpoints": \["10\.0\.0\.1:50051"\], "ttl": "60s"\}\)$/,
  );
  assert.match(problemsOf([])[0], /^: must be a map/);
  assert.deepEqual(problemsOf({ endpoints: ['10.0.0.1:50051'] }), [
    'ttl: is missing (write how long they hold without another PUT, 1s to 168h, such as "60s", or "off" for ever)',
  ]);
  assert.deepEqual(problemsOf({ ttl: 'off' }), [
    'endpoints: is missing (write ["10.0.0.1:50051"], or [] for none)',
  ]);
  assert.deepEqual(
    problemsOf({ endpoints: ['10.0.0.1', { address: '10.0.0.2:1', weight: 0 }], ttl: '10d' }),
    [
      "endpoints[0]: '10.0.0.1' has no port (write 10.0.0.1:PORT)",
      'endpoints[1].weight: must be at least 1 (correct it and send the whole list again)',
      `ttl: '10d' is not a duration such as 250ms, 5s, 10m or 1h (write how long they hold without another PUT, 1s to 168h, such as "60s", or "off" for ever)`,
    ],
  );
  const many = Array.from({ length: MOST_ENDPOINTS + 1 }, (_, index) => `10.0.0.1:${index + 1}`);
  assert.match(
    problemsOf({ endpoints: many, ttl: 'off' })[0],
    /^endpoints: must have at most 4096 entries \(correct it/,
  );
});

test('keys that there are not are named, with what a list of endpoints may have', () => {
  assert.match(
    problemsOf({ endpoints: [], ttl: 'off', expires: 1 })[0],
    /^expires: unknown key \(send \{"endpoints": \["10\.0\.0\.1:50051"\], "ttl": "60s"\}\)$/,
  );
  assert.match(problemsOf({ endpoint: [], ttl: 'off' })[0], /^endpoint: unknown key \(send /);
  const inList = (endpoint: unknown): string => problemsOf({ endpoints: [endpoint], ttl: 'off' }).join('\n');
  assert.match(
    inList({ address: '10.0.0.1:1', prioity: 1 }),
    /^endpoints\[0\]\.prioity: unknown key \(did you mean 'priority'\?\)$/,
  );
  assert.match(
    inList({ host: '10.0.0.1', port: 1 }),
    /endpoints\[0\]\.host: unknown key \(write address: 127\.0\.0\.1:50051, with its port\)/,
  );
  assert.match(
    inList({ address: '10.0.0.1:1', colour: 1 }),
    /\(allowed here: address, weight, priority, zone\)$/,
  );
});
