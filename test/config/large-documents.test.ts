// What documents cost that are large and wrong everywhere: work in proportion to their size, and an answer that a person can read.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseEndpointList } from '../../src/config/endpoint-list.ts';
import { parseConfig } from '../../src/config/load-config.ts';
import { MOST_PROBLEMS } from '../../src/config/problem.ts';
import { readYaml } from '../../src/config/yaml-document.ts';
import { findRouteProblems } from '../../src/routing/route-problems.ts';

const LISTENERS = 'listeners: [{ address: "127.0.0.1:8080" }]\n';
const ROUTES = 'routes: [{ upstream: u, match: { path: "/*" } }]\n';
const UPSTREAMS = 'upstreams: { u: { endpoints: ["127.0.0.1:1"] } }\n';

function lines(count: number, line: (index: number) => string, separator = '\n'): string {
  return Array.from({ length: count }, (_, index) => line(index)).join(separator);
}

function check(text: string): ReturnType<typeof parseConfig> {
  return parseConfig(text, 'config.yaml', findRouteProblems);
}

function cpuMs(work: () => unknown): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

/** Each is a text that has so many times the same fault, or the same part. */
const documents: readonly (readonly [string, (count: number) => string])[] = [
  ['unknown keys', (count) => LISTENERS + ROUTES + UPSTREAMS + lines(count, (i) => `k${i}: 1`)],
  [
    'keys that stand twice',
    (count) => LISTENERS + ROUTES + UPSTREAMS + lines(count, (i) => `x: { k${i}: 1 }`),
  ],
  [
    'names of upstreams that do not exist',
    (count) =>
      `${LISTENERS}upstreams:\n${lines(count / 8, (i) => `  named${i}: { endpoints: ["127.0.0.1:1"] }`)}\nroutes:\n` +
      lines(count / 8, (i) => `  - { upstream: other${i}, match: { path: /p${i} } }`),
  ],
  [
    'listeners',
    (count) =>
      `${ROUTES}${UPSTREAMS}listeners:\n${lines(count, (i) => `  - { address: "127.0.0.1:${i + 1}" }`)}`,
  ],
  [
    'endpoints',
    (count) =>
      `${LISTENERS}${ROUTES}upstreams:\n  u:\n    endpoints:\n${lines(count, (i) => `      - "10.0.0.1:${i + 1}"`)}`,
  ],
  [
    'limits of a route',
    (count) =>
      `${LISTENERS}${UPSTREAMS}routes:\n  - upstream: u\n    match: { path: "/*" }\n    limits:\n` +
      lines(count, (i) =>
        i % 2 === 0
          ? `      - { messageSize: ${count + i} }`
          : '      - { count: bytes, rate: 9/s, exceed: end }',
      ),
  ],
  ['empty lines', (count) => `${'\n'.repeat(count * 4)}a: 1`],
  ['braces', (count) => `${LISTENERS}routes: [{ upstream: "${'{'.repeat(count * 16)}" }]\n${UPSTREAMS}`],
];

for (const [name, make] of documents) {
  test(`a configuration with eight times as many ${name} costs some eight times as much`, () => {
    check(make(80));
    const few = cpuMs(() => check(make(1000)));
    const many = cpuMs(() => check(make(8000)));
    assert.ok(many < 30 * Math.max(few, 10), `${few} ms became ${many} ms`);
  });
}

function listWith(unknownKeys: number): string {
  return `{"endpoints":[],${lines(unknownKeys, (i) => `"k${i}":1`, ',')},"ttl":"1s"}`;
}

test('a list of endpoints with thousands of unknown keys is read in time that grows with it', () => {
  parseEndpointList(listWith(10));
  const few = cpuMs(() => parseEndpointList(listWith(5000)));
  const many = cpuMs(() => parseEndpointList(listWith(40_000)));
  assert.ok(many < 30 * Math.max(few, 10), `${few} ms became ${many} ms`);
});

test('an answer has the first hundred problems of a list of endpoints, and says that there are more', () => {
  for (const text of [`{"endpoints":[${lines(4096, (i) => `"x${i}"`, ',')}],"ttl":"1s"}`, listWith(60_000)]) {
    const list = parseEndpointList(text);
    assert.ok('problems' in list);
    assert.equal(list.problems.length, MOST_PROBLEMS + 1);
    assert.equal(list.problems.at(-1)?.message, 'has more problems than the 100 that are shown');
  }
});

test('a check has the first hundred problems of a file, errors before warnings, and says that there are more', () => {
  const repeated = lines(300, () => '      - "127.0.0.1:1"');
  const text = `${LISTENERS}upstreams:\n  u:\n    endpoints:\n${repeated}\n${ROUTES}`;
  const warned = check(text);
  assert.ok('warnings' in warned);
  assert.equal(warned.warnings.length, MOST_PROBLEMS + 1);
  assert.equal(warned.warnings.at(-1)?.severity, 'warning');
  const refused = check(`${text}unknown: 1\n`);
  assert.ok('problems' in refused);
  assert.equal(refused.problems.length, MOST_PROBLEMS + 1);
  assert.equal(refused.problems.filter(({ severity }) => severity === 'error').length, 1);
  const faulty = check(LISTENERS + ROUTES + UPSTREAMS + lines(300, (i) => `k${i}: 1`));
  assert.ok('problems' in faulty);
  assert.equal(faulty.problems.at(-1)?.message, 'there are more problems than the 100 that are shown');
  assert.equal(faulty.problems.at(-1)?.severity, 'error');
});

test('a hint names some of many upstreams', () => {
  const upstreams = `upstreams:\n${lines(30, (i) => `  named${i}: { endpoints: ["127.0.0.1:1"] }`)}\n`;
  const result = check(
    `${LISTENERS}${upstreams}routes: [{ upstream: quite-another, match: { path: "/*" } }]\n`,
  );
  assert.ok('problems' in result);
  assert.match(result.problems[0].hint ?? '', /^defined: named0, .*, named19 and 10 more$/);
});

test('a key that stands a thousand times is found as often, and the file is read', () => {
  const { faults, value } = readYaml(lines(1000, (i) => `x: { k${i}: 1 }`));
  assert.equal(faults.length, 999);
  assert.ok(typeof value === 'object');
});
