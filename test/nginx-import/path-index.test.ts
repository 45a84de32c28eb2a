// The index finds the same patterns as going through all of them.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { array, constantFrom, assert as holds, property, tuple } from 'fast-check';
import { covers } from '../../src/nginx-import/locations.ts';
import { PathIndex } from '../../src/nginx-import/path-index.ts';

const pattern = tuple(array(constantFrom('/', 'a', 'b'), { maxLength: 4 }), constantFrom('', '*')).map(
  ([characters, star]) => `/${characters.join('')}${star}`,
);

test('the patterns that match all of a pattern, and those that it matches, are found', () => {
  holds(
    property(array(pattern, { maxLength: 12 }), pattern, (patterns, asked) => {
      const index = new PathIndex<string>();
      for (const one of patterns) index.add(one, one);
      const wide = patterns.filter((one) => covers(one, asked));
      const narrow = patterns.filter((one) => covers(asked, one));
      assert.deepEqual(index.covering(asked).toSorted(), wide.toSorted());
      assert.deepEqual(index.covered(asked).toSorted(), narrow.toSorted());
      const lengths = index.covering(asked).map((one) => one.replace('*', '').length);
      assert.deepEqual(
        lengths,
        lengths.toSorted((one, other) => one - other),
      );
    }),
  );
});

test('a pattern that is added later is found too', () => {
  const index = new PathIndex<number>();
  index.add('/a/b', 1);
  assert.deepEqual(index.covered('/a*'), [1]);
  index.add('/a*', 2);
  assert.deepEqual(index.covered('/a*'), [2, 1]);
});
