// The ring gives back the whole of what a call sent, or nothing: never bytes of another call.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { ReplayBuffer } from '../../src/relay/replay-buffer.ts';

const HEADER_BYTES = 8;

function append(ring: ReplayBuffer, previous: number, text: string): number {
  const bytes = Buffer.from(`..${text}.`, 'latin1');
  return ring.append(previous, bytes, 2, 2 + text.length);
}

function read(ring: ReplayBuffer, mark: number): string | undefined {
  const pieces = ring.read(mark);
  return pieces === undefined ? undefined : Buffer.concat(pieces).toString('latin1');
}

test('a call that sent nothing has nothing to replay', () => {
  assert.deepEqual(new ReplayBuffer().read(0), []);
});

test('the records of a call come back oldest first, without those of others', () => {
  const ring = new ReplayBuffer(1024);
  const a1 = append(ring, 0, 'one ');
  const b1 = append(ring, 0, 'other ');
  const a2 = append(ring, a1, 'two ');
  const b2 = append(ring, b1, 'call');
  const a3 = append(ring, a2, 'three');
  assert.equal(read(ring, a3), 'one two three');
  assert.equal(read(ring, b2), 'other call');
  assert.equal(ring.read(a3)?.length, 3);
});

test('what comes back is a copy', () => {
  const ring = new ReplayBuffer(64);
  const mark = append(ring, 0, 'kept');
  const pieces = ring.read(mark);
  append(ring, 0, 'x'.repeat(40));
  append(ring, 0, 'y'.repeat(40));
  assert.equal(pieces?.[0].toString(), 'kept');
});

test('a record that was overwritten is not known any more', () => {
  const ring = new ReplayBuffer(64);
  const old = append(ring, 0, 'a'.repeat(16));
  const newer = append(ring, 0, 'b'.repeat(16));
  append(ring, 0, 'c'.repeat(40));
  assert.equal(read(ring, old), undefined);
  const last = append(ring, 0, 'd'.repeat(56));
  assert.equal(read(ring, newer), undefined);
  assert.equal(read(ring, last), 'd'.repeat(56), 'a record that fills the ring');
});

test('a call of which only the beginning was overwritten is not known any more', () => {
  const ring = new ReplayBuffer(64);
  const first = append(ring, 0, 'a'.repeat(16));
  const second = append(ring, first, 'b'.repeat(16));
  const third = append(ring, second, 'c'.repeat(16));
  assert.equal(read(ring, third), undefined);
});

test('a record stands until the byte at its own beginning is written again', () => {
  const ring = new ReplayBuffer(64);
  append(ring, 0, 'x'.repeat(64 - 2 * HEADER_BYTES));
  const record = append(ring, 0, 'a'.repeat(24));
  append(ring, 0, 'b'.repeat(24));
  assert.equal(read(ring, record), 'a'.repeat(24));
  append(ring, 0, '');
  assert.equal(read(ring, record), undefined);
});

test('marks still lead to the right records after many turns', () => {
  const ring = new ReplayBuffer(256);
  for (let turn = 0; turn < 10_000; turn++) {
    const first = append(ring, 0, `${turn} `);
    const second = append(ring, first, `after ${turn}`);
    assert.equal(read(ring, second), `${turn} after ${turn}`);
  }
});

test('no ring is allocated before there is something to keep, and the usual one holds 4 MiB', () => {
  const ring = new ReplayBuffer();
  const piece = Buffer.alloc(16_384, 'p');
  const first = ring.append(0, piece, 0, piece.length);
  for (let size = 2 * 16_392; size <= 4 * 1024 * 1024 - 16_392; size += 16_392) {
    ring.append(0, piece, 0, piece.length);
  }
  assert.equal(ring.read(first)?.[0].length, 16_384);
});

test('a call is given back whole or not at all, and what is fresh is always known', () => {
  const capacityBytes = 512;
  const step = fc.record({ call: fc.nat(5), length: fc.nat(100) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 150 }), (steps) => {
      const ring = new ReplayBuffer(capacityBytes);
      const calls = new Map<number, { mark: number; text: string; sinceFirstBytes: number }>();
      for (const [index, { call, length }] of steps.entries()) {
        const known = calls.get(call) ?? { mark: 0, text: '', sinceFirstBytes: 0 };
        const text = String.fromCharCode(65 + (index % 57)).repeat(length);
        calls.set(call, { ...known, mark: append(ring, known.mark, text), text: known.text + text });
        for (const [name, other] of calls) {
          calls.set(name, { ...other, sinceFirstBytes: other.sinceFirstBytes + length + HEADER_BYTES });
        }
        for (const { mark, text: whole, sinceFirstBytes } of calls.values()) {
          const found = read(ring, mark);
          if (found !== undefined) assert.equal(found, whole);
          // The end of the ring may be skipped, by less than the largest record.
          if (sinceFirstBytes + 108 <= capacityBytes) assert.notEqual(found, undefined);
        }
      }
    }),
    { numRuns: 100 },
  );
});

test('what was given back is gone, whatever is written after it', () => {
  const ring = new ReplayBuffer(64);
  const before = append(ring, 0, 'before');
  ring.clear();
  assert.equal(ring.read(before), undefined);
  const after = append(ring, 0, 'after');
  assert.equal(ring.read(before), undefined);
  assert.equal(read(ring, after), 'after');
  const more = append(ring, before, 'more');
  assert.equal(ring.read(more), undefined, 'a part of it is gone');
});
