// Pages of several processes as one page: in order, with nothing between two pages lost.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LiveExchange } from '../../src/calls/live-exchange.ts';
import {
  comparePlaces,
  type LivePart,
  type LivePlace,
  type LiveQuery,
  mergeLiveParts,
  placeOfCursor,
} from '../../src/calls/live-query.ts';
import { standIn } from '../support/stand-in.ts';

function idOf(number: number): string {
  return number.toString(16).padStart(32, '0');
}

/** What a process answers that has calls at these places. @param isGone calls that end while the answer is made */
function partOf(
  places: readonly LivePlace[],
  { limit, after }: LiveQuery,
  isGone: (place: LivePlace) => boolean = () => false,
): LivePart {
  const behind = places
    .filter((place) => after === undefined || comparePlaces(place, after) > 0)
    .toSorted(comparePlaces);
  const chosen = behind.slice(0, limit);
  const page = chosen.filter((place) => !isGone(place));
  return {
    total: places.length + 1,
    matching: places.length,
    exchanges: page.map(({ id }) => standIn<LiveExchange>({ id })),
    keys: page.map(({ key }) => key),
    end: behind.length > limit ? chosen.at(-1) : undefined,
  };
}

function readAll(
  processes: readonly (readonly LivePlace[])[],
  limit: number,
  isGone?: (place: LivePlace) => boolean,
): readonly string[] {
  const ids: string[] = [];
  let after: LivePlace | undefined;
  for (;;) {
    const query: LiveQuery = { sort: 'age', limit, after };
    const page = mergeLiveParts(
      processes.map((places) => partOf(places, query, isGone)),
      query,
    );
    ids.push(...page.exchanges.map(({ id }) => id));
    assert.ok(page.exchanges.length <= limit);
    if (page.next === undefined) return ids;
    after = placeOfCursor(page.next, 'age');
    assert.ok(after !== undefined, page.next);
  }
}

test('the pages of three processes together have each call once, in order', () => {
  // Many calls have the same key.
  const places = Array.from({ length: 300 }, (_, number) => ({
    key: 1_767_225_600_000 + (number % 7) / 4,
    id: idOf((number * 7919) % 300),
  }));
  const processes = [0, 1, 2].map((process) => places.filter((_, number) => number % 3 === process));
  const wanted = places.toSorted(comparePlaces).map(({ id }) => id);
  for (const limit of [1, 7, 100, 299, 300, 1000]) assert.deepEqual(readAll(processes, limit), wanted);
});

/** Nearly all calls of the process with the even keys, so that its pages are much shorter than those of the other. */
function hasEnded({ key }: LivePlace): boolean {
  return key % 2 === 0 && key % 50 !== 0;
}

test('calls that end while a page is made take no others with them, not even all of a page', () => {
  const places = Array.from({ length: 300 }, (_, number) => ({ key: number, id: idOf(number) }));
  const processes = [0, 1].map((process) => places.filter((_, number) => number % 2 === process));
  const wanted = places.filter((place) => !hasEnded(place)).map(({ id }) => id);
  for (const limit of [1, 3, 10, 100]) assert.deepEqual(readAll(processes, limit, hasEnded), wanted);
});

test('counts are added, and the last page says that it is the last', () => {
  const query: LiveQuery = { sort: 'age', limit: 2 };
  const one = partOf([{ key: 2, id: idOf(1) }], query);
  const page = mergeLiveParts([one, partOf([{ key: 1, id: idOf(2) }], query)], query);
  assert.deepEqual([page.total, page.matching, page.next], [4, 2, undefined]);
  assert.deepEqual(
    page.exchanges.map(({ id }) => id),
    [idOf(2), idOf(1)],
  );
  assert.equal(mergeLiveParts([one, one], { ...query, limit: 1 }).next, `age:2:${idOf(1)}`);
  assert.deepEqual(mergeLiveParts([], query), { total: 0, matching: 0, exchanges: [] });
});
