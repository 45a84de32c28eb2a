import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { ErrorCode } from '../../../src/h2/error-codes.ts';
import { ConnectionError } from '../../../src/h2/errors.ts';
import { HpackDecoder, type HpackDecoderOptions } from '../../../src/h2/hpack/decoder.ts';
import type { HeaderList } from '../../../src/h2/hpack/header-list.ts';

function newDecoder(options: Partial<HpackDecoderOptions> = {}): HpackDecoder {
  return new HpackDecoder({
    maxTableSizeBytes: 4_096,
    maxListSizeBytes: 65_536,
    maxFields: 1_000,
    ...options,
  });
}

function decode(decoder: HpackDecoder, hex: string): HeaderList {
  const block = Buffer.from(hex.replaceAll(' ', ''), 'hex');
  return decoder.decode(block, 0, block.length);
}

function refuses(decoder: HpackDecoder, hex: string, token: string): void {
  assert.throws(
    () => decode(decoder, hex),
    (error: unknown) =>
      error instanceof ConnectionError &&
      error.code === ErrorCode.COMPRESSION_ERROR &&
      error.token === token &&
      error.message.includes(token),
  );
}

test('only the bytes from start to end are read', () => {
  const block = Buffer.from('ff828684ff', 'hex');
  assert.deepEqual(newDecoder().decode(block, 1, 4).names, [':method', ':scheme', ':path']);
});

test('an empty block is an empty list', () => {
  assert.equal(decode(newDecoder(), '').length, 0);
});

test('bytes come through as latin1, NUL and 0xff too', () => {
  assert.equal(decode(newDecoder(), '00 01 78 03 00 80 ff').values[0], '\u0000\u0080\u00ff');
});

test('only the never-indexed form marks a field', () => {
  const list = decode(newDecoder(), '82 00 01 61 01 62 10 01 61 01 62 40 01 61 01 62 1f 08 01 62');
  assert.deepEqual(list.neverIndexed, [false, false, true, false, true]);
  assert.equal(list.names[4], 'authorization');
});

test('a name is taken from the table before its entry is evicted for the new one', () => {
  const decoder = newDecoder({ maxTableSizeBytes: 40 });
  decode(decoder, '40 01 61 01 62');
  assert.deepEqual(decode(decoder, '7e 02 63 63').names, ['a']);
  assert.deepEqual(decoder.table.entries(), [['a', 'cc']]);
});

test('hpack_index_zero', () => refuses(newDecoder(), '80', 'hpack_index_zero'));

test('hpack_index_out_of_range: a field', () => {
  refuses(newDecoder(), 'be', 'hpack_index_out_of_range');
  const decoder = newDecoder();
  decode(decoder, '40 01 61 01 62');
  assert.equal(decode(decoder, 'be').names[0], 'a');
  refuses(decoder, 'bf', 'hpack_index_out_of_range');
  refuses(newDecoder(), 'ff ff ff ff 7f', 'hpack_index_out_of_range');
});

test('hpack_index_out_of_range: a name', () => {
  for (const hex of ['7e 01 61', '0f 2f 01 61', '1f 2f 01 61']) {
    refuses(newDecoder(), hex, 'hpack_index_out_of_range');
  }
});

test('hpack_integer_too_long', () => {
  refuses(newDecoder(), 'ff ff ff ff ff 0f', 'hpack_integer_too_long');
  refuses(newDecoder(), '00 7f ff ff ff ff ff ff ff ff 01', 'hpack_integer_too_long');
});

test('hpack_integer_truncated', () => {
  for (const hex of ['ff', 'ff 80', '7f', '3f', '00 7f', '00 01 61 7f ff']) {
    refuses(newDecoder(), hex, 'hpack_integer_truncated');
  }
});

test('hpack_string_truncated', () => {
  for (const hex of [
    '00',
    '40',
    '41',
    '00 01',
    '00 02 61',
    '00 01 61',
    '00 01 61 02 62',
    '00 7f ff ff ff 7f',
  ]) {
    refuses(newDecoder(), hex, 'hpack_string_truncated');
  }
});

test('hpack_huffman_padding', () => refuses(newDecoder(), '00 01 61 81 00', 'hpack_huffman_padding'));

test('hpack_huffman_end_of_string', () => {
  refuses(newDecoder(), '00 01 61 84 ff ff ff ff', 'hpack_huffman_end_of_string');
});

test('hpack_size_update_after_field', () => refuses(newDecoder(), '82 20', 'hpack_size_update_after_field'));

test('hpack_size_update_above_limit', () => {
  refuses(newDecoder(), '3f e2 1f', 'hpack_size_update_above_limit');
  assert.equal(decode(newDecoder(), '3f e1 1f 82').length, 1);
});

test('hpack_size_update_missing', () => {
  const lowered = () => {
    const decoder = newDecoder();
    decode(decoder, '82');
    decoder.setMaxTableSize(100);
    return decoder;
  };
  refuses(lowered(), '82', 'hpack_size_update_missing');
  refuses(lowered(), '', 'hpack_size_update_missing');
  const decoder = lowered();
  decode(decoder, '3f 45 82');
  assert.equal(decoder.table.maxSizeBytes, 100);
  decode(decoder, '82');
});

test('a limit that fell and rose again must be signalled at its lowest', () => {
  const loweredAndRaised = () => {
    const decoder = newDecoder();
    decode(decoder, '40 01 61 01 62');
    decoder.setMaxTableSize(0);
    decoder.setMaxTableSize(4_096);
    return decoder;
  };
  refuses(loweredAndRaised(), '3f e1 1f 82', 'hpack_size_update_above_limit');
  const decoder = loweredAndRaised();
  decode(decoder, '20 3f e1 1f 82');
  assert.equal(decoder.table.length, 0);
  assert.equal(decoder.table.maxSizeBytes, 4_096);
});

