import assert from 'node:assert/strict';
import { test } from 'node:test';
import { patternOf } from '../../src/nginx-import/location-pattern.ts';

function pathsOf(...words: readonly string[]): readonly string[] | undefined {
  return patternOf({ name: 'location', words, block: [], file: 'f', line: 1 }).paths;
}

test('paths of nginx are exact, or prefixes that end wherever they end', () => {
  assert.deepEqual(pathsOf('/a.B/'), ['/a.B/*']);
  assert.deepEqual(pathsOf('/a'), ['/a*']);
  assert.deepEqual(pathsOf('^~', '/a/'), ['/a/*']);
  assert.deepEqual(pathsOf('=', '/a.B/C'), ['/a.B/C']);
  assert.deepEqual(pathsOf('=/a'), ['/a']);
  assert.equal(pathsOf('@name'), undefined);
  assert.equal(pathsOf('/with*star'), undefined);
  assert.equal(pathsOf('=', '/ends*'), undefined);
  assert.equal(pathsOf('/ü'), undefined);
});

test('an expression is paths where it is a fixed beginning, or a choice of some', () => {
  const cases: Readonly<Record<string, readonly string[] | undefined>> = {
    '^/a\\.B/': ['/a.B/*'],
    '^/a\\.B/C$': ['/a.B/C'],
    '^/a/.*$': ['/a/*'],
    '^/(a|b)\\.C/': ['/a.C/*', '/b.C/*'],
    '^/(?:a|b)/(c|d)$': ['/a/c', '/a/d', '/b/c', '/b/d'],
    '^/a(/|$)': ['/a', '/a/*'],
    '^/a/?$': ['/a', '/a/'],
    '^/': ['/*'],
    'a/b': undefined,
    '\\.php$': undefined,
    '^/a[0-9]': undefined,
    '^/ab+': undefined,
    '^/ab?/': undefined,
    '^/(a|b)?/': undefined,
    '^/(a|b(c|d))/': undefined,
    '^/\\d+': undefined,
    '^/a{2}': undefined,
    '^/(?<name>a)/': undefined,
    '^/a|^/b': undefined,
    '^/a\\*b': undefined,
  };
  for (const [expression, paths] of Object.entries(cases)) {
    assert.deepEqual(pathsOf('~', expression), paths, expression);
  }
});

test('without regard to case only what has no letters is a path', () => {
  assert.equal(pathsOf('~*', '^/a'), undefined);
  assert.deepEqual(pathsOf('~*', '^/1'), ['/1*']);
});

test('choices that multiply are no paths', () => {
  assert.equal(pathsOf('~', `^/${'(a|b)'.repeat(20)}`), undefined);
});
