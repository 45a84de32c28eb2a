import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatPath } from '../../src/config/config-path.ts';
import { type ConfigProblem, formatProblem, sortProblems } from '../../src/config/problem.ts';

const problem: ConfigProblem = {
  severity: 'error',
  file: 'config.yaml',
  line: 3,
  column: 13,
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
  const sorted = sortProblems(places.map(([line, column]) => ({ ...problem, line, column })));
  assert.deepEqual(sorted.map(({ line, column }) => [line, column]), places.toReversed()); // biome-ignore format: short
});

test('a path is written as one would write it in code', () => {
  assert.equal(formatPath([]), '');
  assert.equal(formatPath(['listeners', 0, 'tls', 'certificates', 1]), 'listeners[0].tls.certificates[1]');
  assert.equal(formatPath(['upstreams', 'a.b', 'balance']), 'upstreams["a.b"].balance');
});
