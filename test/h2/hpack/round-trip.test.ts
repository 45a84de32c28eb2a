// Properties of one encoder and one decoder joined: lists survive, and both tables stay equal whatever happens.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { HpackDecoder } from '../../../src/h2/hpack/decoder.ts';
import { HpackEncoder } from '../../../src/h2/hpack/encoder.ts';
import { HeaderList } from '../../../src/h2/hpack/header-list.ts';

interface FieldSpec {
  readonly name: string;
  readonly value: string;
  readonly neverIndexed: boolean;
}

const latin1 = (maxLength: number): fc.Arbitrary<string> =>
  fc.uint8Array({ maxLength }).map((bytes) => Buffer.from(bytes).toString('latin1'));

// Few names and few values, so that fields repeat, enter the table and leave it again.
const name = fc.oneof(
  fc.constantFrom(
    ':method',
    ':path',
    'te',
    'user-agent',
    'x-request-id',
    'cookie',
    'authorization',
    'x-a',
    'x-b',
  ),
  latin1(40),
);
const value = fc.oneof(
  fc.constantFrom('', 'GET', '/', 'trailers', '1', '2', '3', 'v'.repeat(30), 'w'.repeat(200)),
  latin1(60),
);
const field: fc.Arbitrary<FieldSpec> = fc.record({
  name,
  value,
  neverIndexed: fc.integer({ max: 9, min: 0 }).map((number) => number === 0),
});
const list = fc.array(field, { maxLength: 8 }).map((fields) => {
  const made = new HeaderList();
  for (const each of fields) made.add(each.name, each.value, each.neverIndexed);
  return made;
});

/** A step resizes the table, or sends one of the lists (by number: again and again the same objects). */
type Step = { readonly resizeTo: readonly number[] } | { readonly send: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 1, arbitrary: fc.record({ resizeTo: fc.array(fc.nat(5_000), { minLength: 1, maxLength: 3 }) }) },
  { weight: 12, arbitrary: fc.record({ send: fc.nat(9) }) },
);

function sameFields(actual: HeaderList, expected: HeaderList): void {
  assert.deepEqual(actual.names, expected.names);
  assert.deepEqual(actual.values, expected.values);
  assert.equal(actual.sizeBytes, expected.sizeBytes);
  assert.equal(actual.overflowedAt, undefined);
  for (const [position, isNeverIndexed] of expected.neverIndexed.entries()) {
    if (isNeverIndexed) assert.equal(actual.neverIndexed[position], true);
  }
}

test('any lists round-trip through changes of the table size, and both tables stay equal', () => {
  const lists = fc.array(list, { minLength: 10, maxLength: 10 });
  const steps = fc.array(step, { minLength: 5, maxLength: 60 });
  fc.assert(
    fc.property(lists, steps, (made, taken) => {
      const encoder = new HpackEncoder();
      const decoder = new HpackDecoder({
        maxTableSizeBytes: 4_096,
        maxListSizeBytes: 65_536,
        maxFields: 100,
      });
      for (const each of taken) {
        if ('send' in each) {
          const { bytes, length } = encoder.encode(made[each.send]);
          sameFields(decoder.decode(bytes, 0, length), made[each.send]);
          assert.deepEqual(decoder.table.entries(), encoder.table.entries());
          assert.equal(decoder.table.maxSizeBytes, encoder.table.maxSizeBytes);
          continue;
        }
        for (const bytes of each.resizeTo) {
          decoder.setMaxTableSize(bytes);
          encoder.setPeerMaxTableSize(bytes);
        }
      }
    }),
    { seed: 7541, numRuns: 400 },
  );
});

test('a small table under pressure for many blocks stays equal on both sides', () => {
  const encoder = new HpackEncoder({ maxTableSizeBytes: 300 });
  const decoder = new HpackDecoder({ maxTableSizeBytes: 4_096, maxListSizeBytes: 65_536, maxFields: 100 });
  let random = 7_541;
  const next = (below: number): number => {
    random = (Math.imul(random, 1_103_515_245) + 12_345) & 0x7fffffff;
    return (random >>> 8) % below;
  };
  let changes = 0;
  for (let block = 0; block < 20_000; block++) {
    // The fields in fashion change every 2,000 blocks, so that older entries fall out of use and are evicted.
    const fashion = Math.floor(block / 2_000) * 3;
    const sent = HeaderList.of(
      [':path', `/${fashion + next(6)}`],
      [`x-${fashion + next(3)}`, String(next(3))],
    );
    const { generation } = encoder;
    const { bytes, length } = encoder.encode(sent);
    assert.deepEqual(decoder.decode(bytes, 0, length).values, sent.values);
    if (generation === encoder.generation) continue;
    changes++;
    assert.deepEqual(decoder.table.entries(), encoder.table.entries());
  }
  assert.ok(changes > 20, `${changes} changes`);
});
