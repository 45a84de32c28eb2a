// What log and metrics keep of a request is taken over by those after it on its connection, as long as they would show the same.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RecordParts } from '../../src/relay/record-parts.ts';

const NAMES = { authority: 'a.example', method: '/a.B/C', route: 'calls', upstream: 'service' };

test('they fit a request that is alike in all that is shown', () => {
  assert.equal(new RecordParts(NAMES).fit({ ...NAMES }), true);
});

test('they fit no request that differs in any of it', () => {
  for (const name of Object.keys(NAMES)) {
    assert.equal(new RecordParts(NAMES).fit({ ...NAMES, [name]: 'other' }), false, name);
  }
});
