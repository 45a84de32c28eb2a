// Blocks that begin as the one before them: nobody can tell what was taken over from what was decoded and checked anew.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { StreamError } from '../../../src/h2/errors.ts';
import { checkRequest } from '../../../src/h2/header-rules.ts';
import { HpackDecoder } from '../../../src/h2/hpack/decoder.ts';
import type { HeaderList } from '../../../src/h2/hpack/header-list.ts';

/** Representations as clients write them; `text` of strings without Huffman coding. */
type Part =
  | { readonly kind: 'indexed'; readonly index: number }
  | { readonly kind: 'literal'; readonly pattern: number; readonly name: string; readonly value: string }
  | { readonly kind: 'size'; readonly bytes: number };

const POST_HTTPS_ROOT: readonly Part[] = [3, 7, 4].map((index) => ({ kind: 'indexed', index }));
const AUTHORITY: Part = { kind: 'literal', pattern: 0x00, name: ':authority', value: 'a' };
let calls = 0;

function bytesOf(part: Part): Buffer {
  if (part.kind === 'indexed') return Buffer.from([0x80 | part.index]);
  if (part.kind === 'size') return Buffer.from([0x20 | part.bytes]);
  const [name, value] = [Buffer.from(part.name, 'latin1'), Buffer.from(part.value, 'latin1')];
  return Buffer.concat([Buffer.from([part.pattern, name.length]), name, Buffer.from([value.length]), value]);
}

function blockOf(parts: readonly Part[]): Buffer {
  return Buffer.concat(parts.map(bytesOf));
}

function newDecoder(): HpackDecoder {
  return new HpackDecoder({ maxTableSizeBytes: 4096, maxListSizeBytes: 700, maxFields: 9 });
}

/** Everything that is to be known of a list, and what the rules say of it. */
function judged(list: HeaderList): unknown {
  let violation = '';
  if (list.overflowedAt === undefined) {
    try {
      checkRequest(list, 1);
    } catch (error) {
      assert.ok(error instanceof StreamError);
      violation = error.token;
    }
  }
  const { names, values, sizeBytes, neverIndexed, overflowedAt, contentLength, obeys } = list;
  return {
    names,
    values,
    sizeBytes,
    neverIndexed,
    overflowedAt,
    violation,
    ...(violation === '' && { contentLength, obeys }),
  };
}

function decodedBy(decoder: HpackDecoder, block: Buffer): unknown {
  try {
    return judged(decoder.decode(block, 0, block.length));
  } catch (error) {
    return String(error);
  }
}

const part: fc.Arbitrary<Part> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc
      .constantFrom(2, 3, 4, 5, 6, 7, 16, 31, 58, 62, 63, 64)
      .map((index): Part => ({ kind: 'indexed', index })),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('literal' as const),
      pattern: fc.constantFrom(0x00, 0x00, 0x00, 0x40, 0x10),
      name: fc.constantFrom(
        'traceparent',
        'x-a',
        'x-b',
        'te',
        'content-length',
        ':authority',
        'X-Upper',
        'connection',
      ),
      value: fc.oneof(
        fc.constantFrom('1', ' 1', 'trailers', '2, 2', '\0', '\xff', 'v'.repeat(120)),
        fc.string({ maxLength: 20 }),
      ),
    }),
  },
  { weight: 1, arbitrary: fc.constantFrom(0, 30).map((bytes): Part => ({ kind: 'size', bytes })) },
);

test('a connection that takes over beginnings decodes and judges as one that never does', () => {
  // A few blocks that come again and again, each with literals that are new.
  const heads = fc.array(fc.array(part, { maxLength: 5 }), { minLength: 1, maxLength: 3 });
  const order = fc.array(fc.tuple(fc.nat(2), fc.boolean(), fc.array(part, { maxLength: 2 })), {
    maxLength: 12,
  });
  fc.assert(
    fc.property(heads, order, fc.boolean(), (beginnings, sequence, isWellFormed) => {
      const one = newDecoder();
      const other = newDecoder();
      for (const [which, hasTrace, rest] of sequence) {
        const beginning = beginnings[which % beginnings.length];
        const trace: Part[] = hasTrace
          ? [{ kind: 'literal', pattern: 0, name: 'traceparent', value: `trace-${++calls}` }]
          : [];
        const parts = [
          ...(isWellFormed ? [...POST_HTTPS_ROOT, AUTHORITY] : []),
          ...beginning,
          ...trace,
          ...rest,
        ];
        const block = blockOf(parts);
        other.forget();
        const decoded = decodedBy(one, block);
        assert.deepEqual(decoded, decodedBy(other, block));
        // A block that cannot be decoded is the connection's last.
        if (typeof decoded === 'string') return;
      }
    }),
    { numRuns: 2000 },
  );
});

