import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HpackDecoder } from '../../../src/h2/hpack/decoder.ts';
import { HpackEncoder } from '../../../src/h2/hpack/encoder.ts';
import { HeaderList } from '../../../src/h2/hpack/header-list.ts';

type Field = readonly [name: string, value: string];

function hexOf(encoder: HpackEncoder, ...fields: readonly Field[]): string {
  const { bytes, length } = encoder.encode(HeaderList.of(...fields));
  return bytes.toString('hex', 0, length);
}

function times(count: number, action: (number: number) => void): void {
  for (let number = 0; number < count; number++) action(number);
}

/** A field of 34 + `sizeBytes` bytes or so, which no Huffman code makes empty. */
function field(name: string, sizeBytes = 8): Field {
  return [name, 'v'.repeat(sizeBytes)];
}

test('a field of the static table is one byte, even the first time', () => {
  assert.equal(hexOf(new HpackEncoder(), [':method', 'POST'], [':scheme', 'https']), '8387');
});

test('a field is inserted at its second sight and is one byte at its third', () => {
  const encoder = new HpackEncoder();
  assert.equal(hexOf(encoder, ['te', 'xyz']).slice(0, 2), '00');
  assert.equal(encoder.table.length, 0);
  assert.equal(hexOf(encoder, ['te', 'xyz']).slice(0, 2), '40');
  assert.deepEqual(encoder.table.entries(), [['te', 'xyz']]);
  assert.equal(hexOf(encoder, ['te', 'xyz']), 'be');
});

test('a name is referred to where a table has it, the static one first', () => {
  const encoder = new HpackEncoder();
  assert.equal(hexOf(encoder, ['user-agent', '?']), '0f2b013f');
  times(2, () => hexOf(encoder, ['te', 'xyz']));
  assert.equal(hexOf(encoder, ['te', '?']), '0f2f013f');
});

test('strings of a list that comes again are Huffman coded where that is shorter', () => {
  for (const [path, hex] of [
    ['?', '04013f'],
    ['/////', '048461861863'],
  ] as const) {
    // A field whose value changes with each call stays a literal.
    const list = new HeaderList();
    list.add('etag', path);
    const encoder = new HpackEncoder();
    times(2, () => encoder.encode(list));
    const { bytes, length } = encoder.encode(list);
    assert.equal(bytes.toString('hex', 0, length), hex.replace(/^04/, '0f13'));
  }
});

test('a list that comes once is not Huffman coded, which would cost more than its bytes', () => {
  assert.equal(hexOf(new HpackEncoder(), [':path', '/////']), '04052f2f2f2f2f');
});

test('fields the sender marked stay never indexed', () => {
  const encoder = new HpackEncoder();
  times(3, () => {
    const list = new HeaderList();
    list.add(':method', 'GET', true);
    list.add('x-secret', '?', true);
    const { bytes, length } = encoder.encode(list);
    assert.equal(bytes[0], 0x12);
    assert.equal(bytes.toString('latin1', 0, length).includes('\u0010'), true);
  });
  assert.equal(encoder.table.length, 0);
});

test('credentials and short cookies are never indexed, even when their sender forgot to say so', () => {
  const encoder = new HpackEncoder();
  const decoder = new HpackDecoder({ maxTableSizeBytes: 4_096, maxListSizeBytes: 65_536, maxFields: 100 });
  times(3, () => {
    const { bytes, length } = encoder.encode(
      HeaderList.of(
        ['authorization', 'Bearer abcdefghijklmnopqrstuvwxyz'],
        ['proxy-authorization', 'Basic YTpi'],
        ['cookie', 'pin=1234'],
        ['set-cookie', 'pin=1234'],
        ['cookie', 'session=0123456789abcdef0123456789abcdef'],
        ['accept', '*/*'],
      ),
    );
    const list = decoder.decode(bytes, 0, length);
    assert.deepEqual(list.neverIndexed, [true, true, true, true, false, false]);
  });
  assert.deepEqual(encoder.table.entries(), [['accept', '*/*']]);
});

