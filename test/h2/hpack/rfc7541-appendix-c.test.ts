// The examples of RFC 7541 appendix C: each block decodes to its list and leaves the table the RFC prints. Our encoder
// indexes a field at its second sight only; so a list encoded twice gives the RFC's bytes the second time.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HpackDecoder } from '../../../src/h2/hpack/decoder.ts';
import { HpackEncoder } from '../../../src/h2/hpack/encoder.ts';
import { HeaderList } from '../../../src/h2/hpack/header-list.ts';

type Field = readonly [name: string, value: string];

interface Example {
  readonly section: string;
  readonly hex: string;
  readonly fields: readonly Field[];
  readonly table: readonly Field[];
  readonly tableSizeBytes: number;
}

const GET: Field = [':method', 'GET'];
const HTTP: Field = [':scheme', 'http'];
const ROOT: Field = [':path', '/'];
const AUTHORITY: Field = [':authority', 'www.example.com'];
const NO_CACHE: Field = ['cache-control', 'no-cache'];
const CUSTOM: Field = ['custom-key', 'custom-value'];
const PRIVATE: Field = ['cache-control', 'private'];
const LOCATION: Field = ['location', 'https://www.example.com'];
const DATE_21: Field = ['date', 'Mon, 21 Oct 2013 20:13:21 GMT'];
const DATE_22: Field = ['date', 'Mon, 21 Oct 2013 20:13:22 GMT'];
const GZIP: Field = ['content-encoding', 'gzip'];
const COOKIE: Field = ['set-cookie', 'foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1'];

const SINGLE_FIELDS: readonly Example[] = [
  {
    section: 'C.2.1 literal with indexing',
    hex: '400a637573746f6d2d6b65790d637573746f6d2d686561646572',
    fields: [['custom-key', 'custom-header']],
    table: [['custom-key', 'custom-header']],
    tableSizeBytes: 55,
  },
  {
    section: 'C.2.2 literal without indexing',
    hex: '040c2f73616d706c652f70617468',
    fields: [[':path', '/sample/path']],
    table: [],
    tableSizeBytes: 0,
  },
  {
    section: 'C.2.3 literal never indexed',
    hex: '100870617373776f726406736563726574',
    fields: [['password', 'secret']],
    table: [],
    tableSizeBytes: 0,
  },
  { section: 'C.2.4 indexed', hex: '82', fields: [GET], table: [], tableSizeBytes: 0 },
];

/** C.3 and C.4 have the same lists and tables, and so have C.5 and C.6. */
function requests(section: string, ...hex: readonly string[]): readonly Example[] {
  return [
    {
      section: `${section}.1`,
      hex: hex[0],
      fields: [GET, HTTP, ROOT, AUTHORITY],
      table: [AUTHORITY],
      tableSizeBytes: 57,
    },
    {
      section: `${section}.2`,
      hex: hex[1],
      fields: [GET, HTTP, ROOT, AUTHORITY, NO_CACHE],
      table: [NO_CACHE, AUTHORITY],
      tableSizeBytes: 110,
    },
    {
      section: `${section}.3`,
      hex: hex[2],
      fields: [GET, [':scheme', 'https'], [':path', '/index.html'], AUTHORITY, CUSTOM],
      table: [CUSTOM, NO_CACHE, AUTHORITY],
      tableSizeBytes: 164,
    },
  ];
}

function responses(section: string, ...hex: readonly string[]): readonly Example[] {
  return [
    {
      section: `${section}.1`,
      hex: hex[0],
      fields: [[':status', '302'], PRIVATE, DATE_21, LOCATION],
      table: [LOCATION, DATE_21, PRIVATE, [':status', '302']],
      tableSizeBytes: 222,
    },
    {
      section: `${section}.2`,
      hex: hex[1],
      fields: [[':status', '307'], PRIVATE, DATE_21, LOCATION],
      table: [[':status', '307'], LOCATION, DATE_21, PRIVATE],
      tableSizeBytes: 222,
    },
    {
      section: `${section}.3`,
      hex: hex[2],
      fields: [[':status', '200'], PRIVATE, DATE_22, LOCATION, GZIP, COOKIE],
      table: [COOKIE, GZIP, DATE_22],
      tableSizeBytes: 215,
    },
  ];
}

const PLAIN_REQUESTS = requests(
  'C.3',
  '828684410f7777772e6578616d706c652e636f6d',
  '828684be58086e6f2d6361636865',
  '828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565',
);

const HUFFMAN_REQUESTS = requests(
  'C.4',
  '828684418cf1e3c2e5f23a6ba0ab90f4ff',
  '828684be5886a8eb10649cbf',
  '828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf',
);

const PLAIN_RESPONSES = responses(
  'C.5',
  '4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a323120474d546e17' +
    '68747470733a2f2f7777772e6578616d706c652e636f6d',
  '4803333037c1c0bf',
  '88c1611d4d6f6e2c203231204f637420323031332032303a31333a323220474d54c05a04677a69707738666f6f3d4153' +
    '444a4b48514b425a584f5157454f50495541585157454f49553b206d61782d6167653d333630303b2076657273696f6e3d31',
);

const HUFFMAN_RESPONSES = responses(
  'C.6',
  '488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8' +
    'e9ae82ae43d3',
  '4883640effc1c0bf',
  '88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdfcd5b' +
    '3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007',
);

function decoderWithTableOf(maxTableSizeBytes: number): HpackDecoder {
  return new HpackDecoder({ maxTableSizeBytes, maxListSizeBytes: 65_536, maxFields: 100 });
}

function decodes(decoder: HpackDecoder, example: Example): void {
  const block = Buffer.from(example.hex, 'hex');
  const list = decoder.decode(block, 0, block.length);
  assert.deepEqual(
    list.names.map((name, position) => [name, list.values[position]]),
    example.fields,
  );
  assert.deepEqual(decoder.table.entries(), example.table);
  assert.equal(decoder.table.sizeBytes, example.tableSizeBytes);
}

for (const example of SINGLE_FIELDS) {
  test(`${example.section} decodes`, () => decodes(decoderWithTableOf(4_096), example));
}

test('the field of C.2.3 stays marked as never indexed', () => {
  const block = Buffer.from(SINGLE_FIELDS[2].hex, 'hex');
  assert.deepEqual(decoderWithTableOf(4_096).decode(block, 0, block.length).neverIndexed, [true]);
});

for (const [examples, maxTableSizeBytes] of [
  [PLAIN_REQUESTS, 4_096],
  [HUFFMAN_REQUESTS, 4_096],
  [PLAIN_RESPONSES, 256],
  [HUFFMAN_RESPONSES, 256],
] as const) {
  const decoder = decoderWithTableOf(maxTableSizeBytes);
  for (const example of examples) test(`${example.section} decodes`, () => decodes(decoder, example));
}

test('C.4.1 to C.4.3 are what the encoder writes for a list that repeats', () => {
  const encoder = new HpackEncoder();
  for (const example of HUFFMAN_REQUESTS) {
    encoder.encode(HeaderList.of(...example.fields));
    const { bytes, length } = encoder.encode(HeaderList.of(...example.fields));
    assert.equal(bytes.toString('hex', 0, length), example.hex, example.section);
    assert.deepEqual(encoder.table.entries(), example.table);
    assert.equal(encoder.table.sizeBytes, example.tableSizeBytes);
  }
});
