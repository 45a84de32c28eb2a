// Differences between configurations in the words of whoever has written them.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { shownChange } from '../../dashboard/model/shown-change.ts';

test('what it is about, the key and the values are as in the file', () => {
  for (const [change, shown] of [
    [{ path: 'drain.timeout', before: '0s', after: '7s' }, ['', 'drain.timeout', 'changed', '0s', '7s']],
    [
      { path: 'upstreams.voice.retry.attempts', before: '2', after: '3' },
      ['upstream voice', 'retry.attempts', 'changed', '2', '3'],
    ],
    [
      { path: 'routes["GET /a.\\"b"].timeouts.idle', after: '90m' },
      ['route GET /a."b', 'timeouts.idle', 'added', undefined, '90m'],
    ],
    [
      { path: 'upstreams.voice.endpoints["10.0.6.3:50051"]', before: 'weight: 1' },
      ['upstream voice', 'endpoints.10.0.6.3:50051', 'removed', 'weight: 1', undefined],
    ],
    [
      { path: 'routes.web', after: 'match:\n  path: /*' },
      ['route web', '', 'added', undefined, 'match:\n  path: /*'],
    ],
    [
      { path: 'stores.fleet.failure', before: 'a', after: 'b' },
      ['store fleet', 'failure', 'changed', 'a', 'b'],
    ],
    [{ path: 'log.file', before: '"/a', after: 'null' }, ['', 'log.file', 'changed', '"/a', 'null']],
    [{ path: 'listeners', before: '[1]', after: '[2]' }, ['', 'listeners', 'changed', '[1]', '[2]']],
    [{ path: 'routes[4].match', after: '1' }, ['route 4', 'match', 'added', undefined, '1']],
  ] as const) {
    const { subject, key, kind, before, after } = shownChange(change);
    assert.deepEqual([subject, key, kind, before, after], shown, change.path);
  }
});

test('a path that is no path is shown as it is', () => {
  for (const path of ['', '"', '[[', '][', '...']) assert.equal(typeof shownChange({ path }).key, 'string');
});
