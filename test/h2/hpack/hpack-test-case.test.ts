// The vectors of github.com/http2jp/hpack-test-case: blocks of several implementations decode to the lists they came
// from, and the lists survive our own encoder. The vectors are not part of the repository.

import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { HpackDecoder } from '../../../src/h2/hpack/decoder.ts';
import { HpackEncoder } from '../../../src/h2/hpack/encoder.ts';
import { HeaderList } from '../../../src/h2/hpack/header-list.ts';

interface Case {
  readonly wire?: string;
  readonly headers: readonly Readonly<Record<string, string>>[];
  readonly header_table_size?: number | null;
}

const FOLDER = join(import.meta.dirname, '../../../../shared/data/hpack-test-case');
const RAW_DATA = 'raw-data';
const IMPLEMENTATIONS = [
  'go-hpack',
  'nghttp2',
  'nghttp2-16384-4096',
  'nghttp2-change-table-size',
  'swift-nio-hpack-huffman',
];

const skip = existsSync(FOLDER) ? false : 'the vectors are not on this machine';

function stories(implementation: string): readonly (readonly Case[])[] {
  const folder = join(FOLDER, implementation);
  const files = readdirSync(folder).filter((file) => file.endsWith('.json'));
  return files.map((file) => {
    const story: { readonly cases: readonly Case[] } = JSON.parse(readFileSync(join(folder, file), 'utf8'));
    return story.cases;
  });
}

function listOf({ headers }: Case): HeaderList {
  return HeaderList.of(...headers.flatMap((header) => Object.entries(header)));
}

function newDecoder(): HpackDecoder {
  return new HpackDecoder({ maxTableSizeBytes: 4_096, maxListSizeBytes: 1_048_576, maxFields: 1_000 });
}

function equalFields(actual: HeaderList, expected: HeaderList): void {
  assert.deepEqual(actual.names, expected.names);
  assert.deepEqual(actual.values, expected.values);
}

for (const implementation of IMPLEMENTATIONS) {
  test(`all stories of ${implementation} decode`, { skip }, () => {
    for (const story of stories(implementation)) {
      const decoder = newDecoder();
      for (const each of story) {
        if (typeof each.header_table_size === 'number') decoder.setMaxTableSize(each.header_table_size);
        const block = Buffer.from(each.wire ?? '', 'hex');
        equalFields(decoder.decode(block, 0, block.length), listOf(each));
      }
    }
  });
}

test('all stories of raw-data survive our encoder and decoder, and are smaller than their bytes', {
  skip,
}, () => {
  let plainBytes = 0;
  let encodedBytes = 0;
  for (const story of stories(RAW_DATA)) {
    const encoder = new HpackEncoder();
    const decoder = newDecoder();
    for (const each of story) {
      const list = listOf(each);
      const { bytes, length } = encoder.encode(list);
      equalFields(decoder.decode(bytes, 0, length), list);
      assert.equal(decoder.table.sizeBytes, encoder.table.sizeBytes);
      plainBytes += list.sizeBytes - 32 * list.length;
      encodedBytes += length;
    }
  }
  assert.ok(encodedBytes < plainBytes * 0.5, `${encodedBytes} of ${plainBytes} bytes`);
});