test('what the rules have changed in one list is not taken over into the next', () => {
  const decoder = newDecoder();
  const beginning = blockOf([
    ...POST_HTTPS_ROOT,
    { kind: 'literal', pattern: 0x40, name: 'x-a', value: ' padded ' },
  ]);
  const again = blockOf([...POST_HTTPS_ROOT, { kind: 'indexed', index: 62 }]);
  const trace = (): Buffer =>
    blockOf([{ kind: 'literal', pattern: 0, name: 'traceparent', value: `t-${++calls}` }]);
  decoder.decode(beginning, 0, beginning.length);
  for (let round = 0; round < 3; round++) {
    const block = Buffer.concat([again, trace()]);
    const list = decoder.decode(block, 0, block.length);
    assert.equal(list.get('x-a'), ' padded ');
    checkRequest(list, 1);
    assert.equal(list.get('x-a'), 'padded');
  }
});

function inserted(value: string): Part {
  return { kind: 'literal', pattern: 0x40, name: 'x-a', value };
}

test('the same bytes mean something else when the table has changed', () => {
  const decoder = newDecoder();
  const named = (...more: readonly Part[]): HeaderList => {
    const trace: Part = { kind: 'literal', pattern: 0, name: 'traceparent', value: `t-${++calls}` };
    const block = blockOf([...POST_HTTPS_ROOT, { kind: 'indexed', index: 62 }, trace, ...more]);
    return decoder.decode(block, 0, block.length);
  };
  const first = blockOf([...POST_HTTPS_ROOT, inserted('one')]);
  decoder.decode(first, 0, first.length);
  const values = [named(), named(), named(inserted('two')), named(), named()].map((list) => list.get('x-a'));
  assert.deepEqual(values, ['one', 'one', 'one', 'two', 'two']);
});

test('a content-length behind the beginning is that of its own request', () => {
  const decoder = newDecoder();
  const lengths = [true, false, true, false].map((hasLength) => {
    const more: readonly Part[] = hasLength
      ? [{ kind: 'literal', pattern: 0x10, name: 'content-length', value: '5' }]
      : [];
    const trace: Part = { kind: 'literal', pattern: 0, name: 'traceparent', value: `t-${++calls}` };
    const block = blockOf([...POST_HTTPS_ROOT, trace, ...more]);
    const list = decoder.decode(block, 0, block.length);
    checkRequest(list, 1);
    return list.contentLength;
  });
  assert.deepEqual(lengths, [5, -1, 5, -1]);
});

test('a beginning that was refused is refused again', () => {
  const decoder = newDecoder();
  for (let round = 0; round < 3; round++) {
    const block = blockOf([
      { kind: 'indexed', index: 3 },
      { kind: 'literal', pattern: 0, name: 'traceparent', value: `t-${++calls}` },
    ]);
    const list = decoder.decode(block, 0, block.length);
    assert.throws(() => checkRequest(list, 1), { token: 'request_scheme_missing' });
  }
});

function sameBlock(id: number): Buffer {
  return blockOf([
    ...POST_HTTPS_ROOT,
    { kind: 'literal', pattern: 0, name: 'traceparent', value: `same-${id}` },
  ]);
}

test('a list that took over its beginning can be the same list again', () => {
  const decoder = newDecoder();
  decoder.decode(sameBlock(1), 0, sameBlock(1).length);
  const lists = [1, 2, 3].map(() => decoder.decode(sameBlock(2), 0, sameBlock(2).length));
  assert.ok(new Set(lists).size < 3);
  assert.equal(lists[2].get('traceparent'), 'same-2');
});
