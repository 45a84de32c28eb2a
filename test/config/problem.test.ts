import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatPath } from '../../src/config/config-path.ts';
import { type ConfigProblem, fileOrigin, formatProblem, sortProblems } from '../../src/config/problem.ts';

const problem: ConfigProblem = {
  severity: 'error',
  origin: fileOrigin('config.yaml', { line: 3, column: 13 }),
  path: 'a.b',
  message: 'is missing',
};

test('a problem is one line', () => {
  assert.equal(formatProblem(problem), 'config.yaml:3:13 a.b – is missing');
  assert.equal(formatProblem({ ...problem, hint: 'add it' }), 'config.yaml:3:13 a.b – is missing (add it)');
  assert.equal(formatProblem({ ...problem, path: '' }), 'config.yaml:3:13 – is missing');
  assert.equal(
    formatProblem({ ...problem, severity: 'warning' }),
    'config.yaml:3:13 a.b – warning: is missing',
  );
});

test('no control character reaches the terminal', () => {
  const line = formatProblem({ ...problem, message: '\u001b[31m\r\n\u202e\u0007' });
  assert.equal(line, 'config.yaml:3:13 a.b – \\u{1b}[31m\\u{d}\\u{a}\\u{202e}\\u{7}');
});

test('problems are told in the order of the file', () => {
  const places = [[2, 1], [1, 9], [1, 2]] as const; // biome-ignore format: pairs
  const sorted = sortProblems(
    places.map(([line, column]) => ({ ...problem, origin: fileOrigin('a', { line, column }) })),
  );
  assert.deepEqual(sorted.map(({ origin }) => origin.text), ['a:1:2', 'a:1:9', 'a:2:1']); // biome-ignore format: short
});

test('a problem of what was written in no file names the object, and the order is that of the finding', () => {
  const origin = { text: 'HTTPRoute shop/checkout' };
  const found = ['b', 'a'].map((message) => ({ ...problem, origin, message }));
  assert.deepEqual(sortProblems(found).map(formatProblem), [
    'HTTPRoute shop/checkout a.b – b',
    'HTTPRoute shop/checkout a.b – a',
  ]);
});

test('a path is written as one would write it in code', () => {
  assert.equal(formatPath([]), '');
  assert.equal(formatPath(['listeners', 0, 'tls', 'certificates', 1]), 'listeners[0].tls.certificates[1]');
  assert.equal(formatPath(['upstreams', 'a.b', 'balance']), 'upstreams["a.b"].balance');
});