test('values that change with each call never touch the table', () => {
  const encoder = new HpackEncoder();
  times(1_000, (number) => {
    hexOf(
      encoder,
      ['x-request-id', String(number)],
      ['x-user', `user-${number}`],
      ['grpc-timeout', '5S'],
      ['traceparent', `00-${number}-01`],
    );
  });
  assert.equal(encoder.generation, 0);
});

test('a field larger than a quarter of the table is not inserted', () => {
  const encoder = new HpackEncoder();
  times(3, () => hexOf(encoder, ['large', 'v'.repeat(1_024 - 37 + 1)]));
  assert.equal(encoder.table.length, 0);
  times(2, () => hexOf(encoder, ['large', 'v'.repeat(1_024 - 37)]));
  assert.equal(encoder.table.length, 1);
});

test('an entry in use is not evicted; the newcomer stays a literal', () => {
  const encoder = new HpackEncoder();
  const residents = [0, 1, 2, 3].map((number) => field(`resident-${number}`, 980));
  times(2, () => hexOf(encoder, ...residents));
  const { generation } = encoder;
  assert.equal(encoder.table.length, 4);
  times(3_000, () => {
    hexOf(encoder, ...residents);
    assert.notEqual(hexOf(encoder, field('newcomer')), 'be');
  });
  assert.equal(encoder.generation, generation);
});

test('an entry used only by memoised blocks is in use', () => {
  const encoder = new HpackEncoder();
  const residents = HeaderList.of(...[0, 1, 2, 3].map((number) => field(`resident-${number}`, 980)));
  times(5, () => encoder.encode(residents));
  const { generation } = encoder;
  times(3_000, () => {
    encoder.encode(residents);
    hexOf(encoder, field('newcomer'));
  });
  assert.equal(encoder.generation, generation);
});

test('entries out of use make room', () => {
  const encoder = new HpackEncoder();
  times(2, () => hexOf(encoder, ...[0, 1, 2, 3].map((number) => field(`resident-${number}`, 980))));
  times(1_030, () => hexOf(encoder, [':method', 'GET']));
  times(2, () => hexOf(encoder, field('newcomer', 700)));
  assert.deepEqual(
    encoder.table.entries().map(([name]) => name),
    ['newcomer', 'resident-3', 'resident-2', 'resident-1'],
  );
  assert.equal(hexOf(encoder, field('newcomer', 700)), 'be');
});

test('a smaller table is signalled at the start of the next block, once', () => {
  const encoder = new HpackEncoder();
  times(2, () => hexOf(encoder, ['te', 'xyz']));
  encoder.setPeerMaxTableSize(30);
  assert.equal(hexOf(encoder, [':method', 'GET']), '3e82');
  assert.equal(hexOf(encoder, [':method', 'GET']), '82');
  assert.equal(encoder.table.length, 0);
});

test('a size that fell and rose between blocks is signalled as both', () => {
  const encoder = new HpackEncoder();
  for (const bytes of [100, 0, 4_096]) encoder.setPeerMaxTableSize(bytes);
  assert.equal(hexOf(encoder, [':method', 'GET']), '203fe11f82');
});

test('a peer that allows more than 4096 bytes changes nothing', () => {
  const encoder = new HpackEncoder();
  encoder.setPeerMaxTableSize(65_536);
  encoder.setPeerMaxTableSize(4_096);
  assert.equal(hexOf(encoder, [':method', 'GET']), '82');
  assert.equal(encoder.table.maxSizeBytes, 4_096);
});

test('a table made smaller by its own option is signalled with the first block', () => {
  const encoder = new HpackEncoder({ maxTableSizeBytes: 0 });
  assert.equal(hexOf(encoder, [':method', 'GET']), '2082');
  times(3, () => hexOf(encoder, ['te', 'xyz']));
  assert.equal(encoder.table.length, 0);
});

test('a block larger than any before is encoded whole', () => {
  const value = '\u0000'.repeat(300_000);
  const { bytes, length } = new HpackEncoder().encode(HeaderList.of(['large', value]));
  const decoder = new HpackDecoder({ maxTableSizeBytes: 4_096, maxListSizeBytes: 400_000, maxFields: 1 });
  assert.equal(decoder.decode(bytes, 0, length).values[0], value);
});
