// Which targets are sent on: those that no service refuses.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { faultOfPath } from '../../src/relay/request-path.ts';

test('what services take is passed on, whether or not it should be encoded', () => {
  for (const target of [
    '/',
    '*',
    '/a.B/C',
    '/a/../b%20c?x=1&y=[]{}|\\^`',
    '/a?b=100%&c=%zz',
    '/{"a":[1]}|x^y\\z',
    '/caf\u00c3\u00a9?q=\u00c3\u00a9',
  ])
    assert.equal(faultOfPath(target), undefined, target);
});

test('what a service refuses is not sent on', () => {
  const cases: readonly (readonly [target: string, fault: RegExp])[] = [
    ['/a<b', /must be percent-encoded/],
    ['/a>b', /must be percent-encoded/],
    ['/a`b', /must be percent-encoded/],
    ['/a?b="c"', /must be percent-encoded/],
    ['/a?b=<c>', /must be percent-encoded/],
    ['/a%', /two hexadecimal digits/],
    ['/a%2', /two hexadecimal digits/],
    ['/a%zz/b', /two hexadecimal digits/],
    ['/a%00b', /NUL/],
    ['/a\u00ff', /no UTF-8/],
    ['/a?b=\u00ff', /no UTF-8/],
  ];
  for (const [target, fault] of cases) assert.match(faultOfPath(target) ?? 'nothing wrong', fault, target);
});
