// How answers of several processes about their connections become one.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  mergeListenerCalls,
  mergeSocketPages,
  type SocketPage,
  type SocketReport,
} from '../../src/calls/socket-report.ts';

const report: SocketReport = {
  id: 1,
  name: 'a:1',
  state: 'ready',
  isClient: false,
  streamsStarted: 1,
  streamsFailed: 0,
  streamsOpen: 0,
  pingsSent: 0,
  sendWindow: 1,
  receiveWindow: 1,
};

function page(ids: readonly number[], hasMore = false): SocketPage {
  return { sockets: ids.map((id) => ({ ...report, id })), hasMore };
}

const merges: readonly (readonly [
  name: string,
  pages: readonly SocketPage[],
  ids: readonly number[],
  more: boolean,
])[] = [
  ['one after the other, by their identifiers', [page([7, 8]), page([1])], [1, 7, 8], false],
  ['with more than fit', [page([1, 2]), page([5, 6])], [1, 2, 5], true],
  ['with a page that has left some out', [page([1], true), page([])], [1], true],
  ['of nobody', [], [], false],
];
for (const [name, pages, ids, more] of merges) {
  test(`pages are merged ${name}`, () => {
    const merged = mergeSocketPages(pages, { of: 'listener', listener: 'main', from: 0, limit: 3 });
    assert.deepEqual([merged.sockets.map(({ id }) => id), merged.hasMore], [ids, more]);
  });
}

test('the calls of a listener are added up', () => {
  const one = [{ listener: 'main', succeeded: 1, failed: 2 }];
  const other = [
    { listener: 'tls', succeeded: 5, failed: 0 },
    { listener: 'main', succeeded: 10, failed: 20 },
  ];
  assert.deepEqual(mergeListenerCalls([one, other]), [
    { listener: 'main', succeeded: 11, failed: 22 },
    { listener: 'tls', succeeded: 5, failed: 0 },
  ]);
});
