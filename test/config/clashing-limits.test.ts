// Limits of a route that repeat each other, and bursts that are too small for the messages that another limit allows.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig } from '../../src/config/load-config.ts';

/** The warnings about the limits of one route. */
function warningsOf(...limits: readonly string[]): readonly string[] {
  const text = [
    'listeners: [{ address: "127.0.0.1:8080" }]',
    'stores: { fleet: { redis: "redis://127.0.0.1:6379", failure: local } }',
    'routes:',
    '  - match: { path: /web/* }',
    '    upstream: u',
    `    limits: [${limits.join(', ')}]`,
    '  - match: { path: /other/* }',
    '    upstream: u',
    '    limits: [{ count: calls, rate: 7/h, store: fleet }]',
    'upstreams: { u: { endpoints: ["127.0.0.1:1"] } }',
  ].join('\n');
  const result = parseConfig(text, 'x.yaml');
  assert.ok('config' in result, JSON.stringify(result));
  return result.warnings.map(({ path, message, hint }) => `${path}: ${message} (${hint})`);
}

function again(verb: string, why: string): string {
  return `routes[0].limits[1]: ${verb} the same as limits[0] of this route (remove one of the two; ${why})`;
}

function question(more: string): string {
  return `{ service: u, domain: d, descriptors: [{ who: client }]${more} }`;
}

/** What is said of a burst where messages of this size are allowed. */
function whyTooSmall(size: string): string {
  return (
    `less than messageSize of this route (${size}): each message between the two ends its call ` +
    `(write a burst of more than ${size}, since the prefix of a message counts too, or a smaller messageSize)`
  );
}

test('two limits of a route that are about the same are told, however they are written, and whatever they do when it is exceeded', () => {
  for (const [one, other] of [
    ['{ count: calls, rate: 100/s }', '{ count: calls, rate: 100/s, by: [route], exceed: refuse }'],
    [
      '{ count: calls, rate: 9/m, by: [client, "header:X-A"] }',
      '{ count: calls, rate: 9/m, by: ["header:x-a", client], burst: 3 }',
    ],
    [
      '{ count: bytes, rate: 1MiB/s }',
      '{ count: bytes, rate: 1024KiB/s, direction: request, exceed: end, burst: 8MiB }',
    ],
    [
      '{ count: bytes, rate: 1MiB/s, burst: 2MiB, exceed: slow }',
      '{ count: bytes, rate: 1MiB/s, burst: 1MiB, exceed: end }',
    ],
    ['{ count: calls, rate: 9/s, store: fleet }', '{ count: calls, rate: 9/s, store: fleet }'],
    [
      '{ count: calls, rate: 9/s, burst: 2, dryRun: true }',
      '{ count: calls, rate: 9/s, burst: 2, dryRun: true }',
    ],
  ] as const)
    assert.deepEqual(
      warningsOf(one, other),
      [again('counts', 'of two bursts the smaller one decides')],
      other,
    );
  assert.deepEqual(warningsOf('{ messageSize: 4MiB }', '{ messageSize: 1MiB, direction: request }'), [
    again('bounds', 'of two sizes the smaller one decides'),
  ]);
  assert.deepEqual(warningsOf('{ bodySize: 4MiB }', '{ bodySize: 1MiB }'), [
    again('bounds', 'of two sizes the smaller one decides'),
  ]);
  assert.deepEqual(warningsOf(question(''), question(', failure: closed')), [
    again('asks', 'the service is asked twice about each call'),
  ]);
});

test('limits that differ in what they bound, or in when, stand side by side', () => {
  const one = '{ count: messages, rate: 60/m, by: [client] }';
  for (const other of [
    '{ count: calls, rate: 60/m, by: [client] }',
    '{ count: messages, rate: 60/h, by: [client] }',
    '{ count: messages, rate: 1/s, by: [client] }',
    '{ count: messages, rate: 60/m }',
    '{ count: messages, rate: 60/m, by: [client], direction: response }',
    '{ count: messages, rate: 60/m, by: [client], store: fleet }',
    '{ count: messages, rate: 60/m, by: [client], dryRun: true, burst: 2 }',
    '{ messageSize: 1MiB }',
  ])
    assert.deepEqual(warningsOf(one, other), [], other);
  for (const [first, second] of [
    ['{ messageSize: 1MiB }', '{ messageSize: 1MiB, direction: response }'],
    ['{ messageSize: 1MiB, dryRun: true }', '{ messageSize: 2MiB, dryRun: true }'],
    ['{ messageSize: 1MiB, dryRun: true }', '{ messageSize: 2MiB }'],
    [
      '{ count: calls, rate: 9/s, burst: 2, dryRun: true }',
      '{ count: calls, rate: 9/s, burst: 3, dryRun: true }',
    ],
  ] as const)
    assert.deepEqual(warningsOf(first, second), [], second);
});

test('a burst of bytes that ends the call of a message that messageSize allows is told', () => {
  const small = '{ count: bytes, rate: 1MiB/s, burst: 64KiB, exceed: end }';
  assert.deepEqual(warningsOf('{ messageSize: 4MiB }', small), [
    `routes[0].limits[1].burst: is ${whyTooSmall('4MiB')}`,
  ]);
  assert.deepEqual(warningsOf('{ count: bytes, rate: 64KiB/m, exceed: end }', '{ messageSize: 100000 }'), [
    `routes[0].limits[0].rate: leaves burst at 65536 bytes, ${whyTooSmall('100000')}`,
  ]);
  const both = '{ count: bytes, rate: 1MiB/s, burst: 64KiB, exceed: end, direction: both }';
  assert.deepEqual(
    warningsOf('{ messageSize: 1KiB }', '{ messageSize: 2MiB, direction: response }', both).length,
    1,
  );
});

test('a burst of bytes says nothing about messages that are limited otherwise, or if it ends no call', () => {
  const size = '{ messageSize: 4MiB }';
  for (const other of [
    '{ count: bytes, rate: 1MiB/s, burst: 64KiB }',
    '{ count: bytes, rate: 1MiB/s, burst: 64KiB, exceed: end, dryRun: true }',
    '{ count: bytes, rate: 1MiB/s, burst: 64KiB, exceed: end, direction: response }',
    '{ count: bytes, rate: 1MiB/s, burst: 4MiB, exceed: end }',
    '{ count: messages, rate: 10/s, burst: 1, exceed: end }',
  ])
    assert.deepEqual(warningsOf(size, other), [], other);
  const small = '{ count: bytes, rate: 1MiB/s, burst: 64KiB, exceed: end }';
  assert.deepEqual(warningsOf(size, '{ messageSize: 32KiB, direction: both }', small), []);
  assert.deepEqual(warningsOf('{ messageSize: 4MiB, dryRun: true }', small), []);
  assert.deepEqual(warningsOf('{ bodySize: 4MiB }', small), []);
});
