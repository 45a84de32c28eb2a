// What waits comes out once, in order, however it was cut on its way in and however little is taken at a time.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { PendingData } from '../../src/relay/pending-data.ts';
import { msSince } from '../../src/transport/turn-clock.ts';

function append(pending: PendingData, text: string): void {
  const bytes = Buffer.from(text, 'latin1');
  pending.append(bytes, 0, bytes.length);
}

/** Takes up to `most` bytes. */
function take(pending: PendingData, most = Number.POSITIVE_INFINITY): string {
  let taken = '';
  pending.drain((bytes, start, end) => {
    const size = Math.min(end - start, most - taken.length);
    taken += bytes.toString('latin1', start, start + size);
    return size;
  });
  return taken;
}

test('pieces come out in the order they came in, as one', () => {
  const pending = new PendingData();
  for (const piece of ['one ', '', 'two ', 'three']) append(pending, piece);
  assert.equal(pending.size, 13);
  assert.equal(take(pending), 'one two three');
  assert.equal(pending.size, 0);
  assert.equal(take(pending), '');
});

test('only the stretch that is named is kept, and as a copy', () => {
  const pending = new PendingData();
  const bytes = Buffer.from('..data..');
  pending.append(bytes, 2, 6);
  bytes.fill('x');
  assert.equal(take(pending), 'data');
});

test('what is not taken stays in front of what comes after', () => {
  const pending = new PendingData();
  append(pending, 'abcdef');
  assert.equal(take(pending, 2), 'ab');
  assert.equal(take(pending, 0), '');
  append(pending, 'ghi');
  assert.equal(pending.size, 7);
  assert.equal(take(pending, 5), 'cdefg');
  assert.equal(take(pending), 'hi');
});

test('nothing is offered when nothing is held', () => {
  const pending = new PendingData();
  pending.drain(() => assert.fail('there is nothing to take'));
  append(pending, 'x');
  take(pending);
  pending.drain(() => assert.fail('there is nothing to take any more'));
});

test('it stops asking when less is taken than was offered', () => {
  const pending = new PendingData();
  append(pending, 'x'.repeat(40_000));
  let offers = 0;
  pending.drain((_bytes, start, end) => {
    offers++;
    return end - start - 1;
  });
  assert.equal(offers, 1);
});

test('only the last offer is said to be the last', () => {
  const pending = new PendingData();
  append(pending, 'x'.repeat(40_000));
  const claims: boolean[] = [];
  pending.drain((_bytes, start, end, isLast) => {
    claims.push(isLast);
    return end - start;
  });
  assert.ok(claims.length > 1);
  assert.deepEqual(claims, [...claims.slice(1).fill(false), true]);
});

test('small pieces share blocks that grow with what is held, up to 16 KiB', () => {
  const pending = new PendingData();
  for (let index = 0; index < 60_000; index++) append(pending, 'x');
  const sizes: number[] = [];
  pending.drain((bytes, start, end) => {
    sizes.push(bytes.length);
    return end - start;
  });
  assert.deepEqual(sizes, [512, 1024, 2048, 4096, 8192, 16_384, 16_384, 16_384]);
});

test('a single byte keeps no large block alive', () => {
  const pending = new PendingData();
  append(pending, 'x');
  pending.drain((bytes) => {
    assert.equal(bytes.length, 512);
    assert.equal(bytes.buffer.byteLength, 512, 'not a slice of a pool');
    return 1;
  });
});

test('it behaves like a plain array, whatever is appended and taken', () => {
  const step = fc.oneof(
    fc.record({ append: fc.nat(3000) }),
    fc.record({ append: fc.constantFrom(0, 1, 511, 512, 513, 16_384, 40_000) }),
    fc.record({ take: fc.nat(5000) }),
    fc.record({ take: fc.constantFrom(0, 512, 1024, 100_000) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const pending = new PendingData();
      let model = '';
      let next = 0;
      for (const each of steps) {
        if ('append' in each) {
          const text = Array.from({ length: each.append }, () => String.fromCharCode(next++ % 251)).join('');
          append(pending, text);
          model += text;
        } else {
          assert.equal(take(pending, each.take), model.slice(0, each.take));
          model = model.slice(each.take);
        }
        assert.equal(pending.size, model.length);
      }
      assert.equal(take(pending), model);
    }),
    { numRuns: 100 },
  );
});

test('a piece can be taken as it is, and what is pending can be looked at without taking it', () => {
  const pending = new PendingData();
  const piece = Buffer.from('a whole piece');
  pending.adopt(piece);
  assert.equal(pending.pieces[0].buffer, piece.buffer, 'not a copy');
  assert.equal(take(pending, 2), 'a ');
  append(pending, ' and more');
  assert.equal(Buffer.concat(pending.pieces).toString(), 'whole piece and more');
  assert.equal(pending.size, 20);
  assert.equal(take(pending), 'whole piece and more');
  assert.deepEqual(pending.pieces, []);
});

/** @returns the time, at least three milliseconds later */
function later(): number {
  const untilMs = performance.now() + 3;
  while (performance.now() < untilMs);
  return performance.now();
}

test('the oldest bytes have a time: never earlier than they came, and at most a block late', () => {
  const pending = new PendingData();
  assert.equal(pending.oldestStamp, undefined);
  const block = 'x'.repeat(16_384);
  append(pending, block);
  const secondMs = later();
  append(pending, block);
  const afterMs = later();
  assert.ok(msSince(pending.oldestStamp ?? 0, afterMs) > msSince(Math.ceil(secondMs) | 0, afterMs));
  take(pending, block.length - 1);
  assert.ok(msSince(pending.oldestStamp ?? 0, afterMs) > msSince(Math.ceil(secondMs) | 0, afterMs));
  take(pending, 1);
  assert.ok(msSince(pending.oldestStamp ?? 0, afterMs) <= msSince(Math.floor(secondMs) | 0, afterMs));
  append(pending, 'y');
  take(pending);
  assert.equal(pending.oldestStamp, undefined);
  const again = later();
  append(pending, 'z');
  assert.equal(msSince(pending.oldestStamp ?? 0, again), 0);
  take(pending);
  pending.adopt(Buffer.from('zz'));
  assert.equal(msSince(pending.oldestStamp ?? 0, again), 0);
  take(pending);
  assert.equal(pending.oldestStamp, undefined);
});
