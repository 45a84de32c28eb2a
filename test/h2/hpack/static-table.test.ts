import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  STATIC_BY_NAME,
  STATIC_NAMES,
  STATIC_TABLE_LENGTH,
  STATIC_VALUES,
} from '../../../src/h2/hpack/static-table.ts';

test('the table has the 61 fields of RFC 7541 appendix A', () => {
  assert.equal(STATIC_TABLE_LENGTH, 61);
  const samples = {
    1: ':authority',
    8: ':status',
    16: 'accept-encoding',
    31: 'content-type',
    61: 'www-authenticate',
  };
  for (const [index, name] of Object.entries(samples)) assert.equal(STATIC_NAMES[Number(index)], name);
  assert.equal(STATIC_VALUES[3], 'POST');
  assert.equal(STATIC_VALUES[14], '500');
  assert.equal(STATIC_VALUES[16], 'gzip, deflate');
});

test('every field is found by name and value, and every name by its lowest index', () => {
  for (let index = 1; index <= STATIC_TABLE_LENGTH; index++) {
    const known = STATIC_BY_NAME.get(STATIC_NAMES[index]);
    assert.equal(known?.indexByValue.get(STATIC_VALUES[index]), index);
    assert.equal(known?.index, STATIC_NAMES.indexOf(STATIC_NAMES[index]));
  }
});
