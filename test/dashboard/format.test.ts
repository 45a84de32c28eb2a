// How figures are written on the page.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  counted,
  formatAge,
  formatBytes,
  formatMs,
  formatPercentile,
  formatRate,
  formatShare,
} from '../../dashboard/model/format.ts';

test('rates have as many digits as say something, and are never 0 if something happens', () => {
  assert.deepEqual([0, 0.001, 0.44, 9.96, 42.4, 1234.5].map(formatRate), [
    '0',
    '<0.1',
    '0.4',
    '10.0',
    '42',
    '1,235',
  ]);
});

test('sizes and shares have a unit', () => {
  assert.deepEqual([0, 999, 1000, 1536, 2 ** 20 * 150, 2 ** 40].map(formatBytes), [
    '0 B',
    '999 B',
    '1.0 KiB',
    '1.5 KiB',
    '150 MiB',
    '1.0 TiB',
  ]);
  assert.deepEqual([0, 0.0001, 0.012, 0.5].map(formatShare), ['0 %', '<0.1 %', '1.2 %', '50 %']);
});

test('times have the two largest units', () => {
  assert.deepEqual([-5, 42_000, 185_000, 7_800_000, 349_200_000].map(formatAge), [
    '0 s',
    '42 s',
    '3 min 5 s',
    '2 h 10 min',
    '4 d 1 h',
  ]);
  assert.deepEqual([undefined, 0.42, 12.3, 1300, 61_000].map(formatMs), [
    '–',
    '0.4 ms',
    '12 ms',
    '1.3 s',
    '1 min 1 s',
  ]);
});

test('one is not many', () => {
  assert.deepEqual(
    [counted(0, 'call'), counted(1, 'call'), counted(1200, 'call')],
    ['0 calls', '1 call', '1,200 calls'],
  );
  assert.equal(counted(2, 'process', 'processes'), '2 processes');
});

test('a percentile of which only a lower bound is known says so', () => {
  assert.deepEqual([undefined, 0.4, 59_999, 60_000, 300_000].map(formatPercentile), [
    '–',
    '0.4 ms',
    '59 s',
    '≥ 1 min',
    '≥ 5 min',
  ]);
});
