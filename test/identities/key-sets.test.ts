// The sets of keys that identities see.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KeySets } from '../../src/identities/key-sets.ts';

test('a key that is listed again is the same object, so that it is not imported again', () => {
  const sets = new KeySets(() => 0);
  const set = sets.of('a');
  sets.update({ source: 'a', keys: [{ kid: 'one' }, { kid: 'two' }] });
  const [one, two] = set.keys;
  sets.update({ source: 'a', keys: [{ kid: 'three' }, { kid: 'one' }] });
  assert.equal(set.keys[1], one);
  assert.ok(one !== undefined && two !== undefined);
  assert.deepEqual([set.has(one), set.has(two), set.removals], [true, false, 1]);
});

test('a set that is dropped says so to those who have it, and its name begins anew', () => {
  const sets = new KeySets(() => 0);
  const set = sets.of('a');
  sets.update({ source: 'a', keys: [{ kid: 'one' }] });
  sets.update({ source: 'a', keys: [], isDropped: true });
  assert.match(set.whyNone ?? '', /does not name them any more/);
  assert.notEqual(sets.of('a'), set);
  assert.match(sets.of('a').whyNone ?? '', /not been read yet/);
});
