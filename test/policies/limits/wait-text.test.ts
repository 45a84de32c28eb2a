import assert from 'node:assert/strict';
import { test } from 'node:test';
import { waitText } from '../../../src/policies/limits/wait-text.ts';

test('a long wait is told in the unit that people use, and never too short', () => {
  for (const [waitMs, text] of [
    [9999, '9999 ms'],
    [10_001, '11 s'],
    [119_999, '120 s'],
    [596_466, '10 minutes'],
    [7_200_001, '3 hours'],
  ] as const)
    assert.equal(waitText(waitMs), text);
});
