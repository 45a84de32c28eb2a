import assert from 'node:assert/strict';
import { test } from 'node:test';
import { counted } from '../../src/config/counted.ts';

test('one is singular, all else plural, and what is no number a question mark', () => {
  assert.deepEqual(
    [
      counted(1, 'call'),
      counted(0, 'call'),
      counted(2, 'process'),
      counted(2, 'address'),
      counted(Number.NaN, 'call'),
    ],
    ['1 call', '0 calls', '2 processes', '2 addresses', '? calls'],
  );
});
