// The calls in flight, read page by page.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readLiveCalls, searchOf } from '../../dashboard/model/live-calls.ts';

const query = { blocked: '', sort: 'silent', method: '' } as const;

test('as many pages are read as are wanted, and a call that is on two of them is there once', async () => {
  const asked: string[] = [];
  const pages = [
    { exchanges: [{ id: 'a' }, { id: 'b' }], next: 'place' },
    { exchanges: [{ id: 'b' }, { id: 'c' }], next: 'other' },
    { exchanges: [{ id: 'd' }] },
  ];
  const fetch = async (url: string) => {
    asked.push(url);
    return Response.json({ total: 9, matching: 5, ...pages[asked.length - 1] });
  };
  const { calls, total, matching } = await readLiveCalls(query, 2500, { fetch, token: () => undefined });
  assert.deepEqual(
    calls.map(({ id }) => id),
    ['a', 'b', 'c', 'd'],
  );
  assert.deepEqual([total, matching], [9, 5]);
  assert.deepEqual(asked, [
    'api/exchanges?sort=silent&limit=1000',
    'api/exchanges?sort=silent&limit=1000&after=place',
    'api/exchanges?sort=silent&limit=1000&after=other',
  ]);
});

function search(method: string): string {
  return searchOf({ ...query, blocked: 'service', method }, 10);
}

test('a path is taken as the beginning of one, and what it holds cannot become another parameter', () => {
  assert.equal(search(' voice.V '), 'sort=silent&limit=10&blocked=service&method=%2Fvoice.V*');
  assert.equal(search('/a&limit=1#'), 'sort=silent&limit=10&blocked=service&method=%2Fa%26limit%3D1%23*');
});

async function refusing(): Promise<Response> {
  return new Response('this needs the token of admin.token', { status: 401 });
}

test('a refusal is thrown in the words of the proxy', async () => {
  await assert.rejects(
    readLiveCalls(query, 10, { fetch: refusing, token: () => 'x' }),
    /this needs the token/,
  );
});