test('no size update is due when the peer uses no more than the new limit already', () => {
  const decoder = newDecoder();
  decode(decoder, '3f 45');
  decoder.setMaxTableSize(100);
  assert.equal(decode(decoder, '82').length, 1);
});

test('a higher limit allows a larger table, which the peer has to ask for', () => {
  const decoder = newDecoder();
  decoder.setMaxTableSize(8_192);
  assert.equal(decode(decoder, '82').length, 1);
  assert.equal(decoder.table.maxSizeBytes, 4_096);
  decode(decoder, '3f e1 3f');
  assert.equal(decoder.table.maxSizeBytes, 8_192);
});

test('above maxFields the list names the field that was too many, and the table stays in step', () => {
  const decoder = newDecoder({ maxFields: 2 });
  const list = decode(decoder, '82 86 84 40 01 61 01 62');
  assert.equal(list.overflowedAt, ':path');
  assert.deepEqual(list.names, [':method', ':scheme']);
  assert.deepEqual(decoder.table.entries(), [['a', 'b']]);
  assert.deepEqual(decode(decoder, 'be').names, ['a']);
});

test('maxListSizeBytes is a limit on name, value and 32 bytes per field', () => {
  const twoFields = '82 86';
  const sizeBytes = 7 + 3 + 32 + 7 + 4 + 32;
  assert.equal(decode(newDecoder({ maxListSizeBytes: sizeBytes }), twoFields).overflowedAt, undefined);
  const list = decode(newDecoder({ maxListSizeBytes: sizeBytes - 1 }), twoFields);
  assert.equal(list.overflowedAt, ':scheme');
  assert.deepEqual(list.names, [':method']);
  assert.equal(list.sizeBytes, 42);
});

test('nothing is stored after the field that broke the limit, however small', () => {
  const list = decode(newDecoder({ maxListSizeBytes: 100 }), '82 00 01 61 1e' + '62'.repeat(30) + '86');
  assert.equal(list.overflowedAt, 'a');
  assert.deepEqual(list.names, [':method']);
});

test('violations behind the limit are still found', () => {
  refuses(newDecoder({ maxFields: 1 }), '82 86 80', 'hpack_index_zero');
});

test('a bomb of references to one large entry costs no more than the limit', () => {
  const decoder = newDecoder({ maxListSizeBytes: 65_536, maxFields: 100 });
  const value = 'v'.repeat(4_000);
  const entry = Buffer.concat([Buffer.from('4001617fa11e', 'hex'), Buffer.from(value)]);
  assert.equal(decoder.decode(entry, 0, entry.length).values[0], value);
  const bomb = Buffer.alloc(16_384, 0xbe);
  const list = decoder.decode(bomb, 0, bomb.length);
  assert.equal(list.overflowedAt, 'a');
  assert.equal(list.length, Math.floor(65_536 / 4_033));
  assert.equal(decoder.table.length, 1);
});

test('a bomb of tiny fields costs no more than the limit', () => {
  const bomb = Buffer.alloc(65_536, 0x82);
  const list = newDecoder({ maxFields: 100 }).decode(bomb, 0, bomb.length);
  assert.equal(list.length, 100);
  assert.equal(list.overflowedAt, ':method');
});

/** Feeds blocks to one decoder, which may refuse them, but only in the one way it may. */
function survives(blocks: readonly Uint8Array[], newLimit: number | null): void {
  const decoder = newDecoder({ maxListSizeBytes: 500, maxFields: 10 });
  try {
    for (const bytes of blocks) {
      const list = decoder.decode(Buffer.from(bytes), 0, bytes.length);
      assert.ok(list.sizeBytes <= 500 && list.length <= 10);
      if (newLimit !== null) decoder.setMaxTableSize(newLimit);
    }
  } catch (error) {
    assert.ok(error instanceof ConnectionError, String(error));
    assert.equal(error.code, ErrorCode.COMPRESSION_ERROR);
  }
  assert.ok(decoder.table.sizeBytes <= decoder.table.maxSizeBytes);
}

test('random bytes decode or throw a ConnectionError of COMPRESSION_ERROR, nothing else', () => {
  const bytes = fc.uint8Array({ maxLength: 60 });
  fc.assert(fc.property(fc.array(bytes, { maxLength: 4 }), fc.option(fc.nat(5_000)), survives), {
    seed: 7541,
    numRuns: 5_000,
  });
});

test('valid blocks with one byte altered or cut off throw nothing else either', () => {
  const blocks = [
    '828684418cf1e3c2e5f23a6ba0ab90f4ff408825a849e95ba97d7f8925a849e95bb8e8b4bf',
    '3fe11f88bec0400a637573746f6d2d6b65790c637573746f6d2d76616c7565bf',
    'be0f2f03313030c1',
  ].map((hex) => Buffer.from(hex, 'hex'));
  fc.assert(
    fc.property(fc.nat(2), fc.nat(40), fc.nat(255), fc.nat(40), (number, place, byte, cut) => {
      const altered = blocks.map((block) => Buffer.from(block));
      altered[number][place % altered[number].length] = byte;
      altered[number] = altered[number].subarray(0, altered[number].length - Math.max(0, cut - 20));
      survives(altered, null);
    }),
    { seed: 7541, numRuns: 5_000 },
  );
});
