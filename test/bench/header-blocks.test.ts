import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BlockSeries, plainField } from '../../bench/load/header-blocks.ts';
import { Metadata } from '../../bench/load/metadata.ts';
import { HpackDecoder } from '../../src/h2/hpack/decoder.ts';

const FIXED = [
  ['content-type', 'application/grpc'],
  ['te', 'trailers'],
  ['user-agent', 'x'.repeat(200)],
] as const;

function decoder(maxTableSizeBytes: number): HpackDecoder {
  const made = new HpackDecoder({ maxTableSizeBytes, maxListSizeBytes: 65_536, maxFields: 100 });
  if (maxTableSizeBytes < 4096) made.setMaxTableSize(maxTableSizeBytes);
  return made;
}

function decode(hpack: HpackDecoder, block: Buffer): readonly string[] {
  const list = hpack.decode(block, 0, block.length);
  return list.names.map((name, index) => `${name}: ${list.values[index]}`);
}

for (const tableBytes of [4096, 100, 0]) {
  test(`every block of a series means the same to a peer with a table of ${tableBytes} bytes`, () => {
    const hpack = decoder(tableBytes);
    const series = new BlockSeries([0x83], FIXED, tableBytes);
    const path = plainField(':path', '/a.B/C');
    const expected = [
      ':path: /a.B/C',
      ':method: POST',
      ...FIXED.map(([name, value]) => `${name}: ${value}`),
      'x-id: 1',
    ];
    for (let block = 0; block < 3; block++) {
      assert.deepEqual(decode(hpack, series.next(path, plainField('x-id', '1'))), expected);
    }
  });
}

test('later blocks are short where the peer has a table', () => {
  const series = new BlockSeries([0x83], FIXED, 4096);
  assert.ok(series.next().length > 200);
  assert.equal(series.next().length, 4);
});

test('metadata has as many fields and bytes as it says, and other values each time', () => {
  const metadata = new Metadata('thirty');
  const hpack = decoder(4096);
  const first = decode(hpack, metadata.next());
  const second = decode(hpack, metadata.next());
  assert.equal(first.length, 30);
  assert.equal(first.join('').replaceAll(': ', '').length, metadata.bytes);
  assert.equal(first.filter((text) => second.includes(text)).length, 0);
});
