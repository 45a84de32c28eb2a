import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SUSPECT_FOR_MS, Suspects } from '../../src/workers/suspects.ts';

test('an address is a suspect for ten minutes after the last worker that died by it', () => {
  let nowMs = 0;
  const suspects = new Suspects(() => nowMs);
  assert.equal(suspects.isAny, false);
  suspects.note('192.0.2.1');
  nowMs += SUSPECT_FOR_MS - 1;
  assert.ok(suspects.has('192.0.2.1') && suspects.isAny);
  suspects.note('192.0.2.1');
  nowMs += SUSPECT_FOR_MS - 1;
  assert.ok(suspects.has('192.0.2.1'));
  assert.equal(suspects.has('192.0.2.2'), false);
  assert.equal(suspects.has(undefined), false);
  nowMs += 1;
  assert.equal(suspects.has('192.0.2.1'), false);
  assert.equal(suspects.isAny, false);
});

test('of many suspects the latest 1,024 are remembered', () => {
  const suspects = new Suspects(() => 0);
  for (let host = 0; host < 1025; host++) suspects.note(`host ${host}`);
  assert.equal(suspects.has('host 0'), false);
  assert.ok(suspects.has('host 1') && suspects.has('host 1024'));
});
