// Judges messages by their prefixes, whatever has come and may pass: see LengthMeter.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { PREFIX_BYTES } from '../../src/grpc/message-cursor.ts';
import { framed } from '../../src/grpc/message-reader.ts';
import { LengthMeter } from '../../src/relay/flow-meters.ts';

interface Step {
  /** How many more bytes come. */
  readonly comes: number;
  /** How many of those that have come may pass. */
  readonly mayPass: number;
  /** What the judge says to the first message that it is asked about, and to all after that. */
  readonly says: readonly [boolean, boolean];
}

/** Messages, and what the meter says of them. */
class Judged {
  readonly #lengths: readonly number[];
  readonly #bytes: Buffer;
  /** The index before which each message begins, and where the last one ends. */
  readonly #begins: readonly number[];
  readonly #meter = new LengthMeter((length) => this.#judge(length));
  #comeBytes = 0;
  #passedBytes = 0;
  /** How many messages may pass. */
  #judged = 0;
  #answers: boolean[] = [];
  #isRefused = false;

  constructor(lengths: readonly number[]) {
    this.#lengths = lengths;
    this.#bytes = Buffer.concat(lengths.map((length) => framed(Buffer.alloc(length, 0xff))));
    let end = 0;
    this.#begins = [0, ...lengths.map((length) => (end += PREFIX_BYTES + length))];
  }

  get isOver(): boolean {
    return this.#passedBytes === this.#bytes.length;
  }

  #judge(length: number): boolean {
    assert.equal(this.#isRefused, false, 'nothing is judged behind what may not pass');
    assert.equal(length, this.#lengths[this.#judged]);
    const isGood = this.#answers.shift() ?? true;
    if (isGood) this.#judged++;
    else this.#isRefused = true;
    return isGood;
  }

  offers({ comes, mayPass, says: [first, others] }: Step): void {
    const { length } = this.#bytes;
    const start = this.#passedBytes;
    this.#comeBytes = Math.min(length, this.#comeBytes + comes);
    const end = Math.min(this.#comeBytes, start + mayPass);
    this.#isRefused = false;
    this.#answers = [first, ...Array.from(this.#lengths, () => others)];
    this.#passedBytes = this.#meter.scan(this.#bytes, start, end, this.#comeBytes);
    const begin = this.#begins[this.#judged];
    if (this.#isRefused) {
      assert.equal(this.#passedBytes, Math.max(start, begin), 'nothing passes of what may not');
      assert.equal(begin < end, true, 'and it is judged only when its first byte could pass');
    } else {
      assert.equal(this.#passedBytes, end);
      const isWhole = begin < length && begin + PREFIX_BYTES <= this.#comeBytes;
      assert.equal(
        isWhole && Math.max(start, begin) < end,
        false,
        'what passes is judged first if its prefix has come',
      );
      assert.equal(this.#judged === 0 || this.#begins[this.#judged - 1] < end, true);
    }
    assert.equal(this.#meter.missingBytes, Math.max(0, begin - this.#passedBytes));
  }
}

test('each message is judged once by its length, before its first byte passes if its prefix has come', () => {
  const step = fc.record({
    comes: fc.integer({ min: 0, max: 12 }),
    mayPass: fc.integer({ min: 0, max: 9 }),
    says: fc.tuple(fc.boolean(), fc.boolean()),
  });
  const lengths = fc.array(fc.integer({ min: 0, max: 7 }), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(lengths, fc.array(step, { maxLength: 60 }), (of, steps) => {
      const judged = new Judged(of);
      for (const one of steps) judged.offers(one);
      judged.offers({ comes: 1000, mayPass: 1000, says: [true, true] });
      assert.equal(judged.isOver, true);
    }),
    { numRuns: 500 },
  );
});
