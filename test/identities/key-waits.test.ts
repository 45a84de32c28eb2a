// The places of credentials that wait for newer keys.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KeySets } from '../../src/identities/key-sets.ts';
import { KeyWaits } from '../../src/identities/key-waits.ts';

const MOST_OF_CLIENT = 64;

test('credentials that stop waiting give their place back once, whether the keys have come or not', () => {
  let nowMs = 0;
  const sets = new KeySets(() => nowMs);
  const waits = new KeyWaits(sets.of('keys'));
  let told = 0;
  const begin = (): ReturnType<KeyWaits['begin']> => waits.begin('client', () => void told++);
  const stop = begin();
  const given = begin();
  assert.ok(typeof stop === 'function' && typeof given === 'function');
  given();
  sets.update({ source: 'keys', keys: [] });
  assert.equal(told, 1);
  nowMs += 30_000;
  for (let count = 0; count < MOST_OF_CLIENT; count++) assert.equal(typeof begin(), 'function', `${count}`);
  for (const leave of [stop, stop, given]) leave();
  assert.equal(begin(), 'full', 'the places of the others are taken still');
});
