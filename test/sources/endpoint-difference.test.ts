// Lists of endpoints that are as long as the ones before, and yet others.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { endpointAt } from '../../src/config/endpoint-update.ts';
import type { Logger } from '../../src/observability/logger.ts';
import { ApiEndpoints } from '../../src/sources/api-endpoints.ts';
import { endpointDifference } from '../../src/sources/endpoint-difference.ts';
import { silentLogger } from '../support/silent-logger.ts';

function listOf(...names: readonly string[]) {
  return names.map((name) => endpointAt({ kind: 'unix', path: `/${name}`, text: name }));
}

test('endpoints that took the place of others are named, and their order does not matter', () => {
  assert.deepEqual(endpointDifference(listOf('a', 'b'), listOf('c', 'b')), {
    isNone: false,
    added: ['c'],
    removed: ['a'],
  });
  assert.equal(endpointDifference(listOf('a', 'b'), listOf('b', 'a')).isNone, true);
  const heavier = listOf('a').map((state) => ({ ...state, weight: 2 }));
  assert.deepEqual(endpointDifference(listOf('a'), heavier), { isNone: false, added: [], removed: [] });
});

test('of many endpoints the first ten are named, and the others counted', () => {
  const many = listOf(...Array.from({ length: 12 }, (_one, index) => `e${index}`));
  const { added, removed } = endpointDifference([], many);
  assert.deepEqual([added.length, added.at(-2), added.at(-1), removed], [11, 'e9', 'and 2 more', []]);
});

test('what the admin API sets is told where it is other than before, and what it withdrew is said of the upstream', (t) => {
  const lines: string[] = [];
  const say =
    (level: string): Logger['info'] =>
    ({ added, removed }) =>
      lines.push(`${level} ${JSON.stringify([added, removed])}`);
  const logger: Logger = { ...silentLogger, info: say('info'), debug: say('debug') };
  const endpoints = new ApiEndpoints(logger, () => undefined);
  t.after(() => endpoints.close());
  endpoints.use(new Set(['voice']));
  assert.match(endpoints.named('voice').whyNone?.sentence ?? '', /none has been set for it yet/);
  endpoints.set('voice', listOf('a', 'b'), undefined);
  endpoints.set('voice', listOf('a', 'b'), undefined);
  endpoints.set('voice', listOf('c', 'b'), undefined);
  assert.deepEqual(lines, ['info [["a","b"],[]]', 'debug [null,null]', 'info [["c"],["a"]]']);
  endpoints.withdraw('voice');
  assert.match(
    endpoints.named('voice').whyNone?.sentence ?? '',
    /^Upstream voice has no endpoint: those set for it were withdrawn at 20\d\d-/,
  );
  endpoints.set('voice', listOf('a'), undefined);
  assert.equal(endpoints.named('voice').whyNone, undefined);
});
